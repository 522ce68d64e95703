"""Into the hall, and not into somebody else's account."""

import json

import pytest
import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from eastwind.settings import secret_key
from eastwind.web.hall import enter_token
from eastwind.web.hall.limit import Limit

from .conftest import Town, press


def test_hall__account_and_pin__lets_in_and_goes_where_one_wanted(town: Town) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["no_outage"]
    visitor = requests.Session()
    asked = visitor.get(f"{town.url}/bill")
    assert asked.url.endswith("/hall/sign-in?service=bill")
    page = press(visitor, asked, "/sign-in?service=bill", account=f" {known['account']} ", pin=known["pin"])
    assert page.status_code == 200 and page.url == f"{town.url}/bill"
    out = press(visitor, page, "/sign-out")
    assert out.url.endswith("/sign-in") and visitor.get(f"{town.url}/bill").url.endswith("/sign-in?service=bill")


def test_hall__guessing__is_limited_and_tells_nothing(town: Town) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["no_outage"]
    wrong = "000000" if known["pin"] != "000000" else "000001"
    visitor = requests.Session()
    page = visitor.get(f"{town.url}/sign-in")
    tries = [(known["account"], wrong), ("0000000000", wrong)] * 2 + [(known["account"], wrong)]
    told = [press(visitor, page, "/sign-in", account=a, pin=p) for a, p in tries]
    assert {t.status_code for t in told} == {401} and len({t.text for t in told}) == 1
    last = press(visitor, page, "/sign-in", account=known["account"], pin=known["pin"])
    assert last.status_code == 429 and last.headers["Retry-After"] == "60"


@pytest.mark.parametrize(("account", "pin"), [
    ("", ""), ("123", "123456"), ("1234567890", "12345"), ("1234567890/../x", "123456"),
    ("１２３４５６７８９０", "123456"),
    ("' OR 1=1 --", "123456"), ("9" * 10_000, "9" * 10_000), ("\x00" * 10, "123456")])
def test_hall__malformed_sign_in__is_told(town: Town, account: str, pin: str) -> None:
    visitor = requests.Session()
    page = press(visitor, visitor.get(f"{town.url}/sign-in"), "/sign-in", account=account, pin=pin)
    assert page.status_code == 400 and "10 digits" in page.text


def test_hall__link__is_for_one_account_and_five_minutes(town: Town) -> None:
    good = enter_token(secret_key(town.settings), "1234567890")
    other = enter_token("another key", "1234567890")
    for token in ("", "x", good[:-1], good[1:], other, enter_token(secret_key(town.settings), "../../etc")):
        assert requests.get(f"{town.url}/enter", params={"token": token}).status_code == 401
    old = URLSafeTimedSerializer(secret_key(town.settings), salt="hall", signer=Earlier).dumps("1234567890")
    assert requests.get(f"{town.url}/enter", params={"token": old}).status_code == 401
    assert requests.get(f"{town.url}/enter", params={"token": good}).status_code == 200


class Earlier(TimestampSigner):
    """Signs as it would have 301 seconds ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - 301


def test_hall__unknown_page__is_a_plain_page(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    page = visitor.get(f"{town.url}/gas")
    assert page.status_code == 404 and "95598" in page.text


def test_limit__counts_failures_per_key_within_a_minute() -> None:
    moment = [0.0]
    limit = Limit(2, 60, lambda: moment[0])
    assert limit.take("a", "x") and limit.take("a", "y") and not limit.take("a", "z") and limit.take("b", "z")
    limit.give_back("a", "x")
    assert limit.take("a", "x") and not limit.take("x", "a")
    moment[0] = 60
    assert limit.take("a", "x")
