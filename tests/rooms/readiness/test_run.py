"""Real runs of Locust against a real server."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from eastwind.readiness import Evidence, LoadPlan, NoEvidence, Progress, Target
from eastwind.readiness.decide import decide
from eastwind.readiness.run import run
from tests.rooms.readiness.backend import doing, visiting
from tests.rooms.readiness.builders import a_plan

Write = Callable[[str], Path]
PLAN = a_plan(p95_ms=300.0)
SHORT = a_plan(seconds=1, requests_per_second=120.0, p95_ms=300.0)


def carry_out(home: Path, target: Target, plan: LoadPlan | None = None, warm_up: int = 1, patience: float = 20,
              on_progress: Callable[[Progress], bool] = lambda _p: True) -> Evidence | NoEvidence:
    return run(plan or PLAN, target, on_progress, home=home, accounts=["0000000001"], stop=threading.Event(),
               warm_up=warm_up, patience=patience)


def locusts() -> list[psutil.Process]:
    """Load tests that this process has started and that run."""
    return [p for p in psutil.Process().children(recursive=True) if "locust" in p.cmdline()
            and p.status() != psutil.STATUS_ZOMBIE]


def told(outcome: Evidence | NoEvidence) -> str:
    assert isinstance(outcome, NoEvidence)
    return str(outcome.reason)


def test_run__fast_back_end__ready_with_progress_and_the_warm_up_left_out(locustfile: Write, target: Target) -> None:
    seen: list[Progress] = []
    found = carry_out(locustfile(visiting("/")), target, on_progress=lambda p: not seen.append(p))  # type: ignore[func-returns-value]
    assert isinstance(found, Evidence)
    assert decide(PLAN, found).kind == "ready", found
    assert 108 <= found.requests <= 185 and found.failures == 0  # a second's batch may fall in or out
    assert 1.9 <= found.seconds <= 2.5 and found.generator_cpu > 0 and found.build == "b1"
    assert found.raw["entries"][0]["num_requests"] == found.requests
    assert {p.phase for p in seen} >= {"starting", "warming-up", "measuring"}
    assert max(p.requests for p in seen) > 30 and max(p.users for p in seen) == 60
    assert locusts() == []


@pytest.mark.parametrize(("path", "reason"), [("/slow", "95 % of answers took up to"), ("/broken", "requests failed")])
def test_run__back_end_does_not_hold__not_ready(locustfile: Write, target: Target, path: str, reason: str) -> None:
    found = carry_out(locustfile(visiting(path)), target, SHORT, warm_up=0)
    verdict = decide(SHORT, found)
    assert verdict.kind == "not-ready", (verdict, found)
    assert reason in " ".join(map(str, verdict.reasons))


def test_run__back_end_is_not_there__not_ready(locustfile: Write) -> None:
    found = carry_out(locustfile(visiting("/")), Target("http://127.0.0.1:9", "k3y", "b1"), SHORT, warm_up=0)
    assert isinstance(found, Evidence) and found.error_ratio == 1
    assert decide(SHORT, found).kind == "not-ready"


@pytest.mark.parametrize(("text", "reason"), [
    ("import no_such_module\n", "ended with code 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ("def broken(\n", "ended with code 1: SyntaxError"),
    ("import os\nos.kill(os.getpid(), 9)\n", "killed by signal 9"),
    ("import os\nos._exit(0)\n", "left no report that can be read"),
])
def test_run__locustfile_cannot_be_loaded__no_evidence(locustfile: Write, target: Target, text: str,
                                                       reason: str) -> None:
    assert reason in told(carry_out(locustfile(text), target))


def test_run__no_requests__inconclusive_and_locust_has_no_secret(locustfile: Write, target: Target,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASTWIND_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("EASTWIND_SECRET_KEY", "secret")
    monkeypatch.setenv("LOCUST_USERS", "3")
    home = locustfile(doing('open("seen", "w").write(open(os.environ["EASTWIND_LOAD_ACCOUNTS"]).read()'
                            ' + repr(os.environ))'))
    verdict = decide(PLAN, carry_out(home, target, a_plan(seconds=1), warm_up=0))
    assert (verdict.kind, str(verdict.reasons[0])) == ("inconclusive", "the locustfile made no requests")
    seen = (home / "seen").read_text()
    assert seen.startswith("0000000001\n") and "k3y" in seen
    assert "secret" not in seen and "LOCUST_USERS" not in seen


def test_run__locustfile_raises_and_goes_elsewhere__inconclusive_with_both(locustfile: Write, target: Target) -> None:
    home = locustfile(doing('raise KeyError(self.client.get("http://127.0.0.1:9/").status_code)'))
    verdict = decide(PLAN, carry_out(home, target, a_plan(seconds=1), warm_up=0))
    assert verdict.kind == "inconclusive"
    reasons = " ".join(map(str, verdict.reasons))
    assert "KeyError: 0" in reasons and "requests went to another address" in reasons


def test_run__locustfile_is_busy_with_itself__inconclusive(locustfile: Write, target: Target) -> None:
    home = locustfile(doing('sum(range(3_000_000)); self.client.get("/", headers={"X-Eastwind-Key": "k3y"})'))
    plan = a_plan(seconds=1, requests_per_second=40.0)
    verdict = decide(plan, carry_out(home, target, plan, warm_up=0))
    assert verdict.kind == "inconclusive"
    assert "the load generator itself was" in " ".join(map(str, verdict.reasons))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_run__locust_is_killed_in_the_middle__no_evidence_or_inconclusive(
        locustfile: Write, target: Target, number: signal.Signals) -> None:
    def kill(progress: Progress) -> bool:
        if progress.phase == "measuring":
            locusts()[0].send_signal(number)
        return True

    found = carry_out(locustfile(visiting("/")), target, on_progress=kill)
    verdict = decide(PLAN, found)
    assert verdict.kind == "inconclusive"
    if number == signal.SIGKILL:
        assert told(found) == "the load test was killed by signal 9"


def test_run__cancelled__ends_at_once_without_evidence(locustfile: Write, target: Target) -> None:
    found = carry_out(locustfile(visiting("/")), target, on_progress=lambda p: p.phase == "starting")
    assert told(found) == "the review was cancelled"
    assert locusts() == []


def test_run__stopped__ends_at_once_without_evidence(locustfile: Write, target: Target) -> None:
    stop, home = threading.Event(), locustfile(visiting("/"))
    threading.Timer(0.7, stop.set).start()
    began = time.monotonic()
    found = run(a_plan(seconds=30), target, lambda _p: True, home=home, accounts=["1"], stop=stop)
    assert told(found) == "the platform was stopped during the review"
    assert time.monotonic() - began < 1.5
    assert locusts() == []


def test_run__never_ends__killed_with_all_it_started(locustfile: Write, target: Target) -> None:
    home = locustfile("import subprocess, time\nsubprocess.Popen(['sleep', '77.7'])\ntime.sleep(60)\n")
    found = carry_out(home, target, a_plan(seconds=1), warm_up=0, patience=-4)
    assert told(found) == "the load test did not end in time"
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "77.7"]]
