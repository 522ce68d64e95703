"""What one process holds of the flags: an UnleashClient of its own, and what reports its exposures.

Nothing here outlives a fork: `flags.py` begins anew in the child.
"""

import atexit
import hashlib
import logging
import multiprocessing
import os
import socket
import threading
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Final, Literal

from eastwind_sdk.exposing import Exposing
from eastwind_sdk.kept import Kept
from eastwind_sdk.reporter import Reporter

log = logging.getLogger(__name__)

LOST: Final = "eastwind_exposures_dropped"  # the counter that goes out with the SDK's metrics
MOST_FLAGS: Final = 500
_PROOF_SECONDS = 0.2
_FLAVOR = "eastwind-sdk"


@dataclass(frozen=True, slots=True)
class Options:
    """What `Flags` was made with; `refresh` and `report` are seconds."""

    url: str
    token: str
    app: str
    instance: str
    mode: Literal["streaming", "polling"]
    refresh: int
    report: int
    folder: Path
    capacity: int


class FlagClient:
    """The client of this process. It never blocks: it starts in the background, on the last state if there is one."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kept = Kept(_state_file(options), self._changed)
        self.known = threading.Event()
        self.asked: set[str] = set()
        self.exposures: dict[str, Exposing] = {}
        self._lock, self._proving = threading.Lock(), False
        self.unleash = _unleash(options, self._kept)
        if self._kept.bootstrapped:
            self.known.set()
        atexit.register(self.leave)
        if multiprocessing.parent_process() is not None:  # such a child ends without atexit
            Finalize(None, self.leave, exitpriority=10)
        threading.Thread(target=self._start, name="eastwind-flags", daemon=True).start()

    def ask(self, flag: str) -> None:
        """Takes note that this process asks for `flag`."""
        if len(self.asked) < MOST_FLAGS:
            self.asked.add(flag)

    def exposing(self, experiment: str) -> Exposing:
        """What reports the exposures of `experiment`, made at the first. `Malformed` for a name that cannot be one."""
        with self._lock:
            if experiment not in self.exposures:
                options = self._options
                reporter = Reporter(options.url, options.token, experiment, capacity=options.capacity)
                self.exposures[experiment] = Exposing(reporter, self._lost)
            return self.exposures[experiment]

    @property
    def dropped(self) -> int:
        """Exposures of this process that were lost."""
        return sum(each.dropped for each in list(self.exposures.values()))

    def flush(self, timeout: float) -> bool:
        """Sends the exposures that wait. True when none is left."""
        for each in list(self.exposures.values()):
            each.reporter.flush(timeout)
        return not any(each.reporter.pending for each in list(self.exposures.values()))

    def leave(self, timeout: float = 5.0) -> None:
        """Sends what exposures are left, and says how many could not be sent. Twice is once."""
        atexit.unregister(self.leave)
        for each in list(self.exposures.values()):
            each.reporter.close(timeout)
        if self.dropped:
            log.warning("%d exposures were lost", self.dropped)

    def abandon(self) -> None:
        """In the child of a fork: the parent's exposures are the parent's to send."""
        atexit.unregister(self.leave)
        for each in self.exposures.values():
            atexit.unregister(each.reporter.close)

    def close(self, timeout: float) -> None:
        """Leaves, sends the last metrics, and stops refreshing. It goes on answering by its last state."""
        self.leave(timeout)
        told = threading.Event()
        threading.Thread(target=self._end, args=(told,), name="eastwind-flags-end", daemon=True).start()
        told.wait(timeout)  # the server may hang

    def _end(self, told: threading.Event) -> None:
        try:
            self._send_metrics()
        finally:
            told.set()
        self.unleash.destroy()  # takes seconds when a stream is about to try again

    def _start(self) -> None:
        try:
            self.unleash.initialize_client()
        except Exception as problem:
            log.error("the flags stay as they are: %s", problem)
            self.known.set()
        if self._options.mode == "polling":  # a stream brings its first state later
            self.known.set()

    def _changed(self) -> None:
        """A new state: what was told under the old one may have to be told again, and obeying it is to be shown."""
        for each in list(self.exposures.values()):
            each.forget()
        if self._options.mode == "streaming":
            self.known.set()
        if not self._proving:
            self._proving = True
            proof = threading.Timer(_PROOF_SECONDS, self._prove)
            proof.daemon = True
            proof.start()

    def _prove(self) -> None:
        """Ends the bucket of metrics that began under the old state, and sends one that knows only the new.

        The platform takes a closed flag for obeyed when a bucket that began after the close has no `yes`. Without
        this, that bucket would be sent only after somebody asked and the next interval ended.
        """
        self._proving = False
        self._send_metrics()
        for flag in tuple(self.asked):
            self.unleash.is_enabled(flag)
        self._send_metrics()

    def _send_metrics(self) -> None:
        job = self.unleash.metric_job
        if job is not None:  # it has started
            job.func()

    def _lost(self, number: int) -> None:
        self.unleash.impact_metrics.define_counter(LOST, "Exposures that could not be reported")
        self.unleash.impact_metrics.increment_counter(LOST, number)


def _state_file(options: Options) -> Path:
    """One for each token: its state is nobody else's."""
    owner = hashlib.sha256("\n".join((options.url, options.token, options.app)).encode()).hexdigest()
    return options.folder / f"{owner[:32]}.json"


def _unleash(options: Options, kept: Any) -> Any:
    from UnleashClient import UnleashClient  # type: ignore[attr-defined]

    return UnleashClient(
        url=f"{options.url}/api",
        app_name=options.app,
        instance_id=f"{options.instance or socket.gethostname()}-{os.getpid()}",
        custom_headers={"Authorization": options.token},
        refresh_interval=options.refresh,
        metrics_interval=options.report,
        # The stream's is the longest silence; the platform says something every few seconds.
        request_timeout=30 if options.mode == "streaming" else 5,
        cache=kept,
        experimental_mode={"type": options.mode},
        sdk_flavor=_FLAVOR,
    )
