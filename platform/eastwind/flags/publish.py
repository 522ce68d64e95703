"""The publish gate: nothing leaves the server that the SDKs' own engine has not loaded first.

One malformed feature makes an official SDK keep the old state of *all* features, so a bad one could block every close.
Each feature is therefore loaded into a real engine before it goes out; one that fails goes out closed, with a warning,
and the others go out as they are.
"""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, func, select
from yggdrasil_engine.engine import UnleashEngine

from eastwind.audit.store import event
from eastwind.db import Connection, Database
from eastwind.errors import EastwindError, NotFound, Problem, msg
from eastwind.flags import store
from eastwind.flags.document import Document, closed, feature_document, segment_document
from eastwind.flags.model import Feature, Segment
from eastwind.validation import checked

log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05

Row = tuple[Any, ...]
# What goes out for a row, if anything can, and why it is not what is stored, or "".
Admitted = tuple[Document | None, str]


@dataclass(frozen=True)
class Snapshot:
    """All that an environment serves at one revision. `features` are in order of name."""

    environment: str
    revision: int
    features: tuple[Document, ...]
    segments: tuple[Document, ...]
    quarantined: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Document:
        """The client-features document that an engine loads."""
        return {"version": 2, "features": list(self.features), "segments": list(self.segments)}


class Publisher:
    """Keeps the newest snapshot of each environment, and wakes those who wait for one.

    Level-triggered: every look reads the newest revision from the database, so no lost signal can keep a close in.
    Without a database the last snapshot stays in force.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen = -1
        self._snapshots: dict[str, Snapshot] = {}
        self._admitted: dict[str, dict[Row, Admitted]] = {}
        self._changed = threading.Condition()
        self._refreshing = threading.Lock()
        self._stop = threading.Event()

    def current(self, environment: str) -> Snapshot:
        """The snapshot in force. Raises `NotFound` for an unknown environment."""
        if not self._snapshots:
            self.refresh()
        try:
            return self._snapshots[environment]
        except KeyError:
            raise NotFound(Problem("environment", msg("there is no environment {name}", name=environment))) from None

    def wait(self, environment: str, revision: int, timeout: float) -> Snapshot | None:
        """The first snapshot newer than `revision`, or None after `timeout` seconds without one, or on `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._newer(environment, revision) is not None, timeout)
            return self._newer(environment, revision)

    def refresh(self) -> None:
        """Take in what was committed since the last look. Cheap when nothing was."""
        with self._refreshing, self._db.read() as tx:
            newest = _newest(tx, None)
            if newest == self._seen:
                return
            fresh = {e.name: self._compile(tx, e.name) for e in store.environments(tx) if e.enabled}
            with self._changed:
                self._snapshots, self._seen = fresh, newest
                self._changed.notify_all()

    def start(self) -> None:
        """Look for changes in the background, until `stop`."""
        threading.Thread(target=self._watch, name="publisher", daemon=True).start()

    def stop(self) -> None:
        """End the background look and wake everybody who waits."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether the server is going down: open streams should end."""
        return self._stop.is_set()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            try:
                self.refresh()
            except EastwindError as error:
                log.warning("flags are served as last seen: %s", error)
                self._stop.wait(1)
            except Exception:
                log.exception("flags are served as last seen")
                self._stop.wait(1)

    def _newer(self, environment: str, revision: int) -> Snapshot | None:
        found = self._snapshots.get(environment)
        return found if found and found.revision > revision else None

    def _compile(self, tx: Connection, environment: str) -> Snapshot:
        revision = _newest(tx, environment)
        before = self._snapshots.get(environment)
        if before and before.revision == revision:
            return before
        features, segments = store.raw(tx, environment)
        known, fresh = self._admitted.get(environment, {}), {}
        # A row that has not changed keeps its very document: nothing is checked, built or compared twice.
        for row in (*features, *segments):
            key = tuple(row.values())
            fresh[key] = known.get(key) or (_admit_feature if "type" in row else _admit_segment)(row, environment)
        self._admitted[environment] = fresh
        return _snapshot(environment, revision, features, segments, fresh)


def _snapshot(environment: str, revision: int, features: list[RowMapping], segments: list[RowMapping],
              admitted: Mapping[Row, Admitted]) -> Snapshot:
    quarantined: dict[str, str] = {}
    served: list[list[Document]] = []
    for rows, prefix in ((features, ""), (segments, "segment ")):
        found = [(row, *admitted[tuple(row.values())]) for row in rows]
        served.append([document for _, document, _ in found if document is not None])
        quarantined |= {f"{prefix}{row['name']}": problem for row, _, problem in found if problem}
    for name, reason in quarantined.items():
        log.warning("%s goes out closed in %s: %s", name, environment, reason)
    return Snapshot(environment, revision, tuple(served[0]), tuple(served[1]), quarantined)


def _newest(tx: Connection, environment: str | None) -> int:
    """The newest event that can have changed what is served: anywhere, or in one environment."""
    query = select(func.max(event.c.id)).where(event.c.room == "flags")
    if environment is not None:
        query = query.where(event.c.environment.in_((environment, "")))
    return int(tx.execute(query).scalar() or 0)


def _admit_feature(row: RowMapping, environment: str) -> Admitted:
    """What goes out for a feature: itself, or closed, or, if not even its name can be trusted, nothing."""
    try:
        stored = store.opened(row)
        state = {"enabled": bool(row["enabled"]), "strategies": stored["strategies"], "variants": stored["variants"]}
        # What no write would have let through, for it would fail open, does not go out either.
        checked(Feature, {**stored, "environments": {environment: {"environment": environment, **state}}})
        document = feature_document(stored)
        problem = _load_problem({"version": 2, "features": [document], "segments": []}, document["name"])
    except Exception as error:  # whatever is wrong with one row, the others must go out
        problem = f"{type(error).__name__}: {error}"
    if not problem:
        return document, ""
    least = closed(row)
    unusable = _load_problem({"version": 2, "features": [least], "segments": []}, least["name"])
    return None if unusable else least, problem


def _admit_segment(row: RowMapping, _environment: str) -> Admitted:
    """What goes out for a segment: itself or nothing. A missing one closes the strategies that use it."""
    try:
        stored = store.opened(row)
        checked(Segment, stored)
        document = segment_document(stored)
        problem = _load_problem({"version": 2, "features": [_PROBE], "segments": [document]}, "probe")
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    return (None, problem) if problem else (document, "")


_PROBE = {"name": "probe", "enabled": False, "strategies": []}


def _load_problem(document: Document, name: str) -> str:
    engine = UnleashEngine()
    try:
        engine.take_state(json.dumps(document, allow_nan=False))
    except Exception as error:
        return f"the engine refuses it: {type(error).__name__}"
    # The engine reports a malformed document by keeping its old, here empty, state.
    known = {toggle.name for toggle in engine.list_known_toggles()}
    if known != {name}:
        return "the engine refuses it"
    enabled = document["features"][0]["enabled"]
    if not enabled and engine.check_enabled(name, {"userId": "probe"}).is_enabled:
        return "the engine has it on although it is off"
    return ""
