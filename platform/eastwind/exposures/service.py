"""Putting exposures on record, one at a time from the hall or in batches from services elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eastwind.batch import Accepted, sift
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.exposures import store
from eastwind.exposures.model import Exposure


class Exposures:
    """Who was shown which arm in which run. Recording the same again changes nothing."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def record(self, tx: Connection, experiment: str, environment: str, run: int, unit: str, arm: str, at: datetime,
               channel: str = "") -> bool:
        """Record within the caller's transaction. True if it is the unit's first exposure to this arm in this run."""
        return store.add_one(tx, experiment, environment, run, unit, arm, at, channel)

    def accept(self, experiment: str, environment: str, run: int, events: Sequence[Any],
               named: frozenset[str] = frozenset()) -> Accepted:
        """Take a batch of JSON events into a run; durable once this returns.

        A service elsewhere cannot tell who was let in by name: units in `named` are pilots, never treatment.

        A wrong event is set aside with every wrong field (`events.<index>.<field>`) and the rest goes on. Raises
        `Invalid` only if the batch itself is empty or has more than 1000 events.
        """
        sifted, refused = sift(Exposure, events, self._clock())
        good = [e.model_copy(update={"arm": "pilot"}) if e.arm == "treatment" and e.unit in named else e
                for e in sifted]
        with self._db.intake() as tx:
            new = store.add(tx, experiment, environment, run, good)
        return Accepted(new, len(good) - new, refused)
