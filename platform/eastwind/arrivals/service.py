"""Taking note of what SDK instances hold and do, without ever slowing a poll.

A call here looks into a dictionary and at the most appends to a list; a thread writes what was noted once a second.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from eastwind.arrivals import store
from eastwind.arrivals.counts import Counted, Report
from eastwind.arrivals.model import Arrival, Instance, Note, Trace, arrival, noted
from eastwind.clock import Clock, now
from eastwind.db import Database
from eastwind.errors import Unavailable

log = logging.getLogger(__name__)
_FLUSH_SECONDS = 1.0
_AGAIN_SECONDS = 10.0  # an instance of which there is nothing new is noted this seldom
_KEPT = timedelta(hours=1)
_ALIVE = timedelta(minutes=5)  # an instance not seen for so long before a change is not waited for
_MOST_INSTANCES = 20_000
_MOST_NOTES = 50_000


class Arrivals:
    """What each SDK instance holds. Bounded: beyond 20,000 instances, or 50,000 notes not yet written, new ones are
    dropped and counted in `dropped`.
    """

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock
        self._latest: dict[Instance, tuple[int | None, float]] = {}
        self._notes: list[Note] = []
        self._counts: dict[Instance, Report] = {}
        self._noting, self._flushing = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._forgotten_at = 0.0
        self.dropped = 0

    # -- what the wire sees ---------------------------------------------------------------------------------------

    def polled(self, who: Instance, revision: int | None, sdk: str = "") -> None:
        """It asked for the flags, and holds `revision` (None: it did not say, or not with one of ours)."""
        if self._is_new(who, revision):
            self._add(Note(who, self._clock(), sdk, "polling", revision))

    def streamed(self, who: Instance, revision: int, sdk: str = "") -> None:
        """`revision` was written to its open stream, which still stands."""
        if self._is_new(who, revision):
            self._add(Note(who, self._clock(), sdk, "streaming", revision))

    def registered(self, who: Instance, sdk: str = "") -> None:
        """It started."""
        self._add(Note(who, self._clock(), sdk))

    def metrics(self, who: Instance, began: datetime, counts: Mapping[str, Counted], sdk: str = "") -> None:
        """It counted evaluations, from `began` on."""
        buckets = {flag: (began, count) for flag, count in counts.items()}
        with self._noting:
            before = self._counts.get(who)
            if before is None and len(self._counts) >= _MOST_INSTANCES:
                self.dropped += 1
            else:
                self._counts[who] = report = before or Report()
                report.add(began, buckets, self._clock(), sdk)

    # -- what pages and guards ask --------------------------------------------------------------------------------

    def since(self, environment: str, revision: int, flag: str = "", at: datetime | None = None) -> list[Arrival]:
        """How far the change of `revision` got, for each instance that was alive then or came later, by name.

        `flag` and `at` are the change's own unless given. A `revision` that is no flag's counts as the newest one
        that was a flag's by then.
        """
        self._flush_if_possible()
        with self._db.read() as tx:
            found = store.change(tx, environment, revision)
            if found is None:
                return []
            changed, subject, moment = found
            at = at or moment
            known = store.seen_since(tx, environment, at - _ALIVE)
        return [arrival(trace, changed, flag or subject, at) for trace in known]

    def instances(self, environment: str) -> list[Trace]:
        """Every instance seen within the last hour, by name."""
        self._flush_if_possible()
        with self._db.read() as tx:
            return store.seen_since(tx, environment, self._clock() - _KEPT)

    # -- writing behind -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Write what is noted, once a second, until `stop`."""
        self._thread = threading.Thread(target=self._keep_writing, name="arrivals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the rest and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=3)
        self._flush_if_possible()

    def flush(self) -> None:
        """Write what was noted until now. Raises `Unavailable` and keeps the notes if the database is away."""
        with self._flushing:
            with self._noting:
                notes, self._notes = [*self._notes, *(r.note(who) for who, r in self._counts.items())], []
                self._counts = {}
            try:
                if notes:
                    self._write(notes)
            except Unavailable:
                with self._noting:
                    self._notes = (notes + self._notes)[:_MOST_NOTES]
                raise

    def _write(self, notes: list[Note]) -> None:
        whom = sorted({n.who for n in notes}, key=lambda w: (w.environment, w.app, w.instance, w.connection))
        with self._db.intake() as tx:
            known: dict[Instance, Trace] = store.traces(tx, whom)
            store.save(tx, _applied(known, notes))
            if time.monotonic() - self._forgotten_at > 60:
                self._forgotten_at = time.monotonic()
                store.forget(tx, self._clock() - _KEPT)

    def _is_new(self, who: Instance, revision: int | None) -> bool:
        latest, at = self._latest.get(who, (-1, 0.0)), time.monotonic()
        if latest[0] == revision and at - latest[1] < _AGAIN_SECONDS:
            return False
        if who not in self._latest and len(self._latest) >= _MOST_INSTANCES:
            self.dropped += 1
            return False
        self._latest[who] = (revision, at)
        return True

    def _add(self, note: Note) -> None:
        with self._noting:
            if len(self._notes) < _MOST_NOTES:
                self._notes.append(note)
            else:
                self.dropped += 1

    def _keep_writing(self) -> None:
        while not self._stop.wait(_FLUSH_SECONDS):
            self._flush_if_possible()
            self._age()

    def _flush_if_possible(self) -> None:
        try:
            self.flush()
        except Unavailable as error:
            log.warning("arrivals are kept in memory: %s", error)
        except Exception:
            log.exception("arrivals could not be written")

    def _age(self) -> None:
        old = time.monotonic() - _KEPT.total_seconds()
        for who, (_, at) in list(self._latest.items()):
            if at < old:
                self._latest.pop(who, None)


def _applied(known: dict[Instance, Trace], notes: Iterable[Note]) -> list[Trace]:
    changed: dict[Instance, Trace] = {}
    for note in notes:
        changed[note.who] = noted(changed.get(note.who) or known.get(note.who), note)
    return [changed[who] for who in sorted(changed, key=lambda w: (w.environment, w.app, w.instance, w.connection))]
