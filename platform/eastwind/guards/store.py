"""Tables of guards: what they decided last, what they closed, and that they are alive."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, Column, String, Table, UniqueConstraint, func, select

from eastwind.db import Connection, Json, Moment, RowId, metadata
from eastwind.db.upsert import put
from eastwind.errors import Message
from eastwind.guards.model import Breach, Decision, GuardState, Kind

state = Table(
    "guard_state",
    metadata,
    Column("experiment", String(40), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("metric", String(41), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("reason", Json, nullable=False),
    Column("at", Moment, nullable=False),
)

# A run is rolled back at most once, whoever else tries at the same time.
breach = Table(
    "guard_breach",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("experiment", String(40), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("metric", String(41), nullable=False),
    Column("reason", Json, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("experiment", "environment", "run"),
)

heartbeat = Table(
    "guard_heartbeat",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("at", Moment, nullable=False),
)

_TICK = "tick"


def beat(tx: Connection, at: datetime) -> None:
    """All open runs were looked at, at `at`."""
    put(tx, heartbeat, [{"name": _TICK, "at": at}])


def last_tick(tx: Connection) -> datetime | None:
    """When all open runs were last looked at; None before the first time."""
    found: datetime | None = tx.execute(select(heartbeat.c.at).where(heartbeat.c.name == _TICK)).scalar()
    return found


def save_states(tx: Connection, experiment: str, environment: str, run: int, decisions: Iterable[Decision],
                at: datetime) -> None:
    """Remember the latest decision on each metric."""
    place = {"experiment": experiment, "environment": environment, "run": run, "at": at}
    rows = [{**place, "metric": d.metric, "kind": d.kind.value, "reason": d.reason.as_json()} for d in decisions]
    if rows:
        put(tx, state, sorted(rows, key=lambda row: str(row["metric"])))


def states(tx: Connection, experiment: str, environment: str) -> list[GuardState]:
    """The latest decisions on the newest run that was looked at, by metric."""
    here = state.c.experiment == experiment, state.c.environment == environment
    newest = select(func.max(state.c.run)).where(*here).scalar_subquery()
    columns = (state.c.run, state.c.metric, state.c.kind, state.c.reason, state.c.at)
    query = select(*columns).where(*here, state.c.run == newest).order_by(state.c.metric)
    return [GuardState(run, metric, Kind(kind), Message.from_json(reason), at)
            for run, metric, kind, reason, at in tx.execute(query)]


def add_breach(tx: Connection, item: Breach) -> None:
    """Put a rollback on record."""
    tx.execute(breach.insert().values(
        experiment=item.experiment, environment=item.environment, run=item.run, metric=item.metric,
        reason=item.reason.as_json(), at=item.at))


def breaches(tx: Connection, experiment: str) -> list[Breach]:
    """All rollbacks of an experiment, newest first."""
    columns = [breach.c[name] for name in Breach.__dataclass_fields__]
    rows = tx.execute(select(*columns).where(breach.c.experiment == experiment).order_by(breach.c.id.desc()))
    return [Breach(**{**row, "reason": Message.from_json(row["reason"])}) for row in rows.mappings()]
