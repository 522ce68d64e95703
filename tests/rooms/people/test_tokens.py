"""Tokens: when they end, and when they were last seen."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from eastwind.audit import Actor, Audit
from eastwind.db import Database
from eastwind.errors import NotFound
from eastwind.people import People

ANNA = Actor("user", "anna")
NOON = datetime(2027, 5, 31, 12, tzinfo=UTC)


def a_token(people: People) -> tuple[int, str]:
    token, secret = people.issue_token("backend", "development", ("default",), "billing", ANNA)
    return token.id, secret


def test_token__shown__is_seen_soon_after_without_a_write_in_the_way(db: Database) -> None:
    people = People(db, lambda: NOON, seen_seconds=0.1)
    _, secret = a_token(people)
    assert people.token(secret) is not None
    assert people.tokens()[0].seen_at is None
    deadline = time.monotonic() + 5
    while people.tokens()[0].seen_at is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert people.tokens()[0].seen_at == NOON


def test_token__unknown_or_ended__is_not_seen(sqlite_db: Database) -> None:
    moment = NOON
    people = People(sqlite_db, lambda: moment, seen_seconds=0.05)
    number, secret = a_token(people)
    people.expire_token(number, NOON, ANNA)
    assert people.token(secret) is None
    assert people.token("nonsense") is None
    time.sleep(0.2)
    assert people.tokens()[0].seen_at is None


def test_token__expiry__can_be_set_and_taken_back_each_with_one_event(sqlite_db: Database) -> None:
    people = People(sqlite_db, lambda: NOON)
    number, secret = a_token(people)
    for _ in range(2):
        people.expire_token(number, NOON + timedelta(days=1), ANNA)
    assert people.tokens()[0].expires_at == NOON + timedelta(days=1)
    people.expire_token(number, None, ANNA)
    assert people.token(secret) is not None
    told = [e.act for e in Audit(sqlite_db).history(room="people")]
    assert told == ["api-token-updated", "api-token-updated", "api-token-created"]
    with pytest.raises(NotFound):
        people.expire_token(99, None, ANNA)
