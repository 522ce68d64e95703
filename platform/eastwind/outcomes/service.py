"""Putting outcomes on record, one at a time from the hall or in batches from services elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eastwind.batch import Accepted, sift
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Invalid, Problem, msg
from eastwind.outcomes import store
from eastwind.outcomes.model import LARGEST, Outcome, is_countable


class Outcomes:
    """What happened to units in a run. An event with an id counts once, however often it arrives."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def record(self, tx: Connection, experiment: str, environment: str, run: int, unit: str, metric: str,
               value: float, at: datetime, id: str | None = None) -> bool:
        """Record within the caller's transaction. False if `id` is known already.

        Raises `Invalid` for a value that is not finite or beyond ±1e12: one such would spoil every sum.
        """
        if not is_countable(value):
            raise Invalid(Problem(metric, msg("must be a finite number within ±{most}", most=LARGEST)))
        return store.add_one(tx, experiment, environment, run, unit, metric, value, at, id)

    def accept(self, experiment: str, environment: str, run: int, events: Sequence[Any]) -> Accepted:
        """Take a batch of JSON events into a run; durable once this returns.

        A wrong event is set aside with every wrong field (`events.<index>.<field>`) and the rest goes on. Raises
        `Invalid` only if the batch itself is empty or has more than 1000 events.
        """
        good, refused = sift(Outcome, events, self._clock())
        with self._db.intake() as tx:
            new = store.add(tx, experiment, environment, run, good)
        return Accepted(new, len(good) - new, refused)
