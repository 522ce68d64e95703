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
_AT_ONCE = 4

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
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)  # `type:value` by feature; never on the wire

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
        self._lock = threading.Lock()
        self._waiting: dict[str, threading.Condition] = {}
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

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All snapshots in force, as last seen."""
        return tuple(self._snapshots.values())

    def wait(self, environment: str, revision: int, timeout: float) -> Snapshot | None:
        """The first snapshot newer than `revision`, or None after `timeout` seconds without one, or on `stop`."""
        with self._lock:
            changed = self._waiting.setdefault(environment, threading.Condition(self._lock))
            changed.wait_for(lambda: self.stopped or self._newer(environment, revision) is not None, timeout)
            found = self._newer(environment, revision)
            if found is not None:
                changed.notify()  # who got it wakes the next: see `_tell`
            return found

    def refresh(self) -> None:
        """Take in what was committed since the last look. Cheap when nothing was."""
        with self._refreshing, self._db.read() as tx:
            newest = _newest(tx, None)
            if newest == self._seen:
                return
            fresh = {e.name: self._compile(tx, e.name) for e in store.environments(tx) if e.enabled}
            with self._lock:
                before, self._snapshots, self._seen = self._snapshots, fresh, newest
                for name, changed in self._waiting.items():
                    self._tell(changed, before.get(name), fresh.get(name))

    def start(self) -> None:
        """Look for changes in the background, until `stop`."""
        threading.Thread(target=self._watch, name="publisher", daemon=True).start()

    def stop(self) -> None:
        """End the background look and wake everybody who waits."""
        self._stop.set()
        with self._lock:
            for changed in self._waiting.values():
                changed.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether the server is going down: open streams should end."""
        return self._stop.is_set()

    def _tell(self, changed: threading.Condition, before: Snapshot | None, now: Snapshot | None) -> None:
        """Wake a few who wait, each of whom wakes another. They are served in the order in which they came.

        A thousand threads woken at once would fight for the interpreter, and all be late.
        """
        if now is None:
            changed.notify_all()
        elif now is not before:
            changed.notify(_AT_ONCE)

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
        known = self._admitted.get(environment, {})
        # A row that has not changed keeps its very document: nothing is checked, built or compared twice.
        fresh: dict[Row, Admitted] = {key: known[key] for row in (*features, *segments)
                                      if (key := tuple(row.values())) in known}
        fresh |= _admit_features([row for row in features if tuple(row.values()) not in fresh], environment)
        fresh |= {key: _admit_segment(row) for row in segments if (key := tuple(row.values())) not in fresh}
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
    tags = {row["name"]: store.tags_of(row) for row in features}
    return Snapshot(environment, revision, tuple(served[0]), tuple(served[1]), quarantined, tags)


def _newest(tx: Connection, environment: str | None) -> int:
    """The newest event that can have changed what is served: anywhere, or in one environment."""
    query = select(func.max(event.c.id)).where(event.c.room == "flags")
    if environment is not None:
        query = query.where(event.c.environment.in_((environment, "")))
    return int(tx.execute(query).scalar() or 0)


def _admit_features(rows: list[RowMapping], environment: str) -> dict[Row, Admitted]:
    """What goes out for each feature: itself, or closed, or, if not even its name can be trusted, nothing."""
    built = [(row, *_built(row, environment)) for row in rows]
    refused = _refused([document for _, document, _ in built if document is not None])
    return {tuple(row.values()): _or_closed(row, document, problem or refused.get(row["name"], ""))
            for row, document, problem in built}


def _built(row: RowMapping, environment: str) -> Admitted:
    try:
        stored = store.opened(row)
        state = {"enabled": bool(row["enabled"]), "strategies": stored["strategies"], "variants": stored["variants"]}
        # What no write would have let through, for it would fail open, does not go out either.
        checked(Feature, {**stored, "environments": {environment: {"environment": environment, **state}}})
        return feature_document(stored), ""
    except Exception as error:  # whatever is wrong with one row, the others must go out
        return None, f"{type(error).__name__}: {error}"


def _refused(documents: list[Document]) -> dict[str, str]:
    """The features that the engine refuses, with why. All at once, and only if that fails each half by itself."""
    problem = _load_problem({"version": 2, "features": documents, "segments": []}) if documents else ""
    if not problem or len(documents) == 1:
        return {documents[0]["name"]: problem} if problem else {}
    half = len(documents) // 2
    return _refused(documents[:half]) | _refused(documents[half:])


def _or_closed(row: RowMapping, document: Document | None, problem: str) -> Admitted:
    if not problem:
        return document, ""
    least = closed(row)
    unusable = _load_problem({"version": 2, "features": [least], "segments": []})
    return None if unusable else least, problem


def _admit_segment(row: RowMapping) -> Admitted:
    """What goes out for a segment: itself or nothing. A missing one closes the strategies that use it."""
    try:
        stored = store.opened(row)
        checked(Segment, stored)
        document = segment_document(stored)
        problem = _load_problem({"version": 2, "features": [_PROBE], "segments": [document]})
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    return (None, problem) if problem else (document, "")


_PROBE = {"name": "probe", "enabled": False, "strategies": []}


def _load_problem(document: Document) -> str:
    engine, features = UnleashEngine(), document["features"]
    try:
        engine.take_state(json.dumps(document, allow_nan=False))
    except Exception as error:
        return f"the engine refuses it: {type(error).__name__}"
    # The engine reports a malformed document by keeping its old, here empty, state.
    if {toggle.name for toggle in engine.list_known_toggles()} != {f["name"] for f in features}:
        return "the engine refuses it"
    off = (f["name"] for f in features if not f["enabled"])
    if any(engine.check_enabled(name, {"userId": "probe"}).is_enabled for name in off):
        return "the engine has it on although it is off"
    return ""
