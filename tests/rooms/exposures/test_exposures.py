"""Exposures: once per unit and arm, wrong events set aside, the rest goes on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from eastwind.batch import Accepted
from eastwind.db import Database
from eastwind.errors import Invalid
from eastwind.exposures import Exposures
from eastwind.exposures.store import exposure

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
RUN = ("outage-lookup", "production", 7)


def the_exposures(db: Database) -> Exposures:
    return Exposures(db, lambda: NOW)


def an_event(unit: Any = "0000000001", arm: str = "treatment", minutes: float = 0, **changed: Any) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=minutes)).isoformat()
    return {"id": "e1", "unit": unit, "arm": arm, "at": at, **changed}


def rows(db: Database) -> list[tuple[str, str, datetime]]:
    with db.read() as tx:
        query = select(exposure.c.unit, exposure.c.arm, exposure.c.at).order_by(exposure.c.unit, exposure.c.arm)
        return [tuple(row) for row in tx.execute(query)]


def test_record__again_and_in_another_arm__first_of_each_arm_is_new(db: Database) -> None:
    exposures = the_exposures(db)
    with db.intake() as tx:
        answers = [exposures.record(tx, *RUN, "u1", arm, NOW) for arm in ("control", "control", "treatment")]
    assert answers == [True, False, True]


def test_record__another_run__is_new_again(db: Database) -> None:
    with db.intake() as tx:
        assert the_exposures(db).record(tx, *RUN, "u1", "control", NOW)
        assert the_exposures(db).record(tx, "outage-lookup", "production", 8, "u1", "control", NOW)


def test_accept__batch_repeated__counts_once_and_keeps_the_earliest_time(db: Database) -> None:
    exposures = the_exposures(db)
    assert exposures.accept(*RUN, [an_event(minutes=1), an_event(minutes=3), an_event("u2")]) == Accepted(2, 1, ())
    assert exposures.accept(*RUN, [an_event(minutes=2), an_event(minutes=9), an_event("u3")]) == Accepted(1, 2, ())
    assert rows(db) == [("0000000001", "treatment", NOW - timedelta(minutes=9)), ("u2", "treatment", NOW),
                        ("u3", "treatment", NOW)]


def test_accept__wrong_events__each_set_aside_with_index_and_field(db: Database) -> None:
    wrong: list[Any] = [
        5, None, [], {}, an_event(unit=""), an_event(unit="x" * 101), an_event(unit="a\0b"), an_event(unit="\ud800"),
        an_event(unit=7), an_event(arm="both"), an_event(at="1970-01-01T00:00:00Z"), an_event(minutes=-6),
        an_event(at="2999-01-01T00:00:00Z"), an_event(at="2026-11-24T09:00:00"), an_event(at="soon"),
        an_event(at="0001-01-01T00:00:00+14:00"), an_event(at=float("nan")), an_event(run=8),
    ]
    accepted = the_exposures(db).accept(*RUN, [*wrong, an_event()])
    assert accepted.new == 1
    assert {p.field.split(".")[1] for p in accepted.refused} == {str(i) for i in range(len(wrong))}
    named = {p.field: str(p.reason) for p in accepted.refused}
    assert named["events.3.unit"] == "is missing"
    assert named["events.9.arm"].startswith("must be one of")
    assert named["events.10.at"] == "is more than 30 days ago"
    assert named["events.11.at"] == "is more than 5 minutes ahead of now"
    assert named["events.17.run"] == "is not known here"


def test_accept__window_edges__are_taken(sqlite_db: Database) -> None:
    edges = [an_event("a", minutes=30 * 24 * 60), an_event("b", minutes=-5)]
    assert the_exposures(sqlite_db).accept(*RUN, edges) == Accepted(2, 0, ())


@pytest.mark.parametrize("size", [0, 1001])
def test_accept__batch_empty_or_too_large__is_refused_whole(sqlite_db: Database, size: int) -> None:
    with pytest.raises(Invalid) as caught:
        the_exposures(sqlite_db).accept(*RUN, [an_event()] * size)
    assert caught.value.problems[0].field == "events"
    assert rows(sqlite_db) == []


def test_accept__units_let_in_by_name__are_pilots_whatever_the_sender_says(sqlite_db: Database) -> None:
    events = [an_event("u1", arm="treatment"), an_event("u2", arm="treatment"), an_event("u3", arm="control")]
    the_exposures(sqlite_db).accept(*RUN, events, frozenset({"u1", "u3"}))
    with sqlite_db.read() as tx:
        stored = dict(tx.execute(select(exposure.c.unit, exposure.c.arm)).all())
    assert stored == {"u1": "pilot", "u2": "treatment", "u3": "control"}
