"""The table of reviews."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, ColumnElement, Index, RowMapping, String, Table, func, select

from eastwind.db import Connection, Json, Moment, Percent, RowId, metadata
from eastwind.errors import Message
from eastwind.readiness.model import Evidence, LoadPlan, Progress, Review

review = Table(
    "review",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("experiment", String(100), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("share", Percent, nullable=False),
    Column("build", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("plan", Json, nullable=False),
    Column("evidence", Json(none_as_null=True)),
    Column("progress", Json(none_as_null=True)),
    Column("asked_by", String(200), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("heartbeat_at", Moment),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("expires_at", Moment),
    Column("voided_at", Moment),
    Index("ix_review_subject", "experiment", "environment", "id"),
    Index("ix_review_state", "state", "id"),
)

_PLAN, _EVIDENCE, _PROGRESS = TypeAdapter(LoadPlan), TypeAdapter(Evidence), TypeAdapter(Progress)


def add(tx: Connection, plan: LoadPlan, asked_by: str, at: datetime) -> Review:
    """Put a review at the end of the queue."""
    values = {
        "experiment": plan.experiment, "environment": plan.environment, "share": plan.share, "build": plan.build,
        "state": "queued", "reasons": [], "plan": _PLAN.dump_python(plan, mode="json"), "asked_by": asked_by,
        "asked_at": at, "owner": "",
    }
    return _review(tx.execute(review.insert().values(values).returning(*review.c)).mappings().one())


def get(tx: Connection, number: int) -> Review | None:
    """A review by its number."""
    row = tx.execute(select(review).where(review.c.id == number)).mappings().first()
    return _review(row) if row else None


def history(tx: Connection, experiment: str, environment: str, limit: int) -> list[Review]:
    """The newest first."""
    query = select(review).where(_of(experiment, environment)).order_by(review.c.id.desc()).limit(limit)
    return [_review(row) for row in tx.execute(query).mappings()]


def waiting(tx: Connection) -> int:
    """How many reviews are queued."""
    return int(tx.execute(select(func.count()).where(review.c.state == "queued")).scalar_one())


def unfinished(tx: Connection, experiment: str, environment: str, share: Decimal, build: str) -> Review | None:
    """The review that is queued or running for exactly this."""
    query = select(review).where(
        _of(experiment, environment), review.c.share == share, review.c.build == build,
        review.c.state.in_(("queued", "running"))).order_by(review.c.id)
    row = tx.execute(query).mappings().first()
    return _review(row) if row else None


def take(tx: Connection, owner: str, at: datetime) -> Review | None:
    """Start the oldest queued review, if it is still queued at the moment of writing."""
    oldest = select(func.min(review.c.id)).where(review.c.state == "queued").scalar_subquery()
    change = review.update().where(review.c.id == oldest, review.c.state == "queued").values(
        state="running", owner=owner, started_at=at, heartbeat_at=at)
    row = tx.execute(change.returning(*review.c)).mappings().first()
    return _review(row) if row else None


def beat(tx: Connection, number: int, progress: Progress, at: datetime) -> bool:
    """Note how far a running review is; False if it is not running any more."""
    change = review.update().where(review.c.id == number, review.c.state == "running").values(
        progress=_PROGRESS.dump_python(progress, mode="json"), heartbeat_at=at)
    return tx.execute(change).rowcount == 1


def finish(tx: Connection, number: int, state: str, reasons: tuple[Message, ...], evidence: Evidence | None,
           at: datetime, expires_at: datetime | None = None) -> Review | None:
    """Give an unfinished review its verdict; None if it has one."""
    change = review.update().where(review.c.id == number, review.c.state.in_(("queued", "running"))).values(
        state=state, reasons=[reason.as_json() for reason in reasons], finished_at=at, expires_at=expires_at,
        evidence=evidence_json(evidence))
    row = tx.execute(change.returning(*review.c)).mappings().first()
    return _review(row) if row else None


def running(tx: Connection, experiment: str, environment: str) -> list[Review]:
    """Reviews of an experiment that run now."""
    query = select(review).where(_of(experiment, environment), review.c.state == "running")
    return [_review(row) for row in tx.execute(query).mappings()]


def silent(tx: Connection, since: datetime) -> list[Review]:
    """Running reviews that nobody has heard of since."""
    query = select(review).where(review.c.state == "running", review.c.heartbeat_at < since).order_by(review.c.id)
    return [_review(row) for row in tx.execute(query).mappings()]


def largest(tx: Connection, experiment: str, environment: str, build: str, at: datetime) -> Review | None:
    """The ready review of the largest share that counts at this time; of equals, the one that lasts longest."""
    query = select(review).where(
        _counting(experiment, environment), review.c.build == build,
        review.c.finished_at <= at, review.c.expires_at > at,
    ).order_by(review.c.share.desc(), review.c.expires_at.desc()).limit(1)
    row = tx.execute(query).mappings().first()
    return _review(row) if row else None


def void(tx: Connection, experiment: str, environment: str, at: datetime) -> list[int]:
    """Void all evidence; the numbers of the reviews it took."""
    return _void(tx, _counting(experiment, environment), at)


def void_contradicted(tx: Connection, by: Review, at: datetime) -> list[int]:
    """Void older evidence for the share that `by` found not ready, and for any larger one, of the same build."""
    return _void(tx, _counting(by.experiment, by.environment) & (review.c.build == by.build)
                 & (review.c.share >= by.share), at)


def _void(tx: Connection, which: ColumnElement[bool], at: datetime) -> list[int]:
    change = review.update().where(which).values(voided_at=at).returning(review.c.id)
    return sorted(tx.execute(change).scalars())


def _of(experiment: str, environment: str) -> ColumnElement[bool]:
    return (review.c.experiment == experiment) & (review.c.environment == environment)


def _counting(experiment: str, environment: str) -> ColumnElement[bool]:
    return _of(experiment, environment) & (review.c.state == "ready") & review.c.voided_at.is_(None)


def evidence_json(evidence: Evidence | None) -> Any:
    """Evidence as it is stored, and as its digest is made of."""
    return None if evidence is None else _EVIDENCE.dump_python(evidence, mode="json")


def _review(row: RowMapping) -> Review:
    values: Mapping[str, Any] = {
        **row,
        "reasons": tuple(Message.from_json(reason) for reason in row["reasons"]),
        "plan": _PLAN.validate_python(row["plan"]),
        "evidence": _EVIDENCE.validate_python(row["evidence"]) if row["evidence"] else None,
        "progress": _PROGRESS.validate_python(row["progress"]) if row["progress"] else None,
    }
    return Review(**values)
