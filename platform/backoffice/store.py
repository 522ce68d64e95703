"""The SQL of the back office: one SQLite file, read by a connection per thread, written by one.

It keeps SQLite's rollback journal: writes are rare here, and a sample is written whole, then moved into place.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backoffice.model import Customer, GridPath, Outage, Row, Sample
from backoffice.pricing import Reading

FILE = "backoffice.db"
OVERDUE = timedelta(hours=1)  # an outage leaves the list this long after its expected restoration
STALE = timedelta(hours=2)  # a sample's outages are moved to the present when older than this

_SCHEMA = """
CREATE TABLE station (id TEXT PRIMARY KEY, name TEXT NOT NULL, bureau TEXT NOT NULL);
CREATE TABLE feeder (id TEXT PRIMARY KEY, name TEXT NOT NULL, station_id TEXT NOT NULL REFERENCES station);
CREATE TABLE transformer (id TEXT PRIMARY KEY, name TEXT NOT NULL, feeder_id TEXT NOT NULL REFERENCES feeder,
    kva INTEGER NOT NULL);
CREATE TABLE customer (account TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, tariff TEXT NOT NULL,
    transformer_id TEXT NOT NULL REFERENCES transformer, bureau TEXT NOT NULL, channel TEXT NOT NULL,
    meter TEXT NOT NULL);
CREATE TABLE reading (account TEXT NOT NULL, month TEXT NOT NULL, peak INTEGER NOT NULL, flat INTEGER NOT NULL,
    valley INTEGER NOT NULL, PRIMARY KEY (account, month)) WITHOUT ROWID;
CREATE TABLE outage (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, feeder_id TEXT NOT NULL REFERENCES feeder,
    transformer_id TEXT REFERENCES transformer, cause TEXT NOT NULL, cause_zh TEXT NOT NULL,
    starts_at INTEGER NOT NULL, expected_at INTEGER NOT NULL, planted INTEGER NOT NULL);
CREATE INDEX outage_feeder ON outage (feeder_id);
CREATE TABLE sample (seed INTEGER NOT NULL, at INTEGER NOT NULL);
"""
_OUTAGE = "id, kind, feeder_id, transformer_id, cause, cause_zh, starts_at, expected_at"


def write(sample: Sample, folder: Path) -> None:
    """Writes the sample's database to `folder`, whole or not at all."""
    draft = folder / f"{FILE}.draft"
    draft.unlink(missing_ok=True)
    con = sqlite3.connect(draft)
    try:
        con.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        with con:
            _fill(con, sample)
        con.execute("PRAGMA journal_mode = DELETE")
    finally:
        con.close()
    draft.replace(folder / FILE)


def _fill(con: sqlite3.Connection, sample: Sample) -> None:
    tables: tuple[tuple[str, list[Row]], ...] = (
        ("station (id, name, bureau)", sample.stations),
        ("feeder (id, name, station_id)", sample.feeders),
        ("transformer (id, name, feeder_id, kva)", sample.transformers),
        ("customer (account, name, address, tariff, transformer_id, bureau, channel, meter)", sample.customers),
        ("reading (account, month, peak, flat, valley)", sample.readings),
        ("outage (kind, feeder_id, transformer_id, cause, cause_zh, starts_at, expected_at, planted)", sample.outages),
        ("sample (seed, at)", [(sample.seed, int(sample.at.timestamp()))]),
    )
    for table, rows in tables:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            con.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 (names from above)


class Store:
    """Answers about one sample. Safe to share between threads; an unknown account is None."""

    def __init__(self, folder: Path) -> None:
        """`FileNotFoundError` when `folder` holds no sample."""
        self._path = folder / FILE
        if not self._path.is_file():
            raise FileNotFoundError(f"no {FILE} in {folder}: make one with `python -m backoffice sample`")
        self._local = threading.local()
        self._writing = threading.Lock()

    def customer(self, account: str) -> Customer | None:
        """The connection behind an account number."""
        row = self._one(
            "SELECT account, name, address, tariff, bureau, channel, transformer_id, substr(meter, -6)"
            " FROM customer WHERE account = ?",
            account,
        )
        return Customer(*row) if row else None

    def grid(self, account: str) -> GridPath | None:
        """Transformer, feeder and station of an account."""
        row = self._one(
            "SELECT t.id, t.name, t.kva, f.id, f.name, s.id, s.name, s.bureau FROM customer c"
            " JOIN transformer t ON t.id = c.transformer_id JOIN feeder f ON f.id = t.feeder_id"
            " JOIN station s ON s.id = f.station_id WHERE c.account = ?",
            account,
        )
        return GridPath(*row) if row else None

    def readings(self, account: str) -> list[Reading]:
        """The account's months, oldest first."""
        rows = self._all("SELECT month, peak, flat, valley FROM reading WHERE account = ? ORDER BY month", account)
        return [Reading(month, (peak, flat, valley)) for month, peak, flat, valley in rows]

    def outages_on(self, path: GridPath, at: datetime) -> list[Outage]:
        """Outages that touch this path, current ones first."""
        rows = self._all(
            f"SELECT {_OUTAGE} FROM outage WHERE feeder_id = ? AND expected_at > ?"  # noqa: S608 (constant)
            " AND (transformer_id IS NULL OR transformer_id = ?) ORDER BY starts_at",
            path.feeder,
            _floor(at),
            path.transformer,
        )
        return [_outage(row) for row in rows]

    def outages(self, at: datetime) -> list[tuple[Outage, str]]:
        """Every outage that is current or planned, each with its feeder's name."""
        rows = self._all(
            "SELECT o.id, kind, feeder_id, transformer_id, cause, cause_zh, starts_at, expected_at, f.name"
            " FROM outage o JOIN feeder f ON f.id = feeder_id WHERE expected_at > ? ORDER BY starts_at",
            _floor(at),
        )
        return [(_outage(row[:-1]), str(row[-1])) for row in rows]

    def has_feeder(self, feeder: str) -> bool:
        """Is there such a feeder?"""
        return self._one("SELECT 1 FROM feeder WHERE id = ?", feeder) is not None

    def start_outage(self, feeder: str, cause: str, minutes: int, at: datetime) -> Outage:
        """A fault that begins now and is expected to end in `minutes`."""
        start = int(at.timestamp())
        with self._write() as con:
            added = con.execute(
                "INSERT INTO outage (kind, feeder_id, cause, cause_zh, starts_at, expected_at, planted)"
                " VALUES ('fault', ?, ?, ?, ?, ?, 0)",
                (feeder, cause, cause, start, start + 60 * minutes),
            )
            row = con.execute(f"SELECT {_OUTAGE} FROM outage WHERE id = ?", (added.lastrowid,))  # noqa: S608
            return _outage(row.fetchone())

    def freshen(self, at: datetime) -> None:
        """Moves a stale sample's own outages to the present: a demonstration next week still has some."""
        now = int(at.timestamp())
        with self._write() as con:
            (then,) = con.execute("SELECT at FROM sample").fetchone()
            if now - then > STALE.total_seconds():
                con.execute(
                    "UPDATE outage SET starts_at = starts_at + ?, expected_at = expected_at + ? WHERE planted = 1",
                    (now - then, now - then),
                )
                con.execute("UPDATE sample SET at = ?", (now,))

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._reader().execute(sql, values).fetchone()
        return row

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._reader().execute(sql, values).fetchall()

    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._local, "con"):
            self._local.con = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        con: sqlite3.Connection = self._local.con
        return con

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a connection of its own."""
        with self._writing, closing(sqlite3.connect(self._path, timeout=2)) as con, con:
            yield con


def _floor(at: datetime) -> int:
    return int((at - OVERDUE).timestamp())


def _outage(row: tuple[Any, ...]) -> Outage:
    *known, start, end = row
    moments = (datetime.fromtimestamp(second, UTC) for second in (start, end))
    return Outage(*known, *moments)
