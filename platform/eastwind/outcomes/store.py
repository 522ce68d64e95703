"""The table of outcomes. Rows are only ever added."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, String, Table, UniqueConstraint

from eastwind.db import Connection, Moment, RowId, metadata
from eastwind.db.upsert import insert
from eastwind.outcomes.model import Outcome

# `id` is the sender's; what the platform itself records has none, and never repeats.
outcome = Table(
    "outcome",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=True),
    Column("experiment", String(40), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("id", String(100)),
    Column("unit", String(100), nullable=False),
    Column("metric", String(41), nullable=False),
    Column("value", Float(53), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("experiment", "environment", "run", "id"),
    # Covers the sums per unit, so that a look at a run reads one stretch of this index and no row.
    Index("ix_outcome_run_metric_unit", "experiment", "environment", "run", "metric", "unit", "value", "at"),
)


def add(tx: Connection, experiment: str, environment: str, run: int, events: Iterable[Outcome]) -> int:
    """Insert what is new and return how many that were; an id that is known already counts once."""
    first = {event.id: event for event in reversed(list(events))}
    # In order of the key: two batches that overlap lock rows in the same order and cannot block one another for ever.
    rows = [_row(experiment, environment, run, e.unit, e.metric, e.value, e.at, e.id)
            for e in sorted(first.values(), key=lambda e: e.id)]
    return _insert(tx, rows) if rows else 0


def add_one(tx: Connection, experiment: str, environment: str, run: int, unit: str, metric: str, value: float,
            at: datetime, id: str | None) -> bool:
    """Insert one outcome; False if its id is known already."""
    return _insert(tx, [_row(experiment, environment, run, unit, metric, value, at, id)]) == 1


def _insert(tx: Connection, rows: list[dict[str, Any]]) -> int:
    return len(tx.execute(insert(tx, outcome).on_conflict_do_nothing().returning(outcome.c.number), rows).all())


def _row(experiment: str, environment: str, run: int, unit: str, metric: str, value: float, at: datetime,
         id: str | None) -> dict[str, Any]:
    return {"experiment": experiment, "environment": environment, "run": run, "id": id, "unit": unit,
            "metric": metric, "value": value, "at": at}
