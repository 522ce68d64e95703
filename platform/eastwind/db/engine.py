"""The database: embedded SQLite, or PostgreSQL. One place for connections, transactions and durability.

Three kinds of transaction:

- `read()`: a consistent look.
- `write()`: a decision. Writers are serial (SQLite's write lock, an advisory lock on PostgreSQL), so what a decision
  read is still true when it commits: two people who widen at once cannot exceed the gate together.
- `intake()`: appends of events, which need no order among themselves. Not serial on PostgreSQL.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned survives a loss of power.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from eastwind.errors import Invalid, Locked, Problem, Unavailable, msg

# SQLite 3.7.0 to 3.51.2 can lose commits when checkpoints race; these releases carry the repair.
_WAL_REPAIRED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
_WRITER_LOCK = 0x0EA57


class Database:
    """A pool of connections to one database. Safe to share between threads, not across a fork."""

    def __init__(self, url: str) -> None:
        """`url` is an SQLAlchemy address; its folder is made for SQLite."""
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(str(url)) if self.is_sqlite else _postgresql(url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in a read transaction. Raises `Unavailable` if the database is away."""
        with _available(), self.engine.connect() as tx, tx.begin():
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a serial write transaction: committed on leaving, rolled back on an exception."""
        with _available(), self.engine.connect().execution_options(eastwind_write=True) as tx, tx.begin():
            if not self.is_sqlite:
                tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            yield tx

    @contextmanager
    def intake(self) -> Iterator[Connection]:
        """Like `write`, but intakes do not wait for one another on PostgreSQL."""
        with _available(), self.engine.connect().execution_options(eastwind_write=True) as tx, tx.begin():
            yield tx

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()

    def verdict(self) -> dict[str, Any]:
        """What `/health` and `eastwind db doctor` say about storage: `{"engine", "version", "sound", "why"}`."""
        if not self.is_sqlite:
            with self.read() as tx:
                version = str(tx.execute(text("SHOW server_version")).scalar_one())
            return {"engine": "postgresql", "version": version, "sound": True, "why": ""}
        version = pysqlite3.sqlite_version
        sound = _wal_is_sound(tuple(int(n) for n in version.split(".")))
        why = "" if sound else "this SQLite can lose commits when checkpoints race; 3.51.3 or later does not"
        return {"engine": "sqlite", "version": version, "sound": sound, "why": why}


def _wal_is_sound(version: tuple[int, ...]) -> bool:
    return any(version >= fixed and (version[:2] == fixed[:2] or fixed == _WAL_REPAIRED[0]) for fixed in _WAL_REPAIRED)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except DataError as error:  # such as a NUL, which PostgreSQL keeps in no text
        raise Invalid(Problem("", msg("holds something that cannot be stored"))) from error
    except (OperationalError, ProgrammingError) as error:
        raise _away(error) from error


def _away(error: OperationalError | ProgrammingError) -> Exception:
    """Why the database does not answer, as far as the one who asks can do something about it."""
    told = str(error.orig)
    if "no such table" in told or "does not exist" in told:
        return Unavailable(Problem("database", msg("the database has no tables yet: run `eastwind db upgrade`")))
    if "locked" in told or "lock timeout" in told:
        return Locked(Problem("database", msg("somebody else is writing to the database; try again in a moment")))
    if isinstance(error, ProgrammingError):
        return error
    return Unavailable(Problem("database", msg("the database is not reachable or busy")))


def _sqlite(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, module=pysqlite3, pool_size=32, max_overflow=32, pool_timeout=5,
                           connect_args={"timeout": 5})
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(tx: Connection) -> None:
    # IMMEDIATE takes the write lock first: a decision never reads what another is about to change.
    tx.exec_driver_sql("BEGIN IMMEDIATE" if tx.get_execution_options().get("eastwind_write") else "BEGIN")


def _postgresql(url: str) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg")
    options = "-c statement_timeout=5s -c lock_timeout=4s -c idle_in_transaction_session_timeout=30s"
    return create_engine(address, pool_size=16, max_overflow=16, pool_timeout=5, pool_pre_ping=True,
                         connect_args={"connect_timeout": 5, "options": options})
