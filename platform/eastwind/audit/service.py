"""Recording and reading the chain of events."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from eastwind.audit import store
from eastwind.audit.model import GENESIS, Actor, Event, digest, first_broken
from eastwind.clock import now
from eastwind.db import Connection, Database


def record(tx: Connection, actor: Actor, act: str, *, room: str, subject: str, environment: str = "",
           project: str = "", before: Any = None, after: Any = None, at: datetime | None = None) -> Event:
    """Append one event to the chain inside the caller's `write` transaction, and return it.

    It commits or vanishes together with what it tells of. `before` and `after` are JSON values.
    """
    newest = store.last(tx)
    draft = Event(
        id=newest.id + 1 if newest else 1, at=at or now(), actor=str(actor), act=act, room=room, subject=subject,
        environment=environment, project=project, before=before, after=after,
        previous=newest.hash if newest else GENESIS, hash="",
    )
    event = replace(draft, hash=digest(draft))
    store.add(tx, event)
    return event


class Audit:
    """Reading the chain."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def history(self, subject: str = "", room: str = "", before: int | None = None, limit: int = 100) -> list[Event]:
        """The newest events first, at most `limit` (1000 at the most)."""
        with self._db.read() as tx:
            return store.history(tx, subject, room, before, min(limit, 1000))

    def verify(self) -> int | None:
        """The id of the first event that was changed, removed or put in; None if the whole chain holds."""
        with self._db.read() as tx:
            return first_broken(store.all_events(tx))
