"""Writes the supervisor's view into the database, in a thread: a database that is away never holds the supervisor."""

import logging
import threading
from collections.abc import Iterable

from sqlalchemy.exc import SQLAlchemyError

from eastwind.db import Database
from eastwind.errors import EastwindError
from eastwind.host import store
from eastwind.host.model import Process

log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class Recorder:
    """Keeps `host_process` equal to the newest `Process` of each name, as soon as the database takes it."""

    def __init__(self, db: Database, names: Iterable[str]) -> None:
        self._db = db
        self._names: frozenset[str] | None = frozenset(names)
        self._pending: dict[str, Process] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, process: Process) -> None:
        """Record `process`; an older one of its name that still waits is dropped."""
        with self._changed:
            self._pending[process.name] = process
            self._changed.notify()

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget the rows of all others."""
        with self._changed:
            self._names = frozenset(names)
            self._pending = {n: p for n, p in self._pending.items() if n in self._names}
            self._changed.notify()

    def close(self, wait: float) -> None:
        """Write what waits, for at most `wait` seconds, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(wait)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._names is not None or self._closed)
                names, batch = self._names, list(self._pending.values())
            written = self._write(names, batch) if batch or names is not None else True
            with self._changed:
                if self._closed and (not written or not (self._pending or self._names is not None)):
                    return
                if not written:
                    self._changed.wait_for(lambda: self._closed, _RETRY_SECONDS)

    def _write(self, names: frozenset[str] | None, batch: list[Process]) -> bool:
        try:
            with self._db.intake() as tx:
                if names is not None:
                    store.keep_only(tx, names)
                for process in batch:
                    store.save(tx, process)
        except (EastwindError, SQLAlchemyError) as error:
            log.warning("the state of the processes could not be written yet: %s", error)
            return False
        with self._changed:
            if self._names is names:
                self._names = None
            for process in batch:
                if self._pending.get(process.name) is process:
                    del self._pending[process.name]
        return True
