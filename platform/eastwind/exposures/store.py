"""The table of exposures. A row is a unit's first exposure to an arm in a run, whatever the order of arrival."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, String, Table, bindparam

from eastwind.db import Connection, Moment, metadata
from eastwind.db.upsert import insert
from eastwind.exposures.model import Exposure

# The key leads with the run and then the unit, so that a run is one stretch and a unit's arms lie side by side.
exposure = Table(
    "exposure",
    metadata,
    Column("experiment", String(40), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("unit", String(100), primary_key=True),
    Column("arm", String(10), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("channel", String(40), nullable=False),
    sqlite_with_rowid=False,
)

_EARLIER = exposure.update().where(
    *(exposure.c[name] == bindparam(f"key_{name}") for name in ("experiment", "environment", "run", "unit", "arm")),
    exposure.c.at > bindparam("earlier"),
).values(at=bindparam("earlier"))


def add(tx: Connection, experiment: str, environment: str, run: int, events: Iterable[Exposure]) -> int:
    """Insert what is new and return how many that were; a known exposure only ever moves to an earlier time."""
    place = {"experiment": experiment, "environment": environment, "run": run}
    # In order of the key: two batches that overlap lock rows in the same order and cannot block one another for ever.
    first = sorted(_earliest(events).items())
    rows: list[dict[str, Any]] = [
        {**place, "unit": unit, "arm": arm, "at": event.at, "channel": event.channel} for (unit, arm), event in first]
    new = _insert(tx, rows) if rows else set()
    known = [row for row in rows if (row["unit"], row["arm"]) not in new]
    if known:
        tx.execute(_EARLIER, [{**{f"key_{k}": row[k] for k in (*place, "unit", "arm")}, "earlier": row["at"]}
                              for row in known])
    return len(new)


def add_one(tx: Connection, experiment: str, environment: str, run: int, unit: str, arm: str, at: datetime,
            channel: str) -> bool:
    """Insert one exposure; False if the unit had been shown this arm in this run before."""
    return bool(_insert(tx, [{"experiment": experiment, "environment": environment, "run": run, "unit": unit,
                              "arm": arm, "at": at, "channel": channel}]))


def _insert(tx: Connection, rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    made = tx.execute(insert(tx, exposure).on_conflict_do_nothing().returning(exposure.c.unit, exposure.c.arm), rows)
    return {(row.unit, row.arm) for row in made}


def _earliest(events: Iterable[Exposure]) -> Mapping[tuple[str, str], Exposure]:
    first: dict[tuple[str, str], Exposure] = {}
    for event in events:
        known = first.get((event.unit, event.arm))
        if known is None or event.at < known.at:
            first[event.unit, event.arm] = event
    return first
