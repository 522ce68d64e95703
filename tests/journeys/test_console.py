"""The console, as its three kinds of people use it, and what it must never do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.routing import Rule

from eastwind.app import House, create_app
from eastwind.errors import Busy
from eastwind.host import Answer, Fault
from eastwind.people import RIGHTS
from eastwind.web.console.rights import MARK, local_path
from eastwind.web.console.sign_in import Attempts
from tests.journeys.console_support import (
    PASSWORD,
    PEOPLE,
    SLUG,
    Platform,
    a_house,
    a_platform,
    launch,
    scrolls_sideways,
    sign_in,
)

HTML = {"Accept": "text/html"}
# What nobody needs a right for: to sign in and out, and to choose a language.
OPEN_TO_ALL = {"console.sign_in", "console.sign_in_now", "console.sign_out", "console.choose_language"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Rooms without running processes."""
    yield a_house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def app(house: House) -> Iterator[Flask]:
    """The web application over them."""
    yield create_app(house)
    house.publisher.stop()
    house.arrivals.stop()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything running."""
    with a_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def console_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("console.")]


def token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def signed_in(app: Flask, name: str) -> tuple[FlaskClient, str]:
    client = app.test_client()
    form = {"csrf_token": token(client.get("/sign-in").text), "name": name, "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 303
    return client, token(client.get("/", headers=HTML).text)


# -- rights, without a browser --------------------------------------------------------------------------------------


def test_route__each_of_the_console__names_a_right_or_is_open_to_all(app: Flask) -> None:
    for rule in console_rules(app):
        right = getattr(app.view_functions[rule.endpoint], MARK, None)
        assert (rule.endpoint in OPEN_TO_ALL) != (right in RIGHTS), rule


def test_route__nobody_signed_in__leads_to_the_sign_in(app: Flask) -> None:
    client = app.test_client()
    form = {"csrf_token": token(client.get("/sign-in").text)}
    for rule in console_rules(app):
        if rule.endpoint not in OPEN_TO_ALL:
            path, post = rule.rule.replace("<slug>", SLUG), "POST" in (rule.methods or ())
            answer = client.post(path, data=form) if post else client.get(path)
            assert (answer.status_code, answer.location.split("?")[0]) == (303, "/sign-in"), rule


@pytest.mark.parametrize("name", PEOPLE)
def test_route__right_of_another_role__is_forbidden(app: Flask, name: str) -> None:
    client, csrf = signed_in(app, name)
    for rule in console_rules(app):
        right = getattr(app.view_functions[rule.endpoint], MARK, None)
        if right is not None and PEOPLE[name] not in RIGHTS[right]:
            answer = client.post(rule.rule.replace("<slug>", SLUG), data={"csrf_token": csrf}, headers=HTML)
            assert answer.status_code == 403, rule
            assert "does not include this" in answer.text


def test_post__without_token__changes_nothing(app: Flask) -> None:
    client, _csrf = signed_in(app, "lin")
    for rule in console_rules(app):
        if "POST" in (rule.methods or ()):
            assert client.post(rule.rule.replace("<slug>", SLUG), headers=HTML).status_code == 400, rule


def test_page__unknown_experiment_or_environment__is_not_found(app: Flask) -> None:
    client, csrf = signed_in(app, "lin")
    assert client.get("/experiments/nowhere", headers=HTML).status_code == 404
    assert client.get(f"/experiments/{SLUG}?environment=nowhere", headers=HTML).status_code == 404
    form = {"csrf_token": csrf, "environment": "nowhere"}
    assert client.post(f"/experiments/{SLUG}/close", data=form, headers=HTML).status_code == 404


@pytest.mark.parametrize("share", ["", "abc", "-1", "1e3", "NaN", "101", "0.15", "9" * 400])
def test_open__share_that_is_none__says_so_beside_the_form(app: Flask, share: str) -> None:
    client, csrf = signed_in(app, "lin")
    form = {"csrf_token": csrf, "environment": "development", "share": share, "pilots": ""}
    answer = client.post(f"/experiments/{SLUG}/open", data=form, headers=HTML)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_live__nothing_new__is_not_sent_again(app: Flask) -> None:
    client, _csrf = signed_in(app, "wu")
    first = client.get(f"/experiments/{SLUG}/live?environment=development", headers=HTML)
    assert first.status_code == 200
    again = client.get(f"/experiments/{SLUG}/live?environment=development",
                       headers={**HTML, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("address", [
    "//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "javascript:alert(1)", "\t//elsewhere",
    "/\t/elsewhere", "///elsewhere", "elsewhere", "", None, "/" + "a" * 3000, "http:///elsewhere", "//[",
])
def test_next__leads_elsewhere__is_not_followed(address: str | None) -> None:
    assert local_path(address) == "/"


def test_next__local__is_kept() -> None:
    assert local_path("/experiments/a?environment=b") == "/experiments/a?environment=b"


def test_sign_in__guessing__is_slowed_by_name_and_by_address() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    for number in range(5):
        attempts.begin(f"10.0.0.{number}", "lin")
    with pytest.raises(Busy):
        attempts.begin("10.0.0.9", "Lin")
    for number in range(10):
        attempts.begin("10.1.1.1", f"somebody-{number}")
    with pytest.raises(Busy):
        attempts.begin("10.1.1.1", "somebody-else")
    now[0] = 61.0
    attempts.begin("10.1.1.1", "lin")


def test_sign_in__many_that_are_right__are_not_slowed() -> None:
    attempts = Attempts()
    for _number in range(20):
        attempts.begin("10.0.0.1", "lin")
        attempts.succeeded("10.0.0.1", "lin")


def test_sign_in__wrong_too_often__is_429(app: Flask) -> None:
    client = app.test_client()
    form = {"csrf_token": token(client.get("/sign-in").text), "name": "nobody", "password": "wrong"}
    statuses = [client.post("/sign-in", data=form, headers=HTML).status_code for _number in range(6)]
    assert statuses == [401] * 5 + [429]


# -- journeys, in a browser -----------------------------------------------------------------------------------------


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of one's own, of a person who reads English."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    yield made
    made.close()


def headline(page: Page) -> str:
    return page.locator("[data-live=stage] strong").first.inner_text()


def test_journey__innovator_reviews_opens_and_closes__manager_reads(
        platform: Platform, browser: Browser, context: BrowserContext, tmp_path: Path) -> None:
    page = sign_in(context, platform, "lin", f"/experiments/{SLUG}")
    surprises: list[str] = []
    page.on("pageerror", lambda error: surprises.append(str(error)))
    assert headline(page) == "Not ready to open"

    # refused, with the reason and what to do, beside the form
    page.get_by_label("Share of customers").fill("1")
    page.get_by_role("button", name="Set the share").click()
    expect(page.locator("#widen [role=alert]")).to_contain_text("Run a readiness review for 1 % first")
    assert platform.house.experiments.open_runs() == []

    # reviewed, with progress that moves without reloading
    page.get_by_label("Share to review").fill("1")
    page.get_by_role("button", name="Run a review", exact=True).click()
    review = page.locator("[data-live=review]")
    expect(review.locator("progress")).to_be_visible(timeout=8000)
    expect(review).to_contain_text("measuring", timeout=15000)
    expect(review.locator(".badge").first).to_have_text("ready", timeout=30000)
    expect(page.locator("[data-live=stage] strong").first).to_have_text("Ready to open, to 1 % at the most")

    # opened, and closed by one click
    page.get_by_label("Share of customers").fill("1")
    page.get_by_role("button", name="Set the share").click()
    expect(page.locator("[data-live=stage] strong").first).to_have_text("Open to 1 % of customers")
    page.get_by_role("button", name="Close now").click()
    expect(page.get_by_role("status").first).to_contain_text("everybody is on today's way")
    assert platform.house.experiments.open_runs() == []
    expect(page.locator("[data-live=timeline]")).to_contain_text("Closed: everybody is on today's way")
    assert surprises == []

    # the manager reads the report, and has no button that opens
    with browser.new_context(locale="en-GB") as own:
        manager = sign_in(own, platform, "chen", f"/experiments/{SLUG}")
        expect(manager.get_by_role("button", name="Set the share")).to_have_count(0)
        expect(manager.get_by_role("button", name="Open to")).to_have_count(0)
        manager.get_by_role("link", name="Report").click()
        expect(manager.get_by_role("heading", name="The answer")).to_be_visible()
        expect(manager.get_by_text("too few").first).to_be_visible()


def test_list__folder_with_errors__names_every_one(platform: Platform, context: BrowserContext) -> None:
    page = sign_in(context, platform, "wu")
    broken = page.locator("[data-entry]", has_text="broken-one")
    for field in ("name", "owner", "unit", "metrics", "app.py"):
        expect(broken.locator("code", has_text=re.compile(f"^{re.escape(field)}$"))).to_have_count(1)
    expect(page.get_by_role("link", name="Outage look-up")).to_be_visible()


def test_close__without_script__is_one_click(platform: Platform, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False, locale="en-GB") as own:
        page = sign_in(own, platform, "lin", f"/experiments/{SLUG}?environment=development")
        page.get_by_role("button", name="Open to 0.1").click()
        page.get_by_role("button", name="Close now").click()
        expect(page.get_by_role("status").first).to_contain_text("everybody is on today's way")
    assert platform.house.experiments.open_runs() == []


def test_drill__errors__are_the_experiments_own_and_end(platform: Platform, context: BrowserContext) -> None:
    page = sign_in(context, platform, "wu", f"/experiments/{SLUG}")
    account = platform.house.grid.sample_accounts(1, 1)[0]

    def asked() -> Answer | Fault:
        return platform.house.front.call(SLUG, "GET", "/", customer=account, arm="pilot", channel="web", language="en")

    for button, kind in (("Raise errors", Fault), ("End the drill", Answer)):
        page.get_by_text("Fault drill", exact=True).first.click()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("status").first).to_contain_text("drill")
        assert isinstance(asked(), kind)
    expect(page.locator("[data-live=timeline]")).to_contain_text("Fault drill: error")


def test_live__server_away__says_that_it_may_be_old(platform: Platform, context: BrowserContext) -> None:
    page = sign_in(context, platform, "chen", f"/experiments/{SLUG}")
    context.set_offline(True)
    expect(page.get_by_text("what you see may be old")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_text("what you see may be old")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", f"/experiments/{SLUG}", f"/experiments/{SLUG}/report", "/experiments/nowhere"])
def test_phone__any_page__does_not_scroll_sideways(platform: Platform, browser: Browser, path: str) -> None:
    with browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB") as own:
        page = sign_in(own, platform, "lin", path)
        assert not scrolls_sideways(page)


def test_language__chosen__is_chinese_and_stays(platform: Platform, context: BrowserContext) -> None:
    page = sign_in(context, platform, "wu", f"/experiments/{SLUG}")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="停电查询")).to_be_visible()
    expect(page.get_by_role("button", name="退出")).to_be_visible()
    page.goto(platform.url + "/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
