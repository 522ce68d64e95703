"""The job that carries out reviews, with real Locust runs."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from eastwind.db import Database
from eastwind.jobs import Reviews
from eastwind.readiness import Readiness, Target
from tests.rooms.readiness.backend import serving, visiting
from tests.rooms.readiness.builders import ANNA, a_plan


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with serving() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "locustfile.py").write_text(visiting("/"))
    return tmp_path


def reviews(db: Database, home: Path, target_of: Callable[[str], Target | None],
            accounts: Sequence[str] = ("0000000001",), stop: threading.Event | None = None) -> Reviews:
    return Reviews(Readiness(db), target_of, lambda n: accounts[:n], home, stop or threading.Event())


def test_tick__queued_review__runs_and_opens_the_gate(sqlite_db: Database, home: Path, target: Target) -> None:
    readiness = Readiness(sqlite_db)
    asked = readiness.ask(a_plan(p95_ms=300.0), ANNA)
    done = reviews(sqlite_db, home, lambda _slug: target).tick()
    assert done and done.id == asked.id and done.state == "ready", done
    assert done.progress and done.progress.requests > 0
    with sqlite_db.read() as tx:
        assert readiness.ready(tx, "outage-lookup", "production", "b1").share == 1


def test_tick__nothing_to_do_or_stopping__none(sqlite_db: Database, home: Path) -> None:
    assert reviews(sqlite_db, home, lambda _slug: None).tick() is None
    Readiness(sqlite_db).ask(a_plan(), ANNA)
    stop = threading.Event()
    stop.set()
    assert reviews(sqlite_db, home, lambda _slug: None, stop=stop).tick() is None
    assert Readiness(sqlite_db).get(1).state == "queued"


def broken(_slug: str) -> Target:
    raise ZeroDivisionError


@pytest.mark.parametrize(("target_of", "accounts", "reason"), [
    (lambda _slug: None, ["1"], "the experiment is not running"),
    (lambda _slug: Target("http://127.0.0.1:9", "k"), [], "there are no customers to test with"),
    (broken, ["1"], "the load test could not be run: ZeroDivisionError"),
])
def test_tick__cannot_run__inconclusive(sqlite_db: Database, home: Path, target_of: Callable[[str], Target | None],
                                        accounts: list[str], reason: str) -> None:
    Readiness(sqlite_db).ask(a_plan(), ANNA)
    done = reviews(sqlite_db, home, target_of, accounts).tick()
    assert done and done.state == "inconclusive"
    assert str(done.reasons[0]).startswith(reason)


def test_tick__other_build_runs_and_is_restarted__inconclusive_with_both(sqlite_db: Database, home: Path,
                                                                         target: Target) -> None:
    Readiness(sqlite_db).ask(a_plan(seconds=1, requests_per_second=120.0, p95_ms=900.0), ANNA)
    builds = iter(("b2", "b3"))
    done = reviews(sqlite_db, home, lambda _slug: replace(target, build=next(builds))).tick()
    assert done and done.state == "inconclusive"
    assert [str(r)[:40] for r in done.reasons] == ["build b2 was running, not b1: ask again",
                                                   "the experiment was restarted during the "]


def test_tick__cancelled_while_it_runs__locust_ends(sqlite_db: Database, home: Path, target: Target) -> None:
    readiness = Readiness(sqlite_db)
    asked = readiness.ask(a_plan(seconds=30), ANNA)
    threading.Timer(0.5, lambda: readiness.cancel(asked.id, ANNA)).start()
    began = time.monotonic()
    done = reviews(sqlite_db, home, lambda _slug: target).tick()
    assert done and (done.state, done.evidence) == ("inconclusive", None)
    assert str(done.reasons[0]) == "cancelled by anna"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_jobs_process__ended_during_a_review__inconclusive_and_no_locust_is_left(
        sqlite_db: Database, home: Path, target: Target, number: signal.Signals) -> None:
    readiness = Readiness(sqlite_db)
    asked = readiness.ask(a_plan(seconds=30), ANNA)
    script = home / "jobs.py"
    script.write_text(JOBS)
    process = subprocess.Popen(
        [sys.executable, script, str(sqlite_db.url), str(home), target.url],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(home)})
    try:
        locust = _locust_of(process, readiness, asked.id)
        process.send_signal(number)
        began = time.monotonic()
        process.wait(timeout=4)
        locust.wait(timeout=4)
        assert time.monotonic() - began < 5
    finally:
        process.kill()
    if number == signal.SIGKILL:
        assert readiness.get(asked.id).state == "running"
        readiness.abandon_stale(timedelta(0))
    done = readiness.get(asked.id)
    assert (done.state, done.evidence) == ("inconclusive", None)


def _locust_of(process: subprocess.Popen[bytes], readiness: Readiness, number: int) -> psutil.Process:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        progress = readiness.get(number).progress
        if progress and progress.phase != "starting":
            return psutil.Process(process.pid).children()[0]
        time.sleep(0.1)
    raise AssertionError("no load test started")


JOBS = """
import sys, threading
from pathlib import Path
from eastwind.db import Database
from eastwind.jobs import Heartbeats, Job, Lease, Reviews, run_until_signal
from eastwind.readiness import Readiness, Target

db, stop = Database(sys.argv[1]), threading.Event()
lease = Lease(db)
target = Target(sys.argv[3], "k3y", "b1")
reviews = Reviews(Readiness(db), lambda slug: target, lambda n: ["1"], Path(sys.argv[2]), stop, owner=lease.owner,
                  fence=lease.fence)
run_until_signal([Job("reviews", 0.2, reviews.tick)], stop, lease, Heartbeats(db))
"""
