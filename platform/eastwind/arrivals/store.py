"""The table of SDK instances."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, RowMapping, String, Table, select, tuple_

from eastwind.arrivals.model import Bucket, Instance, Trace
from eastwind.audit.store import event
from eastwind.db import Connection, Json, Moment, metadata
from eastwind.db.upsert import put

sdk_instance = Table(
    "sdk_instance",
    metadata,
    Column("environment", String(100), primary_key=True),
    Column("app", String(200), primary_key=True),
    Column("instance", String(200), primary_key=True),
    Column("connection", String(200), primary_key=True),
    Column("sdk", String(200), nullable=False),
    Column("transport", String(20), nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False, index=True),
    Column("steps", Json, nullable=False),
    Column("buckets", Json, nullable=False),
)

_KEY = (sdk_instance.c.environment, sdk_instance.c.app, sdk_instance.c.instance, sdk_instance.c.connection)
_BATCH = 200


def traces(tx: Connection, whom: Iterable[Instance]) -> dict[Instance, Trace]:
    """What is known of these instances, locked until the transaction ends where the engine can."""
    keys = [(w.environment, w.app, w.instance, w.connection) for w in whom]
    found: dict[Instance, Trace] = {}
    for start in range(0, len(keys), _BATCH):
        query = select(sdk_instance).where(tuple_(*_KEY).in_(keys[start:start + _BATCH])).order_by(*_KEY)
        found |= {t.who: t for t in map(_trace, tx.execute(query.with_for_update()).mappings())}
    return found


def seen_since(tx: Connection, environment: str, at: datetime) -> list[Trace]:
    """The instances of an environment seen at or after `at`, by name."""
    query = select(sdk_instance).where(sdk_instance.c.environment == environment, sdk_instance.c.last_seen >= at)
    return [_trace(row) for row in tx.execute(query.order_by(*_KEY)).mappings()]


def save(tx: Connection, changed: list[Trace]) -> None:
    """Insert or replace."""
    put(tx, sdk_instance, [_row(t) for t in changed])


def forget(tx: Connection, before: datetime) -> None:
    """Remove the instances last seen before a moment."""
    tx.execute(sdk_instance.delete().where(sdk_instance.c.last_seen < before))


def change(tx: Connection, environment: str, revision: int) -> tuple[int, str, datetime] | None:
    """The newest change of this environment's flags up to `revision`: its revision, its subject and its moment."""
    query = (
        select(event.c.id, event.c.subject, event.c.at)
        .where(event.c.room == "flags", event.c.environment.in_((environment, "")), event.c.id <= revision)
        .order_by(event.c.id.desc()).limit(1)
    )
    row = tx.execute(query).first()
    return (int(row.id), str(row.subject), row.at) if row else None


def _row(trace: Trace) -> dict[str, Any]:
    who = trace.who
    return {
        "environment": who.environment, "app": who.app, "instance": who.instance, "connection": who.connection,
        "sdk": trace.sdk, "transport": trace.transport, "first_seen": trace.first_seen, "last_seen": trace.last_seen,
        "steps": [[revision, at.isoformat()] for revision, at in trace.steps],
        "buckets": {flag: [b.began.isoformat(), b.yes, b.no] for flag, b in trace.buckets.items()},
    }


def _trace(row: RowMapping) -> Trace:
    return Trace(
        Instance(row["environment"], row["app"], row["instance"], row["connection"]),
        row["first_seen"], row["last_seen"], row["sdk"], row["transport"],
        tuple((int(revision), datetime.fromisoformat(at)) for revision, at in row["steps"]),
        {flag: Bucket(datetime.fromisoformat(began), yes, no) for flag, (began, yes, no) in row["buckets"].items()},
    )
