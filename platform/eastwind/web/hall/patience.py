"""Waiting, but only so long: a customer's page never hangs on a database or a back office that does.

Work runs in threads of its own. Who asked stops waiting in time; the work itself may still end, or fail, later.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Impatient(Exception):
    """The work was not done in time, or too much was waiting before it to begin."""


class Patience:
    """A few threads for work that may hang. When all do, new work is turned away at once instead of piling up."""

    def __init__(self, name: str, workers: int = 8, backlog: int = 64) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._room = threading.BoundedSemaphore(workers + backlog)

    def wait(self, seconds: float, work: Callable[[], T]) -> T:
        """What `work` returns or raises; `Impatient` after `seconds`."""
        future = self.begin(work)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise Impatient(f"not done in {seconds} s") from None

    def begin(self, work: Callable[[], T]) -> "Future[T]":
        """Begin `work` without waiting. Raises `Impatient` when too much is under way."""
        if not self._room.acquire(blocking=False):
            raise Impatient("too much is waiting")
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._room.release())
        return future


class Remembered(Generic[T]):
    """A value that is read again when older than `seconds`, by one thread while the others use the last one."""

    def __init__(self, read: Callable[[], T], seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._reading = threading.Lock()
        self._last: tuple[float, T] | None = None

    def get(self) -> T:
        """The value. Raises what `read` raises."""
        last = self._last
        if last and time.monotonic() - last[0] < self._seconds:
            return last[1]
        if not self._reading.acquire(blocking=last is None):
            assert last is not None
            return last[1]
        try:
            self._last = last = time.monotonic(), self._read()
        finally:
            self._reading.release()
        return last[1]

    def get_or_last(self) -> T:
        """The value, or the last one if it cannot be read now. Raises only if it never could."""
        try:
            return self.get()
        except Exception:
            if self._last is None:
                raise
            return self._last[1]
