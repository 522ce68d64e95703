"""Customers in the hall, over HTTP and in a phone-sized browser, with real experiment processes behind it."""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from eastwind.errors import msg
from eastwind.settings import secret_key
from eastwind.web.hall import enter_token
from tests.journeys.console_support import launch

from .conftest import PLACE, TEAM, Town, press


def test_hall__both_arms__each_sees_its_way_and_is_recorded(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "50")
    treated, control = town.accounts("outage-lookup", "treatment")[0], town.accounts("outage-lookup", "control")[0]
    new = town.visitor(treated).get(f"{town.url}/outages")
    assert new.status_code == 200 and 'id="outage-title"' in new.text and "Leave the trial" in new.text
    old = town.visitor(control).get(f"{town.url}/outages")
    assert old.status_code == 200 and "Outage notices" in old.text and "95598" in old.text
    assert "on trial" not in old.text and 'id="outage-title"' not in old.text
    assert town.seen(treated) == ["treatment"] and town.seen(control) == ["control"]
    assert town.outcomes(treated)["found_answer"] == [1] and town.outcomes(treated)["error"] == [0]
    assert town.outcomes(control)["error"] == [0] and town.outcomes(control)["failed_first_contact"] == [0]
    assert town.outcomes(control)["latency_ms"][0] > 0


def test_hall__nothing_open__todays_way_unrecorded(town: Town) -> None:
    account = town.grid.sample_accounts(1, 1)[0]
    bill = town.visitor(account).get(f"{town.url}/bill")
    assert bill.status_code == 200 and re.search(r"¥\d+\.\d\d", bill.text)
    assert town.seen(account) == [] and town.outcomes(account) == {}


def test_hall__todays_way_from_the_new_one__is_not_a_second_contact(town: Town) -> None:
    town.ship("bill-explainer")
    town.open("bill-explainer", "100")
    account = town.grid.sample_accounts(1, 1)[0]
    visitor = town.visitor(account)
    assert "By tariff" in visitor.get(f"{town.url}/bill").text
    old = visitor.get(f"{town.url}/bill?way=today")
    assert "Your newest bill" in old.text and "Try the new way" in old.text and "By tariff" not in old.text
    assert town.seen(account) == ["treatment"] and len(town.outcomes(account)["latency_ms"]) == 1


def test_hall__leave__is_back_on_todays_way_for_good(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    account = town.grid.sample_accounts(1, 1)[0]
    visitor = town.visitor(account)
    page = visitor.get(f"{town.url}/outages")
    left = press(visitor, page, "/leave")
    assert left.status_code == 200 and "You have left the trial" in left.text and "Outage notices" in left.text
    again = town.visitor(account).get(f"{town.url}/outages")
    assert "Outage notices" in again.text and "Try the new way" not in again.text
    assert town.seen(account) == ["treatment"] and len(town.outcomes(account)["latency_ms"]) == 1


def test_hall__pilot__sees_it_at_a_tiny_share(town: Town) -> None:
    town.ship("outage-lookup")
    account = town.grid.sample_accounts(1, 7)[0]
    town.open("outage-lookup", "0.001", pilots=(account,))
    assert "Leave the trial" in town.visitor(account).get(f"{town.url}/outages").text
    assert town.seen(account) == ["pilot"]


def test_hall__closed__next_request_is_todays_way(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert "Leave the trial" in visitor.get(f"{town.url}/outages").text
    town.experiments.close("outage-lookup", PLACE, msg("enough"), TEAM)
    time.sleep(0.3)
    assert "Outage notices" in visitor.get(f"{town.url}/outages").text


def test_hall__chinese__all_the_way_into_the_experiment(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    page = town.visitor(town.grid.sample_accounts(1, 1)[0], "zh-CN").get(f"{town.url}/outages")
    assert '<html lang="zh-Hans">' in page.text and "您家停电了吗" in page.text


def test_hall__language_switch__stays(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    page = press(visitor, visitor.get(f"{town.url}/"), "/language", language="zh")
    assert '<html lang="zh-Hans">' in page.text
    assert '<html lang="zh-Hans">' in visitor.get(f"{town.url}/bill").text


# -- what customers tell us -------------------------------------------------------------------------


def test_hall__feedback__is_recorded_once_per_tap(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    glad, sad = town.grid.sample_accounts(2, 1)
    for account, answer, words in ((glad, "yes", "glad"), (sad, "no", "sorry")):
        visitor = town.visitor(account)
        page = visitor.get(f"{town.url}/outages")
        thanks = press(visitor, page, "/outages/helped", answer=answer)
        assert thanks.status_code == 200 and words in thanks.text
        visitor.get(thanks.url)  # reloading the answer's page tells nothing twice
    assert town.outcomes(glad)["helped"] == [1] and town.outcomes(sad)["helped"] == [0]
    assert town.outcomes(sad)["failed_first_contact"] == [0]
    called = press(visitor, page, "/outages/call")
    assert 'href="tel:95598"' in called.text and town.outcomes(sad)["hotline_call"] == [1]


@pytest.mark.parametrize("answer", ["", "perhaps", "yes\x00"])
def test_hall__bad_answer__is_refused(town: Town, answer: str) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert press(visitor, visitor.get(f"{town.url}/bill"), "/bill/helped", answer=answer).status_code == 400


def test_hall__form_without_its_token__is_refused(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert visitor.post(f"{town.url}/leave", data={"service": "bill"}).status_code == 400
    assert visitor.post(f"{town.url}/bill/helped", data={"answer": "yes"}).status_code == 400


# -- a phone ----------------------------------------------------------------------------------------


def test_hall__on_a_phone__without_javascript(town: Town, tmp_path: Path) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["outage"]
    for slug in ("outage-lookup", "bill-explainer"):
        town.ship(slug)
        town.open(slug, "100")
    with sync_playwright() as tool:
        browser = launch(tool)
        phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True,
                 "has_touch": True, "java_script_enabled": False, "locale": "en"}
        walk(browser.new_page(color_scheme="light", **phone), town.url, known, tmp_path)
        night = browser.new_page(color_scheme="dark", **phone)
        token = enter_token(secret_key(town.settings), known["account"])
        night.goto(f"{town.url}/enter?service=bill&token={token}")
        night.screenshot(path=str(tmp_path / "bill-dark.png"), full_page=True)
        browser.close()
    assert town.outcomes(known["account"])["helped"] == [1]


def walk(page: Page, url: str, known: dict[str, str], folder: Path) -> None:
    def shoot(name: str) -> None:
        page.screenshot(path=str(folder / f"{name}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name

    loaded: list[tuple[str, int]] = []
    page.on("response", lambda r: loaded.append((r.url, len(r.body()))))
    page.goto(f"{url}/outages")
    shoot("1-sign-in")
    assert all(u.startswith((url.removesuffix("/hall"), "data:")) for u, _ in loaded), loaded
    assert sum(size for _, size in loaded) < 100_000
    page.get_by_label("Account number").fill(known["account"])
    page.get_by_label("PIN").fill(known["pin"])
    page.get_by_role("button", name="Sign in").click()
    assert page.locator("#outage-title").is_visible()
    shoot("2-outages-new")
    page.get_by_role("link", name="Today's way").click()
    assert page.get_by_role("heading", name="Outage notices").is_visible()
    shoot("3-outages-today")
    page.get_by_role("link", name="Online hall").click()
    shoot("4-home")
    page.get_by_role("link", name="Electricity bill").click()
    shoot("5-bill-new")
    page.get_by_role("button", name="Yes").click()
    assert page.get_by_role("heading", name="Thank you").is_visible()
    shoot("6-thanks")
    page.goto(f"{url}/bill?way=today")
    shoot("7-bill-today")
    page.get_by_role("button", name="Call 95598").click()
    assert page.locator('a[href="tel:95598"]').is_visible()
    shoot("8-hotline")
    page.get_by_role("button", name="中文").click()
    page.get_by_role("link", name=re.compile("bill|电费", re.IGNORECASE)).click()
    shoot("9-bill-zh")
