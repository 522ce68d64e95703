"""Real experiment processes, bad in every way we know, beside a good one that must never notice."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.experiments.manifest import load_folder
from eastwind.host import store
from eastwind.host.front import Front
from eastwind.host.launch import MAX_LOG_BYTES, programs
from eastwind.host.model import Answer, Fault, Pace, Process
from eastwind.host.supervisor import Supervisor
from eastwind.settings import load

from .conftest import GOOD_APP, ROOT, a_shipped_folder, ask

BUDGET_MS = 1500  # twenty processes are restarting meanwhile
HEAD = "import eastwind_sdk, os, time, sys, flask\napp = eastwind_sdk.experiment(__name__)\n"
PAGE = HEAD + "@app.get('/')\ndef page():\n"

BAD_AT_IMPORT = {
    "syntax-error": ("def (", "exit 3"),
    "system-exit": ("raise SystemExit('no')", "exit 3"),
    "os-exit": ("import os; os._exit(7)", "exit 7"),
    "exit-zero": ("import os; os._exit(0)", "exit 0"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "killed by signal 11 SIGSEGV"),
    "endless-import": ("import time\nwhile True: time.sleep(1)", "did not answer within"),
    "no-app": ("x = 1", "exit 4"),
}
BAD_IN_REQUEST = {
    "raises": (PAGE + " raise RuntimeError('boom')", "error"),
    "exits": (PAGE + " os._exit(9)", "error"),
    "hangs": (PAGE + " time.sleep(60)", "timeout"),
    "drips": (PAGE + " drops = (time.sleep(0.1) or 'x' for _ in range(600))\n"
                     " return flask.Response(drops, mimetype='text/html')", "timeout"),
    "floods": (PAGE + " return 'x' * (50 << 20)", "rubbish"),
    "plain-text": (PAGE + " return flask.Response('hello', mimetype='text/plain')", "rubbish"),
    "eats-memory": (PAGE + " kept = []\n while True: kept.append(bytearray(8 << 20))", "error or timeout"),
    "loud": (PAGE + " for _ in range(200): print('y' * 100_000)\n return '<p>'", "timeout"),
}


@dataclass
class Running:
    supervisor: Supervisor
    db: Database
    front: Front
    var: Path
    events: list[Process]

    def process(self, slug: str) -> Process:
        return next(p for p in self.supervisor.processes() if p.slug == slug)

    def until(self, seen: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < deadline, self.supervisor.processes()
            time.sleep(0.05)

    def served(self, slug: str) -> bool:
        return isinstance(ask(self.front, slug), Answer)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("host")
    experiments = root / "experiments"
    a_shipped_folder(experiments, "good")
    for slug, (app, _) in (BAD_AT_IMPORT | BAD_IN_REQUEST).items():
        a_shipped_folder(experiments, slug, app)
    a_shipped_folder(experiments, "malformed", sunset='"soon"')
    settings = replace(load({}, home=ROOT), data_dir=root / "var", experiments_dir=experiments,
                       experiment_timeout_ms=BUDGET_MS)
    db = Database(f"sqlite:///{root / 'test.db'}")
    upgrade(db)
    children = [p for p in programs(load_folder(experiments)) if p.kind == "experiment"]
    supervisor = Supervisor(settings, db, children, Pace(start_within=8))
    events: list[Process] = []
    thread = threading.Thread(target=supervisor.run, args=(events.append,))
    thread.start()
    here = Running(supervisor, db, Front(db, settings), settings.data_dir, events)
    try:
        here.until(lambda: len(supervisor.processes()) == len(children))
        here.until(lambda: all(here.process(slug).state == "up" for slug in ("good", *BAD_IN_REQUEST)))
        here.until(lambda: here.served("good"))
        yield here
    finally:
        pids = [p.pid for p in supervisor.processes() if p.pid]
        began = time.monotonic()
        supervisor.stop()
        thread.join(10)
        assert time.monotonic() - began < 4
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        with db.read() as tx:
            assert {p.state for p in store.processes(tx)} <= {"down", "failed", "not-loaded"}
        db.close()


def test_supervisor__good_experiment__is_served(running: Running) -> None:
    answer = ask(running.front, "good", method="POST", form={"a": "1"})
    assert isinstance(answer, Answer), answer
    assert answer.html.startswith("<p>hello 0123456789 from ") and answer.outcomes == {"found_answer": 1.0}


@pytest.mark.parametrize("slug", BAD_AT_IMPORT)
def test_supervisor__bad_at_import__is_told_and_tried_again(running: Running, slug: str) -> None:
    running.until(lambda: BAD_AT_IMPORT[slug][1] in str(running.process(slug).last_exit))
    assert running.process(slug).state in ("down", "starting", "failed")
    fault = ask(running.front, slug)
    assert isinstance(fault, Fault) and fault.kind == "down"
    assert running.served("good")


def test_supervisor__never_came_up__is_failed_with_its_last_words(running: Running) -> None:
    running.until(lambda: running.process("syntax-error").restarts >= 3)
    running.until(lambda: running.process("syntax-error").state == "failed")
    process = running.process("syntax-error")
    assert "SyntaxError" in str(process.last_exit) and "SyntaxError" in process.log_tail
    with running.db.read() as tx:
        row = store.experiment(tx, "syntax-error")
    assert row and row.log_tail and row.last_exit


def test_supervisor__malformed_manifest__is_a_row_with_its_problems(running: Running) -> None:
    with running.db.read() as tx:
        row = store.experiment(tx, "malformed")
    assert row and row.state == "not-loaded" and row.pid == 0
    assert [p.field for p in row.manifest_errors] == ["sunset"]


@pytest.mark.parametrize("slug", BAD_IN_REQUEST)
def test_supervisor__bad_in_request__costs_itself_alone(running: Running, slug: str) -> None:
    memory = psutil.Process().memory_info().rss
    fault = ask(running.front, slug)
    assert isinstance(fault, Fault) and fault.kind in BAD_IN_REQUEST[slug][1], fault
    assert fault.elapsed_ms < BUDGET_MS + 200
    assert running.served("good")
    assert psutil.Process().memory_info().rss - memory < 40 << 20


def test_supervisor__out_of_memory__is_told_and_comes_back(running: Running) -> None:
    ask(running.front, "eats-memory")
    running.until(lambda: "out of memory" in str(running.process("eats-memory").last_exit))
    running.until(lambda: running.process("eats-memory").state == "up")


def test_supervisor__drill__faults_then_recovers(running: Running) -> None:
    assert running.front.control("good", "drill", {"kind": "error"}) == {"kind": "error"}
    assert isinstance(ask(running.front, "good"), Fault)
    assert running.front.control("good", "drill", {"kind": "none"}) == {"kind": "none"}
    assert running.served("good")
    counts = running.front.control("good", "counts")
    assert isinstance(counts, dict) and counts["errors"] == 1


def test_supervisor__killed__comes_back_and_is_served(running: Running) -> None:
    before = running.process("good")
    os.kill(before.pid, 9)
    running.until(lambda: running.process("good").pid not in (0, before.pid) and running.served("good"), 10)
    after = running.process("good")
    assert str(after.last_exit) == "killed by signal 9 (out of memory?)"
    assert after.restarts == before.restarts + 1 and after.key != before.key


def test_supervisor__log__is_bounded(running: Running) -> None:
    log = running.var / "logs" / "experiment-loud.log"
    ask(running.front, "loud")
    running.until(lambda: log.exists() and log.stat().st_size > 1 << 20)
    time.sleep(1)
    assert log.stat().st_size <= MAX_LOG_BYTES
    rotated = log.with_suffix(".log.1")
    assert not rotated.exists() or rotated.stat().st_size <= MAX_LOG_BYTES


def test_supervisor__environment__has_no_secret(running: Running) -> None:
    environment = psutil.Process(running.process("good").pid).environ()
    assert set(environment) - {"LC_CTYPE"} == {
        "PATH", "LANG", "PYTHONPATH", "PYTHONUTF8", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "EASTWIND_SLUG",
        "EASTWIND_BUILD", "EASTWIND_EXPERIMENT_PORT", "EASTWIND_EXPERIMENT_KEY", "EASTWIND_EXPERIMENT_DATA",
        "EASTWIND_EXPERIMENT_MEMORY_MB", "EASTWIND_BACKOFFICE_URL", "SENTRY_ENVIRONMENT",
    }
    assert environment["EASTWIND_EXPERIMENT_DATA"] == str(running.var / "experiments" / "good")
    assert psutil.Process(running.process("good").pid).cwd() == environment["EASTWIND_EXPERIMENT_DATA"]


def test_supervisor__build__is_the_one_that_runs(running: Running) -> None:
    health = running.front.control("good", "health")
    assert isinstance(health, dict)
    assert health["build"] == running.process("good").build
    assert json.dumps(health).count("good") == 1


def test_supervisor__shipped_again__new_build_runs_after_a_reload(running: Running) -> None:
    folder = a_shipped_folder(running.var.parent / "experiments", "good", GOOD_APP.replace("hello", "welcome"))
    a_shipped_folder(folder.parent, "fresh")
    a_shipped_folder(folder.parent, "malformed")
    for name in ("app.py", "locustfile.py", "experiment.toml"):
        (folder.parent / "no-app" / name).unlink()
    (folder.parent / "no-app").rmdir()
    running.supervisor.reload()
    running.until(lambda: running.served("fresh") and running.served("malformed"))
    running.until(lambda: isinstance(a := ask(running.front, "good"), Answer) and "welcome" in a.html)
    running.until(lambda: running.front.state("no-app").process is None)
    assert not running.process("malformed").manifest_errors


@dataclass
class Small:
    """A supervisor of one experiment."""

    supervisor: Supervisor
    db: Database
    thread: threading.Thread

    def until(self, seen: Callable[[Process], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not any(seen(p) for p in self.supervisor.processes()):
            assert time.monotonic() < deadline, self.supervisor.processes()
            time.sleep(0.05)

    def row(self) -> Process | None:
        with self.db.read() as tx:
            return store.experiment(tx, "only")


@pytest.fixture
def small(tmp_path: Path, sqlite_db: Database, request: pytest.FixtureRequest) -> Iterator[Small]:
    a_shipped_folder(tmp_path / "experiments", "only", getattr(request, "param", GOOD_APP))
    settings = replace(load({}, home=ROOT), data_dir=tmp_path / "var", experiments_dir=tmp_path / "experiments")
    children = [p for p in programs(load_folder(settings.experiments_dir)) if p.kind == "experiment"]
    supervisor = Supervisor(settings, sqlite_db, children, Pace(hung_after=4))
    thread = threading.Thread(target=supervisor.run)
    yield Small(supervisor, sqlite_db, thread)
    supervisor.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_supervisor__database_locked__runs_on_and_writes_later(small: Small) -> None:
    with small.db.write():
        small.thread.start()
        small.until(lambda p: p.state == "up")
        assert small.row() is None
    small.until(lambda p: (row := small.row()) is not None and row.state == "up", 10)


def test_supervisor__database_locked__still_stops_in_time(small: Small) -> None:
    with small.db.write():
        small.thread.start()
        small.until(lambda p: p.state == "up")
        began = time.monotonic()
        small.supervisor.stop()
        small.thread.join(10)
        assert time.monotonic() - began < 4


HANGS_ONCE = HEAD + """
@app.before_request
def hang():
    time.sleep(60 if os.path.exists("hang") else 0)
"""


@pytest.mark.parametrize("small", [HANGS_ONCE], indirect=True)
def test_supervisor__stopped_answering__is_restarted(small: Small, tmp_path: Path) -> None:
    small.thread.start()
    small.until(lambda p: p.state == "up")
    (tmp_path / "var" / "experiments" / "only" / "hang").touch()
    small.until(lambda p: "stopped answering" in str(p.last_exit))
    (tmp_path / "var" / "experiments" / "only" / "hang").unlink()
    small.until(lambda p: p.state == "up" and p.restarts == 1)
