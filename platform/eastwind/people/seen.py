"""When each token was last shown, written behind: a poll never waits for it."""

import logging
import threading
from datetime import datetime

from eastwind.db import Database
from eastwind.errors import EastwindError
from eastwind.people import store

log = logging.getLogger(__name__)


class Seen:
    """Gathers in memory, and writes what it gathered some seconds after the first of it. A crash costs that much."""

    def __init__(self, db: Database, seconds: float) -> None:
        self._db, self._seconds = db, seconds
        self._noted: dict[int, datetime] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def note(self, token: int, at: datetime) -> None:
        """A token was shown."""
        with self._lock:
            self._noted[token] = at
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write what was noted. Without a database it is let go: it was only for people to look at."""
        with self._lock:
            noted, self._noted, self._timer = self._noted, {}, None
        try:
            with self._db.intake() as tx:
                store.saw(tx, noted)
        except EastwindError as error:
            log.info("when tokens were seen is not written: %s", error)
