"""Fault drills: the experiment really raises, hangs, floods or eats memory, so that its safety net is tried."""

import threading
import time
from collections.abc import Iterator
from typing import Final

from flask import Response

from eastwind_sdk import place

HANG_SECONDS = 30
FLOOD_MB = 50
# Requests that may hang at once: the rest are refused, so that a thread is left to end the drill with.
MOST_HANGING = 6
_MEGABYTE = 1024 * 1024


class DrillError(RuntimeError):
    """Raised in the midst of a customer's request because a drill asked for it."""


class Drill:
    """Which fault is being drilled in this process. It ends with the process."""

    KINDS: Final = ("none", "error", "hang", "flood", "memory")

    def __init__(self) -> None:
        self.kind = "none"
        self._hanging = threading.BoundedSemaphore(MOST_HANGING)

    def switch(self, kind: object) -> bool:
        """Makes the requests from now on suffer this fault. False for a kind that there is not."""
        if kind not in self.KINDS:
            return False
        self.kind = str(kind)
        return True

    def perform(self) -> Response | None:
        """Suffers the fault on behalf of the request under way; None when there is no drill."""
        if self.kind == "error":
            raise DrillError("a fault drill is on: kind=error")
        if self.kind == "hang":
            return self._hang()
        if self.kind == "flood":
            return Response(_flood(), mimetype="text/html")
        if self.kind == "memory":
            _eat_memory()
        return None

    def _hang(self) -> Response | None:
        if not self._hanging.acquire(blocking=False):
            return Response("hanging enough already\n", 503, mimetype="text/plain")
        try:
            time.sleep(HANG_SECONDS)
        finally:
            self._hanging.release()
        return None


def _flood() -> Iterator[bytes]:
    chunk = b"<p>flood</p>\n" * (_MEGABYTE // 13)
    for _ in range(FLOOD_MB):
        yield chunk


def _eat_memory() -> None:
    """Allocates until the limit; where the system enforces none, says the same at the same size."""
    eaten = [b"x" * (8 * _MEGABYTE) for _ in range(place.memory_mb() // 8)]
    raise MemoryError(f"{len(eaten) * 8} MB eaten")
