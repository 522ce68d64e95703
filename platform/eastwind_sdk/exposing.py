"""Exposures of one experiment, as a process that asks for its flag reports them."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from eastwind_sdk.errors import Malformed
from eastwind_sdk.reporter import Reporter

log = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 60.0
MOST_UNITS: Final = 50_000


class Exposing:
    """Reports who was shown which arm: each unit once for every state of the flags, and again after a minute.

    The platform counts a unit once per run, and no run begins without a new state: so nothing is lost by it.
    """

    def __init__(self, reporter: Reporter, lost: Callable[[int], None]) -> None:
        self.reporter, self._lost = reporter, lost
        self._arms: dict[str, str] = {}
        self._forget_at = 0.0
        self._lock, self._unfit, self._said = threading.Lock(), 0, 0

    @property
    def dropped(self) -> int:
        """Exposures that found the buffer full, or named no unit that could be counted."""
        return self.reporter.dropped + self._unfit

    def say(self, unit: str, arm: str) -> None:
        """`unit` was shown `arm`. Never raises: what cannot be reported is counted."""
        if time.monotonic() >= self._forget_at:
            self.forget()
        if self._arms.get(unit) != arm:
            self._report(unit, arm)

    def forget(self) -> None:
        """Everybody is new from here on."""
        self._arms, self._forget_at = {}, time.monotonic() + REPEAT_SECONDS

    def _report(self, unit: str, arm: str) -> None:
        with self._lock:
            try:
                self.reporter.exposure(unit, arm)
            except Malformed as problem:
                self._unfit += 1
                log.debug("%s", problem)
            lost = self.dropped - self._said
            if not lost:
                if len(self._arms) >= MOST_UNITS:
                    self.forget()
                self._arms[unit] = arm
                return
            if not self._said:
                log.warning("an exposure could not be reported; further ones are only counted")
            self._said += lost
        self._lost(lost)
