"""An experiment's process, as the platform starts it: its key, its answers, its drills and its ends."""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from eastwind_sdk.testing import Running, free_port, running

SOURCE = Path(__file__).parents[2] / "platform"
APP = """
import logging
import eastwind_sdk
app = eastwind_sdk.experiment(__name__)

@app.get("/")
def page():
    who = eastwind_sdk.customer()
    eastwind_sdk.outcome("found_answer", 1)
    eastwind_sdk.outcome("found_answer", 2)
    return f"{who.account} {who.arm} {who.channel} {who.language}"

@app.get("/note")
def note():
    eastwind_sdk.data_path("note.txt").write_text("kept")
    return "<p>noted</p>"

@app.get("/bad")
def bad():
    eastwind_sdk.outcome("found_answer", 1)
    eastwind_sdk.outcome("Not A Name", 1)
    return ""

@app.get("/office")
def office():
    return eastwind_sdk.backoffice().get("/customers/1/bills")
"""
HEADERS = {"X-Eastwind-Customer": "0100000001", "X-Eastwind-Arm": "treatment"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny-one")
    (made / "app.py").write_text(APP)
    return made


@pytest.fixture
def tiny(folder: Path, tmp_path: Path) -> Iterator[Running]:
    # nobody listens on the discard port: this back office is down
    with running(folder, "http://127.0.0.1:9", tmp_path / "data", EASTWIND_EXPERIMENT_MEMORY_MB="512") as process:
        yield process


def counts(tiny: Running) -> dict[str, int]:
    told: dict[str, int] = tiny.ask("/_eastwind/counts").json()
    return told


def unpacked(heads: dict[str, str], body: bytes) -> list[bytes]:
    """The lines of an envelope; Sentry compresses with what is installed."""
    name = {"gzip": "gzip", "br": "brotli"}[heads["content-encoding"]]
    content: bytes = importlib.import_module(name).decompress(body)
    return content.splitlines()


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {
        "PYTHONPATH": str(SOURCE),
        "EASTWIND_SLUG": "tiny-one",
        "EASTWIND_EXPERIMENT_PORT": str(free_port()),
        "EASTWIND_EXPERIMENT_KEY": "k",
        "EASTWIND_EXPERIMENT_DATA": str(folder),
        "EASTWIND_BACKOFFICE_URL": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "eastwind_sdk.runner", str(folder)]
    return subprocess.run(command, env={**own, **settings}, capture_output=True, text=True, timeout=30, check=False)


def test_key__missing_or_wrong__is_403_everywhere(tiny: Running) -> None:
    for path in ("/", "/_eastwind/health", "/_eastwind/drill", "/nothing"):
        for headers in ({}, {"X-Eastwind-Key": "wrong"}):
            assert requests.get(tiny.url + path, headers={**HEADERS, **headers}, timeout=5).status_code == 403


def test_page__knows_the_customer_and_sends_outcomes(tiny: Running) -> None:
    answer = tiny.get(account="0100000001", language="zh", arm="pilot")
    assert answer.text == "0100000001 pilot web zh"
    assert answer.headers["X-Eastwind-Outcomes"] == '{"found_answer":2}'
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert counts(tiny) == {"errors": 0, "requests": 1}


def test_page__unknown_language__falls_back_to_english(tiny: Running) -> None:
    assert tiny.get(account="0100000001", language="fr").text.endswith(" en")


@pytest.mark.parametrize(
    "wrong", [{"X-Eastwind-Customer": ""}, {"X-Eastwind-Customer": "a b"}, {"X-Eastwind-Arm": "x"}]
)
def test_page__headers_not_as_agreed__is_400(tiny: Running, wrong: dict[str, str]) -> None:
    assert tiny.ask("/", **{**HEADERS, **wrong}).status_code == 400


def test_data_path__is_the_working_folder(tiny: Running, tmp_path: Path) -> None:
    assert tiny.ask("/note", **HEADERS).status_code == 200
    assert (tmp_path / "data" / "note.txt").read_text() == "kept"


def test_exception__is_500_and_counted_once_and_sends_no_outcome(tiny: Running) -> None:
    answer = tiny.ask("/bad", **HEADERS)
    assert answer.status_code == 500
    assert "X-Eastwind-Outcomes" not in answer.headers
    assert tiny.ask("/office", **HEADERS).status_code == 500
    assert counts(tiny) == {"errors": 2, "requests": 2}


def test_exception__with_a_dsn__reaches_sentry_with_flag_and_arm_and_no_secret(
    folder: Path, tmp_path: Path, far: Any
) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "experiment.toml").write_text('flag = "tiny.flag"')
    dsn = far.url.replace("http://", "http://public@") + "/1"
    with running(tmp_path, "http://127.0.0.1:9", tmp_path / "data", SENTRY_DSN=dsn, SENTRY_ENVIRONMENT="trial") as tiny:
        tiny.ask("/bad", **HEADERS)
        assert counts(tiny) == {"errors": 1, "requests": 1}
        tiny.process.terminate()  # what is under way is sent first
        tiny.process.wait(5)
        key = tiny.key
    envelopes = [unpacked(heads, body) for _, heads, body in far.received]
    (event,) = [json.loads(lines[2]) for lines in envelopes if json.loads(lines[1])["type"] == "event"]
    assert event["contexts"]["flags"]["values"] == [{"flag": "tiny.flag", "result": True}]
    assert (event["tags"]["experiment"], event["tags"]["arm"]) == (tmp_path.name, "treatment")
    assert (event["release"], event["environment"]) == ("test", "trial")
    everything = b"".join(line for lines in envelopes for line in lines)
    assert key.encode() not in everything and HEADERS["X-Eastwind-Customer"].encode() not in everything


def test_health__names_slug_and_build(tiny: Running, folder: Path) -> None:
    assert tiny.ask("/_eastwind/health").json() == {"status": "ok", "slug": folder.name, "build": "test"}


def test_drill__unknown_kind__is_400(tiny: Running) -> None:
    assert tiny.drill("nonsense").status_code == 400
    assert tiny.ask("/_eastwind/drill").json() == {"kind": "none"}


def test_drill__error__raises_until_it_is_switched_off(tiny: Running) -> None:
    assert tiny.drill("error").json() == {"kind": "error"}
    assert [tiny.ask("/", **HEADERS).status_code for _ in range(3)] == [500] * 3
    assert counts(tiny) == {"errors": 3, "requests": 3}
    tiny.drill("none")
    assert tiny.ask("/", **HEADERS).status_code == 200


def test_drill__hang__can_still_be_switched_off_and_the_process_ended(tiny: Running) -> None:
    tiny.drill("hang")

    def wait() -> None:
        with contextlib.suppress(requests.RequestException):
            requests.get(tiny.url, headers={"X-Eastwind-Key": tiny.key, **HEADERS}, timeout=1)

    customers = [threading.Thread(target=wait) for _ in range(12)]
    for thread in customers:
        thread.start()
    for thread in customers:
        thread.join()
    assert tiny.drill("none").json() == {"kind": "none"}
    assert tiny.ask("/", **HEADERS).status_code == 200
    started = time.monotonic()
    tiny.process.terminate()
    assert tiny.process.wait(5) == 0
    assert time.monotonic() - started < 2


def test_drill__flood__is_far_more_than_a_page(tiny: Running) -> None:
    tiny.drill("flood")
    answer = tiny.ask("/", **HEADERS)
    assert 45_000_000 < len(answer.content) < 55_000_000


def test_drill__memory__loses_the_process_at_its_limit(tiny: Running) -> None:
    tiny.drill("memory")
    peak = psutil.Process(tiny.process.pid)
    with pytest.raises(requests.RequestException):
        tiny.ask("/", **HEADERS)
    assert tiny.process.wait(30) == 5
    assert not peak.is_running() or peak.status() == psutil.STATUS_ZOMBIE


def test_limits__no_core_dump_and_an_end_to_memory(tiny: Running) -> None:
    process = psutil.Process(tiny.process.pid)
    if sys.platform == "linux":
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_AS) == (512 * 1024**2,) * 2
        assert process.memory_info().vms < 256 * 1024**2


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("import nothing_like_this", 3, "ModuleNotFoundError"),
        ("def (", 3, "SyntaxError"),
        ("raise SystemExit(0)", 3, "SystemExit"),
        ("x = 1", 4, "no WSGI app"),
        ("app = 3", 4, "no WSGI app"),
    ],
)
def test_runner__bad_app__one_line_and_its_own_exit_code(tmp_path: Path, source: str, code: int, line: str) -> None:
    (tmp_path / "app.py").write_text(source)
    ended = run(tmp_path)
    assert ended.returncode == code
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("experiment cannot start: ") and line in last


def test_runner__missing_pieces__exit_2(folder: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere", EASTWIND_EXPERIMENT_DATA=str(tmp_path)).returncode == 2
    for name in ("EASTWIND_EXPERIMENT_PORT", "EASTWIND_EXPERIMENT_KEY", "EASTWIND_SLUG"):
        ended = run(folder, **{name: ""})
        assert (ended.returncode, name in ended.stderr) == (2, True)


def test_runner__port_taken__exit_6(tiny: Running, folder: Path) -> None:
    ended = run(folder, EASTWIND_EXPERIMENT_PORT=tiny.url.rsplit(":", 1)[1])
    assert (ended.returncode, ended.stderr.count("\n")) == (6, 1)


def test_runner__its_parent_killed__goes_too(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time; sys.path.insert(0, sys.argv[1])\n"
        "from eastwind_sdk.testing import running\n"
        "with running(pathlib.Path(sys.argv[2]), 'http://127.0.0.1:9', pathlib.Path(sys.argv[3])) as it:\n"
        "    print(it.process.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(SOURCE), str(folder), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = next(int(line) for line in parent.stdout if line.strip().isdigit())
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 3
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the experiment outlived its parent"
        time.sleep(0.05)
