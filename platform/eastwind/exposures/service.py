"""Putting exposures on record, one at a time from the hall or in batches from services elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Invalid, Problem, msg
from eastwind.exposures import store
from eastwind.exposures.model import MOST_EVENTS, Accepted, Exposure, untimely
from eastwind.validation import checked


class Exposures:
    """Who was shown which arm in which run. Recording the same again changes nothing."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def record(self, tx: Connection, experiment: str, environment: str, run: int, unit: str, arm: str, at: datetime,
               channel: str = "") -> bool:
        """Record within the caller's transaction. True if it is the unit's first exposure to this arm in this run."""
        return store.add_one(tx, experiment, environment, run, unit, arm, at, channel)

    def accept(self, experiment: str, environment: str, run: int, events: Sequence[Any]) -> Accepted:
        """Take a batch of JSON events into a run; durable once this returns.

        A wrong event is set aside with every wrong field (`events.<index>.<field>`) and the rest goes on. Raises
        `Invalid` only if the batch itself is empty or has more than 1000 events.
        """
        good, refused = self._sift(events)
        with self._db.intake() as tx:
            new = store.add(tx, experiment, environment, run, good)
        return Accepted(new, len(good) - new, tuple(refused))

    def _sift(self, events: Sequence[Any]) -> tuple[list[Exposure], list[Problem]]:
        if not 1 <= len(events) <= MOST_EVENTS:
            raise Invalid(Problem("events", msg("must have 1 to {bound} entries", bound=MOST_EVENTS)))
        good: list[Exposure] = []
        refused: list[Problem] = []
        moment = self._clock()
        for index, data in enumerate(events):
            place = f"events.{index}"
            try:
                event = checked(Exposure, data, place)
            except Invalid as error:
                refused.extend(error.problems)
                continue
            reason = untimely(event.at, moment)
            if reason:
                refused.append(Problem(f"{place}.at", reason))
            else:
                good.append(event)
        return good, refused
