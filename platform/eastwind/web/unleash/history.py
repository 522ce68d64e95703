"""Snapshots that were sent, so that a client that comes back gets only what it missed. And the messages, made once."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable

from eastwind.flags import Publisher, Snapshot
from eastwind.flags.changes import DeltaEvent, changes, hydration
from eastwind.web.unleash.payload import Scope

_MOST_SNAPSHOTS = 32
_MOST_MESSAGES = 32
_Key = tuple[Scope, int | None, int]


class History:
    """The last 32 snapshots sent in each environment. Snapshots share the documents that did not change."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._kept: dict[str, OrderedDict[int, Snapshot]] = {}
        self._streamed: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def now(self, environment: str, held: int | None) -> tuple[Snapshot | None, Snapshot]:
        """What a client that holds revision `held` has, as far as we know it, and what it should have.

        None stands for "send everything": it is new, was away too long, or comes from another history (a restored
        database). Raises `NotFound` for an unknown environment.
        """
        snapshot = self._publisher.current(environment)
        if held is not None and held > snapshot.revision:
            self._publisher.refresh()  # another process may have told it first
            snapshot = self._publisher.current(environment)
        with self._lock:
            kept = self._remember(snapshot)
            return (kept.get(held) if held is not None and held <= snapshot.revision else None), snapshot

    def messages(self, scope: Scope, before: Snapshot | None, now: Snapshot) -> bytes:
        """The server-sent events that lead from `before` (None: from nothing) to `now`, made once for all streams."""
        key = (scope, before.revision if before else None, now.revision)
        with self._lock:
            made = self._streamed.get(key)
            if made is None:
                self._remember(now)
                made = self._streamed[key] = _messages(scope.covers, before, now)
                while len(self._streamed) > _MOST_MESSAGES:
                    self._streamed.popitem(last=False)
            return made

    def _remember(self, snapshot: Snapshot) -> OrderedDict[int, Snapshot]:
        kept = self._kept.setdefault(snapshot.environment, OrderedDict())
        kept[snapshot.revision] = snapshot
        while len(kept) > _MOST_SNAPSHOTS:
            kept.popitem(last=False)
        return kept


def events(covers: Callable[[str], bool], before: Snapshot | None, now: Snapshot) -> list[list[DeltaEvent]]:
    """The delta events as messages, in order."""
    return changes(before, now, covers) if before else [[hydration(now, covers)]]


def _messages(covers: Callable[[str], bool], before: Snapshot | None, now: Snapshot) -> bytes:
    parts = events(covers, before, now)
    kind = "unleash-updated" if before else "unleash-connected"
    # Only the last one moves the client's cursor: one that is cut off in between is sent all of them again.
    cursors = [""] * (len(parts) - 1) + [f"id: {now.revision}\n"]
    return b"".join(
        f"event: {kind}\n{cursor}data: {json.dumps({'events': part}, separators=(',', ':'), allow_nan=False)}\n\n"
        .encode("ascii") for part, cursor in zip(parts, cursors, strict=False))
