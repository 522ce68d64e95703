"""Outcomes: an id counts once, values are finite, wrong events set aside, the rest goes on."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from eastwind.batch import Accepted
from eastwind.db import Database
from eastwind.errors import Invalid
from eastwind.outcomes import Outcomes
from eastwind.outcomes.store import outcome

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
RUN = ("outage-lookup", "production", 7)


def the_outcomes(db: Database) -> Outcomes:
    return Outcomes(db, lambda: NOW)


def an_event(id: str = "e1", **changed: Any) -> dict[str, Any]:
    return {"id": id, "unit": "0000000001", "metric": "hotline_call", "value": 1, "at": NOW.isoformat(), **changed}


def count(db: Database) -> int:
    with db.read() as tx:
        return int(tx.execute(select(func.count()).select_from(outcome)).scalar_one())


def test_record__without_id_twice__counts_twice_and_with_id_once(db: Database) -> None:
    outcomes = the_outcomes(db)
    with db.intake() as tx:
        plain = [outcomes.record(tx, *RUN, "u1", "error", 1.0, NOW) for _ in range(2)]
        named = [outcomes.record(tx, *RUN, "u1", "error", 1.0, NOW, id="x") for _ in range(2)]
    assert (plain, named) == ([True, True], [True, False])
    assert count(db) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_record__value_that_would_spoil_sums__is_refused(sqlite_db: Database, value: float) -> None:
    with pytest.raises(Invalid), sqlite_db.intake() as tx:
        the_outcomes(sqlite_db).record(tx, *RUN, "u1", "latency_ms", value, NOW)


def test_accept__repeats_within_and_between_batches__count_once(db: Database) -> None:
    outcomes = the_outcomes(db)
    assert outcomes.accept(*RUN, [an_event("a"), an_event("b"), an_event("a")]) == Accepted(2, 1, ())
    assert outcomes.accept(*RUN, [an_event("b"), an_event("c")]) == Accepted(1, 1, ())
    assert outcomes.accept("bill", "production", 9, [an_event("a")]) == Accepted(1, 0, ())
    assert count(db) == 4


def test_accept__overlapping_batches_at_once__each_id_once(db: Database) -> None:
    batches = [[an_event(f"e{(i * 7 + start) % 300}") for i in range(300)] for start in range(6)]
    answers: list[Accepted] = []
    threads = [threading.Thread(target=lambda b=b: answers.append(the_outcomes(db).accept(*RUN, b))) for b in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(a.new for a in answers) == count(db) == 300
    assert sum(a.repeated for a in answers) == 1500


def test_accept__wrong_events__each_set_aside_with_index_and_field(db: Database) -> None:
    wrong: list[Any] = [
        "text", an_event(""), an_event("x" * 101), an_event("\ud800"), an_event(value="1"), an_event(value=True),
        an_event(value=float("nan")), an_event(value=float("inf")), an_event(value=10**400), an_event(value=1e13),
        an_event(metric="Calls"), an_event(metric="x"), an_event(unit="\x7f"), an_event(at="1970-01-01T00:00:00Z"),
        an_event(at=(NOW + timedelta(minutes=6)).isoformat()), an_event(at="2999-01-01T00:00:00Z"), an_event(at=True),
        an_event(arm="treatment"),
    ]
    accepted = the_outcomes(db).accept(*RUN, [*wrong, an_event("good", value=-2.5)])
    assert (accepted.new, count(db)) == (1, 1)
    assert {p.field.split(".")[1] for p in accepted.refused} == {str(i) for i in range(len(wrong))}
    fields = {p.field for p in accepted.refused}
    assert {"events.4.value", "events.6.value", "events.10.metric", "events.13.at", "events.17.arm"} <= fields


@pytest.mark.parametrize("size", [0, 1001])
def test_accept__batch_empty_or_too_large__is_refused_whole(sqlite_db: Database, size: int) -> None:
    with pytest.raises(Invalid):
        the_outcomes(sqlite_db).accept(*RUN, [an_event(f"e{i}") for i in range(size)])
    assert count(sqlite_db) == 0
