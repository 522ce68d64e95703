"""The bill explainer as it is shipped: its real process, on a real back office; and the reasoning by itself."""

import importlib
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from eastwind_sdk.testing import Office, Running, running, sample_backoffice

FOLDER = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with sample_backoffice(tmp_path_factory.mktemp("office")) as it:
        yield it


@pytest.fixture(scope="module")
def explainer(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(FOLDER, office.url, tmp_path_factory.mktemp("data")) as it:
        yield it


@pytest.fixture(scope="module")
def own() -> Iterator[dict[str, ModuleType]]:
    """The experiment's own modules, importable as the runner makes them."""
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in ("explain", "chart", "words")}
    sys.path.remove(str(FOLDER))


def bills(office: Office, account: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = requests.get(f"{office.url}/customers/{account}/bills", timeout=5).json()["bills"]
    return told


def bill(month: str, days: int, kwh: int, price: float = 0.6) -> dict[str, Any]:
    amount = round(kwh * price, 2)
    line = {"period": "step-1", "kwh": kwh, "price": price, "amount": amount}
    return {"month": month, "days": days, "total_kwh": kwh, "amount": amount, "lines": [line]}


def test_page__this_bill_beside_the_last_twelve(office: Office, explainer: Running) -> None:
    account = office.accounts[0]
    page, known = explainer.get(account=account), bills(office, account)
    assert f"¥{known[-1]['amount']:,.2f}" in page.text
    assert page.text.count("<title>") == 13
    assert page.headers["X-Eastwind-Outcomes"] == '{"explained":1}'
    assert f"{known[0]['total_kwh']} kWh" in page.text


def test_page__each_tariff__shows_its_parts(office: Office, explainer: Running) -> None:
    seen = set()
    for account in office.accounts[:60]:
        periods = {line["period"] for line in bills(office, account)[-1]["lines"]}
        page = explainer.get(account=account).text
        seen |= periods
        assert ("Night hours" in page) == ("valley" in periods)
        assert ("Step 1" in page) == ("step-1" in periods)
    assert {"step-1", "valley"} <= seen


def test_page__in_chinese(office: Office, explainer: Running) -> None:
    page = explainer.get(account=office.accounts[0], language="zh").text
    assert "读懂您的电费" in page and "日常用电" in page and "Your bill" not in page


def test_page__is_a_fragment_that_a_strict_policy_allows(office: Office, explainer: Running) -> None:
    page = explainer.get(account=office.accounts[0]).text
    assert not re.search(r"<script|<style|<html|\sstyle=|\son[a-z]+=", page)
    assert len(page) < 20_000


def test_page__unknown_account__is_a_failure(explainer: Running) -> None:
    assert explainer.get(account="0000000000").status_code == 500


def test_drill__error__then_back(office: Office, explainer: Running) -> None:
    explainer.drill("error")
    assert explainer.get(account=office.accounts[0]).status_code == 500
    explainer.drill("none")
    assert explainer.get(account=office.accounts[0]).status_code == 200


def test_change__every_customer__reasons_add_up_to_the_cent(office: Office, own: dict[str, ModuleType]) -> None:
    explain = own["explain"]
    for account in office.accounts[:40]:
        months = explain.read(bills(office, account))
        for before, now in itertools.pairwise(months):
            difference = explain.change(now, before)
            assert round(difference.season + difference.use + difference.price, 2) == difference.total
            assert difference.total == round(now.amount - before.amount, 2)
            assert now.base_kwh + now.season_kwh == pytest.approx(now.kwh)
            assert now.season_kwh >= 0


def test_sentence__hot_month__blames_the_cooling(own: dict[str, ModuleType]) -> None:
    explain, words = own["explain"], own["words"]
    before, now = explain.read(
        [
            bill("2026-04", 30, 150),
            bill("2026-02", 28, 140),
            bill("2026-03", 31, 155),
            bill("2026-06", 30, 150),
            bill("2026-07", 31, 355),
        ]
    )[-2:]
    told = words.sentence(explain.change(now, before), now, before, "en")
    assert told.startswith("You pay ¥123.00 more than in June 2026. Cooling in the warm season: ¥120.00 more")
    assert "比2026年6月多付 ¥123.00：夏季制冷多 ¥120.00" in words.sentence(
        explain.change(now, before), now, before, "zh"
    )


def test_sentence__dearer_kwh__blames_the_price(own: dict[str, ModuleType]) -> None:
    explain, words = own["explain"], own["words"]
    before, now = explain.read([bill("2026-04", 30, 150), bill("2026-06", 30, 150, 0.7)])
    told = words.sentence(explain.change(now, before), now, before, "en")
    assert told == "You pay ¥15.00 more than in April 2026. The average price of a kWh: ¥15.00 more."


def test_sentence__same_again(own: dict[str, ModuleType]) -> None:
    explain, words = own["explain"], own["words"]
    before, now = explain.read([bill("2026-04", 30, 150), bill("2026-06", 30, 151)])
    assert words.sentence(explain.change(now, before), now, before, "en") == "About the same as in April 2026."


@pytest.mark.parametrize("kwh", [[], [0], [0, 0, 0], [5, 0, 7]])
def test_bars__little_or_nothing_used__still_drawn(own: dict[str, ModuleType], kwh: list[int]) -> None:
    months = own["explain"].read([bill(f"2026-{i + 1:02d}", 28, used) for i, used in enumerate(kwh)])
    drawn = own["chart"].bars(months)
    assert len(drawn) == len(kwh)
    assert all(0 <= piece.y <= own["chart"].FLOOR for bar in drawn for piece in bar.pieces)
