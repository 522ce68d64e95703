"""Rows of processes come back as they were, on both engines."""

from datetime import UTC, datetime

from eastwind.db import Database
from eastwind.errors import Problem, msg
from eastwind.host import store
from eastwind.host.model import Process

AT = datetime(2026, 11, 24, 8, 0, 0, 123456, UTC)
LOOKUP = Process("experiment-lookup", "experiment", "lookup", "down", AT, port=4000, key="secret", pid=7, restarts=3,
                 last_exit=msg("exit {code}", code=3), log_tail="停电\n", build="ab",
                 manifest_errors=(Problem("metrics.1.kind", msg("must be one of {choices}", choices="a, b")),))
WEB = Process("web", "web", "", "up", AT)


def test_store__saved_twice__keeps_the_newest(db: Database) -> None:
    with db.write() as tx:
        store.save(tx, LOOKUP)
        store.save(tx, WEB)
        store.save(tx, LOOKUP)
    with db.read() as tx:
        assert store.processes(tx) == [LOOKUP, WEB]
        assert store.experiment(tx, "lookup") == LOOKUP
        assert store.experiment(tx, "web") is None


def test_store__keep_only__forgets_the_others(db: Database) -> None:
    with db.write() as tx:
        store.save(tx, LOOKUP)
        store.save(tx, WEB)
        store.keep_only(tx, ["web"])
    with db.read() as tx:
        assert store.processes(tx) == [WEB]


def test_process__key__is_not_shown() -> None:
    assert "secret" not in repr(LOOKUP)
