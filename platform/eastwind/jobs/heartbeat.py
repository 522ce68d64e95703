"""When each job last did its work: whoever relies on a job can see that it is alive."""

from datetime import timedelta

from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.jobs import store


class Heartbeats:
    """Last successful tick of each job."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def beat(self, tx: Connection | None, name: str) -> None:
        """The job `name` has just done its work; in the caller's transaction if there is one."""
        if tx is not None:
            store.beat(tx, name, self._clock())
            return
        with self._db.intake() as own:
            store.beat(own, name, self._clock())

    def age(self, name: str) -> timedelta | None:
        """How long ago that was; None if it never has."""
        return self.ages().get(name)

    def ages(self) -> dict[str, timedelta]:
        """How long ago, for every job that ever has."""
        with self._db.read() as tx:
            return {name: self._clock() - at for name, at in store.beats(tx).items()}
