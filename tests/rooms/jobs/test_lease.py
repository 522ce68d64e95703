"""Of several, one leads."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from eastwind.db import Database
from eastwind.jobs import Heartbeats, Lease, LeaseLost

TTL = timedelta(seconds=0.5)


def test_hold__two_owners__the_first_leads_until_its_time_is_up(db: Database) -> None:
    first, second = Lease(db, owner="first", ttl=TTL), Lease(db, owner="second", ttl=TTL)
    assert first.hold() and first.held and first.hold()
    assert not second.hold() and not second.held
    time.sleep(0.6)
    assert not first.held
    assert second.hold()
    assert not first.hold()


def test_hold__eight_owners_at_once__one_leads(db: Database) -> None:
    leaders: list[str] = []

    def strive(name: str) -> None:
        if Lease(db, owner=name).hold():
            leaders.append(name)

    threads = [threading.Thread(target=strive, args=(f"o{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leaders) == 1


def test_release__leader_goes__the_next_leads_at_once(db: Database) -> None:
    first, second = Lease(db, owner="first"), Lease(db, owner="second")
    assert first.hold() and not second.hold()
    first.release()
    assert not first.held and second.hold()


def test_fence__lease_was_lost_and_won_back_by_another__work_is_rolled_back(db: Database) -> None:
    first, second = Lease(db, owner="first", ttl=TTL), Lease(db, owner="second")
    first.hold()
    with db.write() as tx:
        first.fence(tx)
    time.sleep(0.6)
    second.hold()
    with pytest.raises(LeaseLost), db.write() as tx:
        Heartbeats(db).beat(tx, "deed")
        first.fence(tx)
    assert Heartbeats(db).age("deed") is None
    with db.write() as tx:
        second.fence(tx)
    with pytest.raises(LeaseLost), db.write() as tx:
        Lease(db, owner="third").fence(tx)


def test_heartbeats__age__since_the_last_beat(db: Database) -> None:
    at = [datetime(2026, 11, 24, tzinfo=UTC)]
    beats = Heartbeats(db, lambda: at[0])
    assert beats.age("guards") is None
    beats.beat(None, "guards")
    at[0] += timedelta(seconds=3)
    assert beats.age("guards") == timedelta(seconds=3)
    beats.beat(None, "guards")
    beats.beat(None, "reviews")
    assert beats.ages() == {"guards": timedelta(0), "reviews": timedelta(0)}
