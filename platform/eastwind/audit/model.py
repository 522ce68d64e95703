"""Who did what, when: an append-only chain. Each event's hash covers the one before it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `kind` is user, token, job, guard, cli or system; `name` is theirs within that kind."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor("system", "eastwind")


@dataclass(frozen=True, slots=True)
class Event:
    """One act. `id` is gapless and rises in commit order: it is the revision, the ETag and the stream's cursor."""

    id: int
    at: datetime
    actor: str
    act: str
    room: str
    subject: str
    environment: str
    project: str
    before: Any
    after: Any
    previous: str
    hash: str


def digest(event: Event) -> str:
    """The SHA-256 that binds an event's content to the chain before it."""
    body = [
        event.id, event.at.isoformat(), event.actor, event.act, event.room, event.subject,
        event.environment, event.project, event.before, event.after, event.previous,
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def first_broken(events: Iterable[Event]) -> int | None:
    """The id of the first event, from number 1, that is changed, missing or out of place; None if all hold."""
    previous, expected = GENESIS, 1
    for event in events:
        if event.id != expected:
            return expected
        if event.previous != previous or event.hash != digest(event):
            return event.id
        previous, expected = event.hash, expected + 1
    return None
