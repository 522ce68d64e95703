"""The outage look-up as it is shipped: its real process, on a real back office."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
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
def lookup(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(FOLDER, office.url, tmp_path_factory.mktemp("data")) as it:
        yield it


def known(office: Office, account: str) -> Any:
    return requests.get(f"{office.url}/customers/{account}/outages", timeout=5).json()


def test_lookup__feeder_down__says_so_and_when_it_is_back(office: Office, lookup: Running) -> None:
    account = office.examples["outage"]["account"]
    answer = lookup.get(account=account)
    outage = known(office, account)["outages"][0]
    assert "Power is out on your feeder" in answer.text
    assert f"{datetime.fromisoformat(outage['expected_restoration']):%m-%d %H:%M}" in answer.text
    assert outage["cause"] in answer.text
    assert answer.headers["X-Eastwind-Outcomes"] == '{"found_answer":1,"outage_shown":1}'


def test_lookup__nothing_known__says_so_and_shows_the_path(office: Office, lookup: Running) -> None:
    account = office.examples["no_outage"]["account"]
    answer = lookup.get(account=account)
    path = known(office, account)
    assert "No outage known on your feeder" in answer.text
    assert all(path[part]["name"] in answer.text for part in ("station", "feeder", "transformer"))
    assert answer.headers["X-Eastwind-Outcomes"] == '{"found_answer":1,"outage_shown":0}'


def test_lookup__in_chinese(office: Office, lookup: Running) -> None:
    assert "您所在线路正在停电" in lookup.get(account=office.examples["outage"]["account"], language="zh").text
    assert "目前没有已知停电" in lookup.get(account=office.examples["no_outage"]["account"], language="zh").text


def test_lookup__every_customer__gets_the_answer_of_the_back_office(office: Office, lookup: Running) -> None:
    for account in office.accounts[::7]:
        outages = known(office, account)["outages"]
        answer = lookup.get(account=account)
        assert answer.status_code == 200
        assert ("No outage known" in answer.text) == (not outages)


def test_lookup__a_cause_with_markup__is_only_text(office: Office, lookup: Running) -> None:
    account = office.examples["no_outage"]["account"]
    feeder = known(office, account)["feeder"]["id"]
    body = {"feeder": feeder, "cause": "<script>alert(1)</script>", "expected_minutes": 30}
    assert requests.post(f"{office.url}/outages", json=body, timeout=5).status_code == 201
    page = lookup.get(account=account).text
    assert "&lt;script&gt;" in page and "<script" not in page
    assert "in about 30 min" in page


def test_lookup__page__is_a_fragment_that_a_strict_policy_allows(office: Office, lookup: Running) -> None:
    page = lookup.get(account=office.examples["outage"]["account"]).text
    assert not re.search(r"<script|<style|<html|\sstyle=|\son[a-z]+=", page)


def test_lookup__unknown_account__is_a_failure_not_a_wrong_answer(lookup: Running) -> None:
    assert lookup.get(account="0000000000").status_code == 500


def test_lookup__error_drill__fails_and_comes_back(office: Office, lookup: Running) -> None:
    account = office.accounts[0]
    lookup.drill("error")
    before = lookup.ask("/_eastwind/counts").json()["errors"]
    assert lookup.get(account=account).status_code == 500
    assert lookup.ask("/_eastwind/counts").json()["errors"] == before + 1
    lookup.drill("none")
    assert lookup.get(account=account).status_code == 200


def test_lookup__without_the_key__is_refused(lookup: Running) -> None:
    assert requests.get(lookup.url, timeout=5).status_code == 403
