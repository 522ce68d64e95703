"""The chain of events: in order, complete, and honest about tampering."""

import threading

import pytest
from sqlalchemy import text

from eastwind.audit import Actor, Audit, record
from eastwind.db import Database

ANNA = Actor("user", "anna")


def fill(db: Database, n: int) -> None:
    for i in range(n):
        with db.write() as tx:
            record(tx, ANNA, "thing-done", room="test", subject=f"s{i}", after={"n": i, "名": "值"})


def test_record__several__ids_are_gapless_and_chain_holds(db: Database) -> None:
    fill(db, 5)
    assert [e.id for e in Audit(db).history()] == [5, 4, 3, 2, 1]
    assert Audit(db).verify() is None


def test_record__rolled_back__leaves_no_event(db: Database) -> None:
    with pytest.raises(RuntimeError), db.write() as tx:
        record(tx, ANNA, "thing-done", room="test", subject="s")
        raise RuntimeError
    assert Audit(db).history() == []


def test_record__eight_writers_at_once__chain_holds(db: Database) -> None:
    threads = [threading.Thread(target=fill, args=(db, 10)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Audit(db).history()) == 80
    assert Audit(db).verify() is None


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE event SET actor = 'user:eve' WHERE id = 3", 3),
        ("DELETE FROM event WHERE id = 2", 2),
        ("DELETE FROM event WHERE id = 1", 1),
        ("UPDATE event SET hash = previous WHERE id = 4", 4),
    ],
)
def test_verify__a_row_changed_or_removed__names_it(db: Database, tampering: str, found: int) -> None:
    fill(db, 5)
    with db.write() as tx:
        tx.execute(text(tampering))
    assert Audit(db).verify() == found
