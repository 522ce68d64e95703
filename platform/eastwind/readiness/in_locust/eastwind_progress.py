"""Loaded into Locust beside an experiment's locustfile; the platform never imports it.

Writes to the file named by EASTWIND_LOAD_PROGRESS, one JSON object a line: each second how the run goes (counts start
at the end of the warm-up), and last how it ended. Locust's own CSV files are flushed too seldom to watch a run by.
Ends the run EASTWIND_LOAD_SECONDS after the warm-up, however long that took.
"""

import json
import os
import threading
import time
from collections import Counter
from typing import Any

from locust import events

_NAP = 0.05  # s


class Recorder:
    """Watches one run from inside Locust's process."""

    def __init__(self) -> None:
        self._file = open(os.environ["EASTWIND_LOAD_PROGRESS"], "a", encoding="utf-8")  # noqa: PTH123, SIM115
        self._seconds = float(os.environ["EASTWIND_LOAD_SECONDS"])
        # Told, not asked for: by the time Locust is imported the parent may be gone already.
        self._parent = int(os.environ["EASTWIND_REVIEW_PARENT"])
        self._runner: Any = None
        self._host = ""
        self._elsewhere = 0
        self._raised: Counter[str] = Counter()
        self._began: tuple[float, float] | None = None
        self._ended: tuple[float, float] | None = None
        self._last = (time.monotonic(), 0)
        self._late: Counter[int] = Counter()  # ms: count

    def start(self, environment: Any, runner: Any, **_: Any) -> None:
        """Locust is set up."""
        self._runner = runner
        self._host = str(environment.host).rstrip("/") + "/"
        # Locust has replaced threads and sleep: these are greenlets beside its users.
        threading.Thread(target=self._each_second, args=(environment.stats, runner), daemon=True).start()
        threading.Thread(target=self._feel_lateness, daemon=True).start()

    def warmed_up(self, **_: Any) -> None:
        """All users are there; Locust forgets what it has counted so far."""
        if self._began is None:
            self._began = (time.monotonic(), time.process_time())
            self._last = (self._began[0], 0)
            self._elsewhere = 0
            self._raised.clear()
            threading.Thread(target=self._end_in_time, daemon=True).start()

    def stopping(self, **_: Any) -> None:
        """The time is up; users finish what they are at."""
        self._ended = self._ended or (time.monotonic(), time.process_time())

    def requested(self, url: str | None = None, **_: Any) -> None:
        """One request was answered, or failed."""
        self._elsewhere += not f"{url}/".startswith(self._host)

    def raised(self, exception: BaseException | None = None, **_: Any) -> None:
        """The locustfile raised."""
        self._raised[f"{type(exception).__name__}: {exception}"[:200]] += 1

    def finish(self, environment: Any, **_: Any) -> None:
        """Everything has stopped: the closing line."""
        began, ended = self._began, self._ended or (time.monotonic(), time.process_time())
        seconds, cpu = (ended[0] - began[0], ended[1] - began[1]) if began else (0.0, 0.0)
        failed: Counter[str] = Counter()
        for error in environment.stats.errors.values():
            failed[f"{error.method} {error.name}: {error.parse_error(error.error)}"[:200]] += error.occurrences
        self._write(kind="end", seconds=seconds, cpu=100 * cpu / seconds if seconds else 0.0,
                    late_ms=self._lateness(), errors=failed.most_common(20),
                    raised=self._raised.most_common(20), elsewhere=self._elsewhere)

    def _end_in_time(self) -> None:
        time.sleep(self._seconds)
        self._runner.quit()

    def _each_second(self, stats: Any, runner: Any) -> None:
        while os.getppid() == self._parent:
            time.sleep(1)
            self._tell(stats.total, runner.user_count)
        runner.quit()  # whoever asked for this load is gone

    def _feel_lateness(self) -> None:
        """How late a short sleep ends: what a busy generator, or a busy machine, adds to every answer's time."""
        while True:
            due = time.monotonic() + _NAP
            time.sleep(_NAP)
            if self._began and not self._ended:
                self._late[round(1000 * (time.monotonic() - due))] += 1

    def _lateness(self) -> int:
        ordered = sorted(self._late.elements())
        return max(0, ordered[int(0.95 * len(ordered))]) if ordered else 0

    def _tell(self, total: Any, users: int) -> None:
        before, now = self._last, (time.monotonic(), total.num_requests)
        self._last = now
        new = now[1] - before[1] if now[1] >= before[1] else now[1]
        self._write(kind="second", measuring=self._began is not None, users=users, requests=total.num_requests,
                    failures=total.num_failures, requests_per_second=new / (now[0] - before[0]),
                    p95_ms=total.get_current_response_time_percentile(0.95) or 0)

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


recorder = Recorder()
for event, listener in (
    (events.init, recorder.start), (events.spawning_complete, recorder.warmed_up), (events.request, recorder.requested),
    (events.user_error, recorder.raised), (events.test_stopping, recorder.stopping), (events.quitting, recorder.finish),
):
    event.add_listener(listener)  # type: ignore[no-untyped-call]
