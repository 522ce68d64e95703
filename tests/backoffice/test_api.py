import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from eastwind_sdk.testing import Office, free_port, sample_backoffice


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with sample_backoffice(tmp_path_factory.mktemp("office")) as running:
        yield running


def get(office: Office, path: str) -> Any:
    answer = requests.get(office.url + path, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(office: Office, path: str, body: object) -> requests.Response:
    return requests.post(office.url + path, json=body, timeout=5)


def test_health__names_the_build(office: Office) -> None:
    told = get(office, "/health")
    note = json.loads((office.folder / "sample.json").read_text(encoding="utf-8"))
    assert told == {"status": "ok", "build": note["build"]}


def test_customer__never_shows_the_pin(office: Office) -> None:
    account = office.accounts[0]
    told = get(office, f"/customers/{account}")
    assert told["account"] == account
    assert set(told) == {"account", "name", "address", "tariff", "bureau", "channel", "transformer"}


def test_outages__on_a_feeder_that_is_down__are_current_with_a_time(office: Office) -> None:
    account = office.examples["outage"]["account"]
    told = get(office, f"/customers/{account}/outages")
    current = [outage for outage in told["outages"] if outage["current"]]
    assert current[0]["feeder"] == told["feeder"]["id"]
    assert datetime.fromisoformat(current[0]["expected_restoration"]).utcoffset() is not None


def test_outages__elsewhere__are_none(office: Office) -> None:
    account = office.examples["no_outage"]["account"]
    assert get(office, f"/customers/{account}/outages")["outages"] == []


def test_start_outage__then_its_customers_and_the_notices_know(office: Office) -> None:
    account = office.examples["no_outage"]["account"]
    feeder = get(office, f"/customers/{account}/grid")["feeder"]
    answer = post(office, "/outages", {"feeder": feeder["id"], "cause": "a kite", "expected_minutes": 5})
    assert answer.status_code == 201
    (told,) = get(office, f"/customers/{account}/outages")["outages"]
    assert (told["cause"], told["current"], told["id"]) == ("a kite", True, answer.json()["id"])
    assert any(
        "a kite" in notice["text"] and feeder["name"] in notice["text"] for notice in get(office, "/notices")["notices"]
    )


def test_bills__thirteen_months__each_the_sum_of_its_lines(office: Office) -> None:
    for account in office.accounts[:20]:
        bills = get(office, f"/customers/{account}/bills")["bills"]
        assert len(bills) == 13
        for bill in bills:
            assert round(sum(line["amount"] for line in bill["lines"]), 2) == bill["amount"]
            assert sum(bill["kwh"].values()) == bill["total_kwh"]


def test_verify__right_and_wrong_pin(office: Office) -> None:
    who = office.examples["outage"]
    path = f"/customers/{who['account']}/verify"
    assert post(office, path, {"pin": who["pin"]}).json() == {"verified": True}
    assert post(office, path, {"pin": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status", "names"),
    [
        ("/outages", {"feeder": "F9999", "cause": "x", "expected_minutes": 5}, 404, "feeder"),
        ("/outages", {"feeder": "F0001", "cause": "", "expected_minutes": 5}, 400, "cause"),
        ("/outages", {"feeder": "F0001", "cause": "x", "expected_minutes": True}, 400, "expected_minutes"),
        ("/outages", {"feeder": "F0001", "cause": "x", "expected_minutes": 0}, 400, "expected_minutes"),
        ("/outages", {"feeder": 1}, 400, "feeder"),
        ("/outages", ["x"], 400, "body"),
        ("/outages", {"cause": "x" * 5000}, 413, ""),
        ("/customers/0000000000/verify", {"pin": "1"}, 404, "account"),
        ("/customers/12/verify", {"pin": "1"}, 400, "account"),
    ],
)
def test_bad_input__status_and_field(office: Office, path: str, body: object, status: int, names: str) -> None:
    answer = post(office, path, body)
    assert answer.status_code == status
    assert names in answer.json()["error"]


def test_unknown__is_404_as_json(office: Office) -> None:
    for path in ("/nothing", "/customers/0000000000", "/customers/0000000000/bills"):
        answer = requests.get(office.url + path, timeout=5)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_serve__no_sample__one_clear_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backoffice", "serve", "--data", str(tmp_path), "--port", str(free_port())]
    source = str(Path(__file__).parents[2] / "platform")
    ended = subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "no backoffice.db" in ended.stderr
