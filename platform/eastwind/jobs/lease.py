"""Of several jobs processes one acts: a row with an owner, an end by the database's clock, and a fencing token."""

import os
import secrets
import socket
import threading
import time
from datetime import timedelta

from eastwind.db import Connection, Database
from eastwind.errors import Conflict, Problem, msg
from eastwind.jobs import store


class LeaseLost(Conflict):
    """Another process leads now: what was begun as leader must not be finished."""


class Lease:
    """The right to act. Prolong it with `hold` well within `ttl`; safe to use from several threads."""

    def __init__(self, db: Database, name: str = "jobs", owner: str = "",
                 ttl: timedelta = timedelta(seconds=5)) -> None:
        self._db, self._name, self.ttl = db, name, ttl
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._token: int | None = None
        self._until = 0.0

    def hold(self) -> bool:
        """Take or prolong the lease. False if another has it. Raises `Unavailable` if the database is away."""
        # Counted from before the question, so that we never believe in it longer than the database does.
        asked = time.monotonic()
        with self._db.intake() as tx:
            token = store.hold(tx, self._name, self.owner, self.ttl)
        with self._lock:
            self._token = token
            self._until = asked + self.ttl.total_seconds() if token is not None else 0.0
        return token is not None

    @property
    def held(self) -> bool:
        """Whether it is ours as far as we know; no question to the database."""
        with self._lock:
            return time.monotonic() < self._until

    def fence(self, tx: Connection) -> None:
        """Raise `LeaseLost` unless it is ours now; it then stays ours until the transaction ends."""
        with self._lock:
            token = self._token
        if token is None or not store.is_held(tx, self._name, self.owner, token):
            raise LeaseLost(Problem("", msg("another process has taken over the jobs")))

    def release(self) -> None:
        """Give it up, so that the next need not wait for its end."""
        with self._lock:
            self._token, self._until = None, 0.0
        with self._db.intake() as tx:
            store.release(tx, self._name, self.owner)
