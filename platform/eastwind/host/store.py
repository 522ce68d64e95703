"""The table of running processes. Written by the supervisor alone; read by whoever calls or shows an experiment."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import Column, Integer, RowMapping, String, Table, Text, delete, insert, select

from eastwind.db import Connection, Json, Moment, metadata
from eastwind.errors import Message, Problem
from eastwind.host.model import Process

host_process = Table(
    "host_process",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("slug", String(300), nullable=False),
    Column("port", Integer, nullable=False),
    Column("key", String(100), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("since", Moment, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("last_exit", Json),
    Column("log_tail", Text, nullable=False),
    Column("build", String(64), nullable=False),
    Column("manifest_errors", Json, nullable=False),
)


def save(tx: Connection, process: Process) -> None:
    """Keep `process` as the one row of its name."""
    tx.execute(delete(host_process).where(host_process.c.name == process.name))
    tx.execute(insert(host_process).values(_as_row(process)))


def keep_only(tx: Connection, names: Iterable[str]) -> None:
    """Forget every process but these."""
    tx.execute(delete(host_process).where(host_process.c.name.not_in(list(names))))


def processes(tx: Connection) -> list[Process]:
    """All processes, by name."""
    return [_as_process(row) for row in tx.execute(select(host_process).order_by(host_process.c.name)).mappings()]


def experiment(tx: Connection, slug: str) -> Process | None:
    """The process of an experiment, or None if no such experiment was shipped."""
    return process(tx, f"experiment-{slug}")


def process(tx: Connection, name: str) -> Process | None:
    """One process by its name: "web", "jobs", "backoffice", "experiment-<slug>"."""
    row = tx.execute(select(host_process).where(host_process.c.name == name)).mappings().one_or_none()
    return _as_process(row) if row else None


def _as_row(process: Process) -> dict[str, Any]:
    row = {f.name: getattr(process, f.name) for f in fields(Process)}
    row["last_exit"] = process.last_exit.as_json() if process.last_exit else None
    row["manifest_errors"] = [{"field": p.field, "reason": p.reason.as_json()} for p in process.manifest_errors]
    return row


def _as_process(row: RowMapping) -> Process:
    values = dict(row)
    values["last_exit"] = Message.from_json(row["last_exit"]) if row["last_exit"] else None
    values["manifest_errors"] = tuple(
        Problem(p["field"], Message.from_json(p["reason"])) for p in row["manifest_errors"]
    )
    return Process(**values)
