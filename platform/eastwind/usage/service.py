"""Keeping what SDKs count.

What an SDK would send again if we said no is durable before we say yes; what it would not is written behind. Official
SDKs keep series (`impactMetrics`) until they are accepted, so those are committed first. Counts of flags they forget
once sent, whatever the answer; they are gathered in memory and written every second, so a crash costs at most that.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Busy, EastwindError, Problem, Unavailable, msg
from eastwind.usage import store
from eastwind.usage.model import Application, Counted, Hour, Key, Metric, Point, Series, grown, hour_of
from eastwind.usage.pending import Pending

log = logging.getLogger(__name__)
_FLUSH_SECONDS = 1.0
_HOURS_KEPT = timedelta(days=90)
_POINTS_KEPT = timedelta(days=30)
_FORGET_SECONDS = 3600.0
_MOST_SERIES = 20_000
_MOST_WAITING = 32


class Usage:
    """Flag counts, applications and series. Bounded everywhere; what is too much is counted in `shed`, and said."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock
        self._pending = Pending()
        self._flushing, self._starting = threading.Lock(), threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._serial = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._forgotten_at = time.monotonic()
        self._shed_series = 0

    @property
    def shed(self) -> int:
        """How many counts and samples were let go because there were too many."""
        return self._pending.shed + self._shed_series

    # -- what comes in --------------------------------------------------------------------------------------------

    def counted(self, environment: str, app: str, began: datetime, counts: Mapping[str, Counted]) -> None:
        """An application's counts by flag, of a stretch of time that began at `began`. Written within a second."""
        self._pending.add(environment, app, hour_of(began, self._clock()), counts)
        self._keep_writing()

    def registered(self, environment: str, app: str, sdk: str, strategies: Sequence[str] = ()) -> None:
        """An application started, or showed itself."""
        if not strategies and self._pending.knows(app, environment):
            return  # there is nothing new in that
        at, known = self._clock(), tuple(name[:100] for name in strategies[:100])
        self._pending.see(Application(app, environment, sdk, known, at, at))
        self._keep_writing()

    def measured(self, environment: str, app: str, metrics: Sequence[Metric]) -> int:
        """Store samples, durably before this returns; how many were let go, because there are too many series.

        Raises `Busy` when too many reports wait already, `Unavailable` without a database: SDKs then send them again.
        """
        if not any(m.samples for m in metrics):
            return 0
        if not self._waiting.acquire(blocking=False):
            self._shed_series += sum(len(m.samples) for m in metrics)
            raise Busy(Problem("impactMetrics", msg("too many reports at once: send it again")))
        try:
            with self._serial, self._db.intake() as tx:
                shed = self._store(tx, environment, app, metrics)
        finally:
            self._waiting.release()
        self._shed_series += shed
        return shed

    # -- what is asked --------------------------------------------------------------------------------------------

    def hours(self, feature: str, since: datetime) -> list[Hour]:
        """A flag's counts by environment, application and hour, newest first."""
        self._flush_if_possible()
        with self._db.read() as tx:
            return store.hours(tx, feature, since)

    def applications(self, app: str | None = None) -> list[Application]:
        """All applications, or one of them, with the environments it was seen in."""
        self._flush_if_possible()
        with self._db.read() as tx:
            return store.applications(tx, app)

    def features_of(self, app: str) -> list[tuple[str, str]]:
        """The flags an application counted, each with the environment."""
        self._flush_if_possible()
        with self._db.read() as tx:
            return store.features_of(tx, app)

    def series(self, since: datetime) -> list[Series]:
        """Every series that something came in for since a moment."""
        with self._db.read() as tx:
            return store.all_series(tx, since)

    def points(self, key: Key, since: datetime) -> list[Point]:
        """One series minute by minute, oldest first."""
        with self._db.read() as tx:
            return store.points(tx, key, since)

    # -- writing behind -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Write the rest and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=3)
        self._flush_if_possible()

    def flush(self) -> None:
        """Write what was gathered. Raises `Unavailable` and keeps it if the database is away."""
        with self._flushing:
            hours, seen = self._pending.take()
            if not hours and not seen:
                return
            try:
                with self._db.intake() as tx:
                    store.add_hours(tx, hours)
                    store.see(tx, seen)
                    self._forget(tx)
            except EastwindError:
                self._pending.give_back(hours, seen)
                raise

    def _store(self, tx: Connection, environment: str, app: str, metrics: Sequence[Metric]) -> int:
        at = self._clock()
        wanted = [(Key(environment, app, m.name, s.labels), m, s) for m in metrics for s in m.samples]
        known = self._entered(tx, [Series(key, m.kind, m.help, at) for key, m, _ in wanted])
        for key, metric, sample in (w for w in wanted if w[0] in known):
            number, item = known[key]
            if item.kind != metric.kind:  # it changed its mind: the new kind begins anew
                item = Series(key, metric.kind, metric.help, at)
            known[key] = number, grown(item, sample, at)
            store.save_series(tx, *known[key])
            self._store_point(tx, number, grown(_opened(store.point_at(tx, number, _minute(at)), item, at), sample, at))
        return sum(key not in known for key, _, _ in wanted)

    def _entered(self, tx: Connection, wanted: Sequence[Series]) -> dict[Key, tuple[int, Series]]:
        """These series, locked; those that are new are entered while there is room."""
        by_key = {item.key: item for item in reversed(wanted)}  # the first one says what it is
        known = store.locked(tx, by_key)
        fresh = [item for key, item in by_key.items() if key not in known]
        if fresh:
            store.enter_series(tx, fresh[:max(_MOST_SERIES - store.count_series(tx), 0)])
            known = store.locked(tx, by_key)  # another process may have entered one meanwhile, and counted
        return known

    def _store_point(self, tx: Connection, number: int, item: Series) -> None:
        store.save_point(tx, number, Point(_minute(item.at), item.value, item.count, item.total, item.buckets))

    def _forget(self, tx: Connection) -> None:
        if time.monotonic() - self._forgotten_at > _FORGET_SECONDS:
            self._forgotten_at = time.monotonic()
            store.forget(tx, self._clock() - _HOURS_KEPT, self._clock() - _POINTS_KEPT)

    def _keep_writing(self) -> None:
        if self._thread is None and not self._stop.is_set():
            with self._starting:
                if self._thread is None:  # begun with the first count: who counts nothing has no thread
                    self._thread = threading.Thread(target=self._write_on, name="usage", daemon=True)
                    self._thread.start()

    def _write_on(self) -> None:
        while not self._stop.wait(_FLUSH_SECONDS):
            self._flush_if_possible()

    def _flush_if_possible(self) -> None:
        try:
            self.flush()
        except Unavailable as error:
            log.warning("usage is kept in memory: %s", error)
        except Exception:
            log.exception("usage could not be written")


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _opened(known: Point | None, item: Series, at: datetime) -> Series:
    """The minute so far, in the form of a series."""
    if known is None:
        return Series(item.key, item.kind, item.help, at)
    return Series(item.key, item.kind, item.help, at, known.value, known.count, known.total, known.buckets)
