"""Run jobs by the clock, each in a thread of its own, until told to stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eastwind.jobs.heartbeat import Heartbeats
from eastwind.jobs.lease import Lease

_log = logging.getLogger(__name__)
_GRACE = 4.0  # s for jobs to end what they are at
_BEAT = 1.0  # s between two heartbeats of a job that ticks more often


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is called every `interval` seconds, counted from start to start; a late one is not made up for."""

    name: str
    interval: float
    act: Callable[[], object]


def run(jobs: Sequence[Job], stop: threading.Event, lease: Lease | None = None,
        heartbeats: Heartbeats | None = None) -> None:
    """Run `jobs` until `stop` is set, then wait up to 4 s for those that are at work.

    An exception in a job is logged and ends that tick only. With a `lease`, jobs act only while it is held; it is
    taken, prolonged and given up here. With `heartbeats`, each success is noted.
    """
    threads = [threading.Thread(target=_repeat, args=(job, stop, lease, heartbeats), name=job.name, daemon=True)
               for job in jobs]
    if lease:
        keeper = Job("lease", lease.ttl.total_seconds() / 4, lease.hold)
        threads.append(threading.Thread(target=_repeat, args=(keeper, stop, None, None), name="lease", daemon=True))
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + _GRACE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    # A job that has not ended may still act: then the lease runs out by itself, after it.
    if lease and not any(thread.is_alive() for thread in threads):
        _try("lease", lease.release)


def run_until_signal(jobs: Sequence[Job], stop: threading.Event | None = None, lease: Lease | None = None,
                     heartbeats: Heartbeats | None = None) -> None:
    """`run`, until SIGTERM or SIGINT. Call it in the main thread; `stop` is the event that the jobs watch."""
    event = stop or threading.Event()
    before = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        run(jobs, event, lease, heartbeats)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _repeat(job: Job, stop: threading.Event, lease: Lease | None, heartbeats: Heartbeats | None) -> None:
    beaten = float("-inf")
    while not stop.is_set():
        began = time.monotonic()
        if (lease is None or lease.held) and _try(job.name, job.act) and heartbeats and began - beaten >= _BEAT:
            beaten = began
            _try(job.name, lambda: heartbeats.beat(None, job.name))
        stop.wait(max(0.0, job.interval - (time.monotonic() - began)))


def _try(name: str, act: Callable[[], object]) -> bool:
    try:
        act()
    except Exception:
        _log.exception("job %s failed", name)
        return False
    return True
