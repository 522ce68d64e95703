"""How often somebody may guess: failures in the last minute, counted in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable

_MOST_KEYS = 10_000


class Limit:
    """At most `times` takes per key within `seconds`. A take that turned out well can be given back."""

    def __init__(self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._times, self._seconds, self._clock = times, seconds, clock
        self._taken: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, *keys: str) -> bool:
        """Take one place under every key, before trying; False, and none taken, if any is full."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            if any(len(self._recent(key, now)) >= self._times for key in keys):
                return False
            for key in keys:
                self._taken.setdefault(key, deque()).append(now)
            return True

    def give_back(self, *keys: str) -> None:
        """Undo a `take` of these keys."""
        with self._lock:
            for key in keys:
                if self._taken.get(key):
                    self._taken[key].pop()

    def _recent(self, key: str, now: float) -> deque[float]:
        taken = self._taken.get(key, deque())
        while taken and now - taken[0] >= self._seconds:
            taken.popleft()
        return taken

    def _forget(self, now: float) -> None:
        # Seldom: a flood of addresses must cost neither memory nor a look at every key each time.
        if len(self._taken) >= _MOST_KEYS:
            self._taken = {key: taken for key in self._taken if (taken := self._recent(key, now))}
