"""Jobs by the clock."""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from eastwind.db import Database
from eastwind.jobs import Heartbeats, Job, Lease, run, run_until_signal


def after(seconds: float, act: Callable[[], object]) -> None:
    threading.Timer(seconds, act).start()


def test_run__a_job_raises__it_and_the_others_go_on(sqlite_db: Database) -> None:
    calls = {"bad": 0, "good": 0}

    def bad() -> None:
        calls["bad"] += 1
        raise ZeroDivisionError

    def good() -> None:
        calls["good"] += 1

    stop, beats = threading.Event(), Heartbeats(sqlite_db)
    after(0.5, stop.set)
    run([Job("bad", 0.05, bad), Job("good", 0.05, good)], stop, heartbeats=beats)
    assert calls["bad"] >= 4 and calls["good"] >= 4
    assert set(beats.ages()) == {"good"}


def test_run__slow_job__does_not_hold_up_another() -> None:
    stop, ticks = threading.Event(), []
    after(0.6, stop.set)
    run([Job("slow", 0.05, lambda: stop.wait(5)), Job("quick", 0.05, lambda: ticks.append(1))], stop)
    assert len(ticks) >= 5


def test_run__two_processes_worth__one_acts_and_the_other_takes_over(db: Database) -> None:
    acted: list[str] = []
    stops = {name: threading.Event() for name in ("a", "b")}

    def work(name: str) -> None:
        lease = Lease(db, owner=name, ttl=timedelta(seconds=1))
        run([Job("work", 0.02, lambda: acted.append(name))], stops[name], lease)

    threads = [threading.Thread(target=work, args=(name,)) for name in stops]
    for thread in threads:
        thread.start()
    time.sleep(0.6)
    leader = acted[0]
    assert set(acted) == {leader}
    stops[leader].set()
    time.sleep(0.6)
    other = "b" if leader == "a" else "a"
    stops[other].set()
    for thread in threads:
        thread.join()
    assert acted[-1] == other
    assert acted == sorted(acted, key=lambda name: name != leader)


def test_run_until_signal__sigterm__ends_and_restores_the_handlers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    after(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    began = time.monotonic()
    run_until_signal([Job("quick", 0.05, lambda: None)])
    assert time.monotonic() - began < 2
    assert signal.getsignal(signal.SIGTERM) is before
