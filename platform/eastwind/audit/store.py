"""The table of events. Rows are only ever added."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Column, Index, RowMapping, Select, String, Table, func, select

from eastwind.audit.model import Event
from eastwind.db import Connection, Json, Moment, metadata

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("act", String(80), nullable=False),
    Column("room", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("project", String(100), nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_event_room_id", "room", "id"),
    Index("ix_event_subject_id", "subject", "id"),
)


def last(tx: Connection) -> Event | None:
    """The newest event."""
    row = tx.execute(select(event).order_by(event.c.id.desc()).limit(1)).mappings().first()
    return _event(row) if row else None


def add(tx: Connection, row: Event) -> None:
    """Append one event."""
    tx.execute(event.insert().values({c.name: getattr(row, c.name) for c in event.c}))


def newest(tx: Connection, room: str) -> int:
    """The newest event's id in a room; 0 before the first."""
    return int(tx.execute(select(func.max(event.c.id)).where(event.c.room == room)).scalar() or 0)


def all_events(tx: Connection) -> Iterator[Event]:
    """Every event from the first, streamed."""
    result = tx.execution_options(yield_per=1000).execute(select(event).order_by(event.c.id)).mappings()
    return (_event(row) for row in result)


def history(tx: Connection, subject: str, room: str, before: int | None, limit: int) -> list[Event]:
    """The newest events first; `subject` and `room` narrow when not empty."""
    query: Select[tuple[object, ...]] = select(event).order_by(event.c.id.desc()).limit(limit)
    if subject:
        query = query.where(event.c.subject == subject)
    if room:
        query = query.where(event.c.room == room)
    if before is not None:
        query = query.where(event.c.id < before)
    return [_event(row) for row in tx.execute(query).mappings()]


def _event(row: RowMapping) -> Event:
    return Event(**row)
