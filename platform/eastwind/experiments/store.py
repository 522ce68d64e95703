"""Tables of experiments, their runs, and those who left."""

import logging
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, RowMapping, String, Table, Text, select

from eastwind.db import Connection, Json, Moment, Percent, metadata
from eastwind.db.upsert import insert
from eastwind.errors import Message, Problem
from eastwind.experiments.manifest import Manifest
from eastwind.experiments.model import Experiment, Run

log = logging.getLogger(__name__)

experiment = Table(
    "experiment",
    metadata,
    Column("slug", String(40), primary_key=True),
    Column("flag", String(100), nullable=False, index=True),
    Column("manifest", Text, nullable=False),
    Column("build", String(64), nullable=False),
    Column("problems", Json, nullable=False),
    Column("declared_at", Moment, nullable=False),
)

run = Table(
    "experiment_run",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("experiment", String(40), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("share", Percent, nullable=False),
    Column("peak_share", Percent, nullable=False),
    Column("pilots", Json, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("opened_by", String(200), nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", String(200), nullable=False),
    Column("close_reason", Json),
    Column("close_event", BigInteger),
    Column("rolled_back", Boolean, nullable=False),
    Index("ix_experiment_run_experiment_environment_id", "experiment", "environment", "id"),
    Index("ix_experiment_run_closed_at", "closed_at"),
)

leaver = Table(
    "experiment_leaver",
    metadata,
    Column("experiment", String(40), primary_key=True),
    Column("customer", String(100), primary_key=True),
    Column("at", Moment, nullable=False),
)


def get(tx: Connection, slug: str) -> Experiment | None:
    """One experiment with its latest runs."""
    row = tx.execute(select(experiment).where(experiment.c.slug == slug)).mappings().first()
    return _experiment(tx, row) if row else None


def by_flag(tx: Connection, flag: str) -> Experiment | None:
    """The experiment whose flag this is."""
    row = tx.execute(select(experiment).where(experiment.c.flag == flag)).mappings().first()
    return _experiment(tx, row) if row else None


def owner_of(tx: Connection, flag: str) -> str | None:
    """The slug of the experiment whose flag this is, whatever its manifest looks like."""
    found: str | None = tx.execute(select(experiment.c.slug).where(experiment.c.flag == flag)).scalar()
    return found


def flag_of(tx: Connection, slug: str) -> str | None:
    """The flag of an experiment, whatever its manifest looks like."""
    found: str | None = tx.execute(select(experiment.c.flag).where(experiment.c.slug == slug)).scalar()
    return found


def every(tx: Connection) -> list[Experiment]:
    """All experiments by slug."""
    found = []
    for row in tx.execute(select(experiment).order_by(experiment.c.slug)).mappings().all():
        try:
            found.append(_experiment(tx, row))
        except (ValueError, TypeError, KeyError):  # one damaged row must not hide the others
            log.exception("the row of experiment %s cannot be read", row["slug"])
    return found


def save(tx: Connection, item: Experiment, at: datetime, owns_flag: bool = True) -> None:
    """Insert or replace what a folder declared; without `owns_flag`, the flag it names stays somebody else's."""
    values = {
        "flag": item.manifest.flag if owns_flag else "", "manifest": item.manifest.model_dump_json(),
        "build": item.build, "declared_at": at,
        "problems": [{"field": p.field, "reason": p.reason.as_json()} for p in item.problems],
    }
    changed = tx.execute(experiment.update().where(experiment.c.slug == item.slug).values(values))
    if changed.rowcount == 0:
        tx.execute(experiment.insert().values(slug=item.slug, **values))


def add_run(tx: Connection, item: Run) -> None:
    """Begin a run."""
    tx.execute(run.insert().values(
        id=item.id, experiment=item.experiment, environment=item.environment, share=item.share,
        peak_share=item.peak_share, pilots=list(item.pilots), opened_at=item.opened_at, opened_by=item.opened_by,
        closed_by="", rolled_back=False))


def end_run(tx: Connection, number: int, at: datetime, by: str, event: int) -> None:
    """End a run: nobody is reached any more."""
    change_run(tx, number, share=Decimal(0), closed_at=at, closed_by=by, close_event=event)


def change_run(tx: Connection, number: int, **values: Any) -> None:
    """Change columns of a run."""
    tx.execute(run.update().where(run.c.id == number).values(values))


def latest_run(tx: Connection, slug: str, environment: str) -> Run | None:
    """The newest run of an experiment in an environment, open or closed."""
    query = (select(run).where(run.c.experiment == slug, run.c.environment == environment)
             .order_by(run.c.id.desc()).limit(1))
    row = tx.execute(query).mappings().first()
    return _run(row) if row else None


def open_runs(tx: Connection) -> list[Run]:
    """All runs that are open."""
    return [_run(r) for r in tx.execute(select(run).where(run.c.closed_at.is_(None)).order_by(run.c.id)).mappings()]


def runs(tx: Connection, slug: str) -> list[Run]:
    """All runs of an experiment, newest first."""
    query = select(run).where(run.c.experiment == slug).order_by(run.c.id.desc()).limit(200)
    return [_run(r) for r in tx.execute(query).mappings()]


def has_left(tx: Connection, slug: str, customer: str) -> bool:
    """Whether a customer chose to leave."""
    query = select(leaver.c.at).where(leaver.c.experiment == slug, leaver.c.customer == customer)
    return tx.execute(query).first() is not None


def leave(tx: Connection, slug: str, customer: str, at: datetime) -> None:
    """Remember that a customer left; saying it again, even at once, changes nothing."""
    row = insert(tx, leaver).values(experiment=slug, customer=customer, at=at)
    tx.execute(row.on_conflict_do_nothing())


def _experiment(tx: Connection, row: RowMapping) -> Experiment:
    latest: dict[str, Run] = {}
    for item in runs(tx, row["slug"]):
        latest.setdefault(item.environment, item)
    problems = tuple(Problem(p["field"], Message.from_json(p["reason"])) for p in row["problems"])
    return Experiment(row["slug"], Manifest.model_validate_json(row["manifest"]), row["build"], problems, latest)


def _run(row: RowMapping) -> Run:
    # Tolerant of damage: a run that cannot be read could not be closed either.
    reason = row["close_reason"]
    told = Message.from_json(reason) if isinstance(reason, dict) and "template" in reason else None
    return Run(**{**row, "pilots": tuple(row["pilots"] or ()), "close_reason": told})
