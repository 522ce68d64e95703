"""Looking for events of the past by what they are about."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from eastwind.audit import Event
from eastwind.audit.store import event
from eastwind.db import Database


@dataclass(frozen=True)
class Wanted:
    """Which events. Empty parts do not narrow."""

    features: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def look(db: Database, wanted: Wanted, limit: int, offset: int = 0) -> tuple[list[Event], int]:
    """The newest of them first, and how many there are in all."""
    where = list(_conditions(wanted))
    query = select(event).where(*where).order_by(event.c.id.desc()).limit(limit).offset(offset)
    with db.read() as tx:
        found = [Event(**row) for row in tx.execute(query).mappings()]
        return found, int(tx.execute(select(func.count()).select_from(event).where(*where)).scalar_one())


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    lists = ((event.c.subject, wanted.features), (event.c.project, wanted.projects),
             (event.c.environment, wanted.environments), (event.c.act, wanted.acts), (event.c.actor, wanted.actors))
    found: list[ColumnElement[bool]] = [column.in_(values) for column, values in lists if values]
    if wanted.text:
        found.append(or_(*(column.contains(wanted.text, autoescape=True)
                           for column in (event.c.act, event.c.subject, event.c.actor, event.c.project))))
    if wanted.since:
        found.append(event.c.at >= wanted.since)
    if wanted.until:
        found.append(event.c.at < wanted.until)
    if wanted.before is not None:
        found.append(event.c.id < wanted.before)
    return found
