"""Delivered and obeyed: two grades, never mixed, and never at a poll's expense."""

import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eastwind.arrivals import Arrivals, Bucket, Instance
from eastwind.arrivals import service as arrivals_service
from eastwind.arrivals.model import Note, begun, noted
from eastwind.audit import Actor, record
from eastwind.db import Database
from eastwind.errors import Unavailable

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BILLING = Instance("production", "billing", "billing-1", "c1")


@dataclass
class Steps:
    """A clock that goes when it is told to."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def after(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


def a_change(db: Database, at: datetime, subject: str = "bill", room: str = "flags") -> int:
    with db.write() as tx:
        return record(tx, Actor("user", "anna"), "feature-environment-disabled", room=room, subject=subject,
                      environment="production", at=at).id


def test_since__polled_with_the_new_etag__is_delivered_but_not_obeyed(db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(db, clock)
    old = a_change(db, clock())
    arrivals.polled(BILLING, old, "python:6.9.1")
    closed = a_change(db, clock.after(1))
    (before,) = arrivals.since("production", closed)
    assert (before.delivered_at, before.obeyed, before.revision) == (None, None, old)
    arrivals.polled(BILLING, closed, "python:6.9.1")
    (after,) = arrivals.since("production", closed)
    assert (after.delivered_at, after.obeyed) == (clock(), None)
    assert (after.app, after.sdk, after.transport) == ("billing", "python:6.9.1", "polling")


def test_since__metrics__only_a_bucket_begun_after_the_close_counts(db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(db, clock)
    closed = a_change(db, clock())

    def obeyed(began: datetime, yes: int, flag: str = "bill") -> bool | None:
        arrivals.metrics(BILLING, began, {flag: Bucket(began, yes, 5)})
        return arrivals.since("production", closed)[0].obeyed

    assert obeyed(NOON - SECOND, 0) is None
    assert obeyed(NOON + SECOND, 0, "other") is None
    assert obeyed(NOON + SECOND, 3) is False
    assert obeyed(NOON + 2 * SECOND, 0) is True
    assert obeyed(NOON + SECOND, 3) is True  # an older bucket that comes late changes nothing
    assert arrivals.since("production", closed)[0].delivered_at is None


def test_begun__fast_clock_elsewhere__proves_nothing() -> None:
    ahead = NOON + timedelta(hours=1)
    assert begun(ahead, ahead + 10 * SECOND, NOON) == NOON - 10 * SECOND
    assert begun(NOON - 10 * SECOND, NOON, NOON) == NOON - 10 * SECOND
    assert begun(datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), NOON) == NOON


def test_since__restart_of_the_server__keeps_when_it_arrived(db: Database) -> None:
    clock = Steps()
    closed = a_change(db, clock())
    first = Arrivals(db, clock)
    first.streamed(BILLING, closed)
    first.stop()
    arrived = clock()
    clock.after(30)
    second = Arrivals(db, clock)
    second.streamed(BILLING, closed)
    (found,) = second.since("production", closed)
    assert (found.delivered_at, found.last_seen, found.transport) == (arrived, clock(), "streaming")


def test_since__gone_back_to_an_older_revision__is_no_longer_delivered(sqlite_db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(sqlite_db, clock)
    old, closed = a_change(sqlite_db, clock()), a_change(sqlite_db, clock.after(1))
    arrivals.polled(BILLING, closed)
    clock.after(1)
    arrivals.polled(BILLING, old)  # restarted from a file of its own
    assert arrivals.since("production", closed)[0].delivered_at is None


def test_since__event_of_another_room__counts_as_the_flag_change_before_it(sqlite_db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(sqlite_db, clock)
    closed = a_change(sqlite_db, clock())
    told = a_change(sqlite_db, clock(), "bill", room="experiments")
    arrivals.polled(BILLING, closed)
    assert arrivals.since("production", told)[0].delivered_at == clock()
    assert arrivals.since("production", 0) == []


def test_since__long_gone_before_the_change__is_not_waited_for(sqlite_db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(sqlite_db, clock)
    arrivals.polled(BILLING, None)
    arrivals.polled(Instance("development", "billing", "billing-1"), None)
    assert len(arrivals.instances("production")) == 1
    closed = a_change(sqlite_db, clock.after(600))
    assert arrivals.since("production", closed) == []


def test_polled__nothing_new__is_not_written_again(sqlite_db: Database) -> None:
    clock = Steps()
    arrivals = Arrivals(sqlite_db, clock)
    for _ in range(1000):
        arrivals.polled(BILLING, 1)
    arrivals.flush()
    clock.after(5)
    arrivals.polled(BILLING, 1)
    assert arrivals.instances("production")[0].last_seen == NOON


def test_polled__by_many__stays_quick_and_bounded(sqlite_db: Database) -> None:
    arrivals = Arrivals(sqlite_db)
    started = time.monotonic()
    for n in range(arrivals_service._MOST_INSTANCES + 50):
        arrivals.polled(Instance("production", "a", str(n)), 1)
    assert time.monotonic() - started < 2
    assert arrivals.dropped == 50
    arrivals.flush()
    assert len(arrivals.instances("production")) == arrivals_service._MOST_INSTANCES


def test_flush__database_away__keeps_the_notes(sqlite_db: Database) -> None:
    arrivals = Arrivals(sqlite_db, Steps())
    arrivals.polled(BILLING, 1)
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE sdk_instance RENAME TO elsewhere")
    with pytest.raises(Unavailable):
        arrivals.flush()
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE elsewhere RENAME TO sdk_instance")
    assert len(arrivals.instances("production")) == 1


notes = some.lists(some.builds(
    lambda second, revision, yes: Note(BILLING, NOON + second * SECOND, revision=revision,
                                       buckets={"bill": Bucket(NOON + second * SECOND, yes, 0)}),
    some.integers(0, 50), some.integers(1, 5), some.integers(0, 2)),
    min_size=1, max_size=5, unique_by=lambda n: n.at)


@given(notes, some.data())
def test_noted__any_order_and_any_twice__is_known_alike(given_notes: list[Note], data: some.DataObject) -> None:
    def known(sequence: list[Note]) -> object:
        trace = None
        for note in sequence:
            trace = noted(trace, note)
        return trace

    shuffled = data.draw(some.permutations(given_notes))
    assert known(given_notes) == known(shuffled) or _same_steps_differ(given_notes)


def _same_steps_differ(sequence: list[Note]) -> bool:
    """Whether a revision was held, left and held again: only the kept steps can then depend on the order."""
    held = [n.revision for n in sorted(sequence, key=lambda n: n.at)]
    return len([r for r, _ in itertools.groupby(held)]) > len(set(held))
