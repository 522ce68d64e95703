"""Exposures and outcomes from a service elsewhere: buffered, sent in batches, and each counted once."""

import atexit
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import requests

from eastwind_sdk import rules

log = logging.getLogger(__name__)

BATCH = 500
SLOWEST_RETRY = 30.0  # seconds

Event = dict[str, Any]


@dataclass
class _Queue:
    """Events of one kind that still have to arrive, oldest first."""

    path: str
    events: deque[Event] = field(default_factory=deque)


class Reporter:
    """Sends what customers saw and what then happened, from a thread of its own. Never raises for the network.

    An event gets its id when it is made and keeps it through every retry, so a repeat counts once. The buffer is
    bounded: what does not fit is counted in `dropped`. What the platform refuses for good (400, 401, 403, 404,
    413) is counted in `refused` and logged once. `close()`, leaving a `with` block, and the end of the program
    send what is left.
    """

    def __init__(
        self, url: str, token: str, experiment: str, *, capacity: int = 10_000, every: float = 1.0, timeout: float = 2.0
    ) -> None:
        """`url` is the platform's address, `token` a backend token. `every` and `timeout` are seconds."""
        base = f"{url.rstrip('/')}/api/v1/experiments/{rules.unit(experiment)}"
        self._exposures, self._outcomes = _Queue(f"{base}/exposures"), _Queue(f"{base}/outcomes")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._capacity, self._every, self._timeout = capacity, every, timeout
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._stopped = threading.Event()
        self.sent = self.dropped = self.refused = 0
        self._thread = threading.Thread(target=self._run, name="eastwind-reporter", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def pending(self) -> int:
        """How many events wait to be sent."""
        return len(self._exposures.events) + len(self._outcomes.events)

    def exposure(self, unit: str, arm: str) -> None:
        """`unit` was shown the experiment's `arm`: treatment, control or pilot. `Malformed` for a bad name."""
        self._add(self._exposures, {"unit": rules.unit(unit), "arm": rules.unit(arm)})

    def outcome(self, unit: str, metric: str, value: float = 1) -> None:
        """`metric` of `unit` was `value`. `Malformed` for a bad name or a value that is not finite."""
        self._add(
            self._outcomes, {"unit": rules.unit(unit), "metric": rules.metric(metric), "value": rules.value(value)}
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Sends what waits, for `timeout` seconds at most. True when nothing is left."""
        return self._drain(time.monotonic() + timeout, pause=time.sleep)

    def close(self, timeout: float = 5.0) -> None:
        """Sends what is left for `timeout` seconds at most; the rest counts as dropped. Twice is once."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        atexit.unregister(self.close)
        self.flush(timeout)
        with self._lock:
            self.dropped += self.pending
            self._exposures.events.clear()
            self._outcomes.events.clear()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    def _add(self, queue: _Queue, event: Event) -> None:
        with self._lock:
            if self._stopped.is_set() or self.pending >= self._capacity:
                self.dropped += 1
                return
            queue.events.append({"id": str(uuid.uuid4()), "at": datetime.now(UTC).isoformat(), **event})

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self._drain(time.monotonic() + SLOWEST_RETRY, pause=self._stopped.wait)

    def _drain(self, deadline: float, pause: Callable[[float], object]) -> bool:
        """Sends batch after batch; after a failure it waits, longer each time, up to the deadline."""
        wait = 0.1
        while self.pending:
            with self._sending:
                arrived = self._send(self._exposures) and self._send(self._outcomes)
            if arrived:
                wait = 0.1
                continue
            if time.monotonic() + wait > deadline:
                return False
            if pause(wait):  # told to stop: the closing thread sends the rest
                return False
            wait = min(2 * wait, SLOWEST_RETRY)
        return True

    def _send(self, queue: _Queue) -> bool:
        """One batch. False when it must be tried again; its events then stay where they are."""
        with self._lock:
            batch = [queue.events[i] for i in range(min(BATCH, len(queue.events)))]
        if not batch:
            return True
        status = self._post(queue.path, batch)
        if status in {0, 429} or status >= 500:
            return False
        with self._lock:
            for _ in batch:
                queue.events.popleft()
            if status < 300:
                self.sent += len(batch)
            else:
                self._refuse(queue.path, status, len(batch))
        return True

    def _post(self, path: str, batch: list[Event]) -> int:
        try:
            answer = self._session.post(path, json={"events": batch}, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException:
            return 0
        return answer.status_code

    def _refuse(self, path: str, status: int, number: int) -> None:
        if not self.refused:
            log.warning("%s refused a batch of %d with %d; further refusals are only counted", path, number, status)
        self.refused += number
