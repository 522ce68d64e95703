"""`eastwind up` as a process: it stops in time, leaves nobody behind, and says in one line why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eastwind.host.launch import free_port

from .conftest import ROOT, a_shipped_folder

# The platform's own processes need a web and a jobs of their own; here only the supervisor is looked at.
UP = """
import sys
from dataclasses import replace
from pathlib import Path
from eastwind.cli.up import Welcome, up
from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.settings import load

home, var, experiments, port = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
settings = replace(load({}, home=home), data_dir=var, experiments_dir=experiments, port=port)

def prepare():
    db = Database(settings.database)
    upgrade(db)
    return db, Welcome(addresses=(("console", f"http://127.0.0.1:{port}/"),),
                       sign_ins=(("manager", "mia", "pass[word]" + "x" * 90),),
                       tokens=(("backend", "production", "s"),), customer=("0123456789", "123456"))

sys.exit(up(settings, prepare))
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(60)
import eastwind_sdk
app = eastwind_sdk.experiment(__name__)
"""


class Up:
    def __init__(self, root: Path, port: int) -> None:
        script = root / "up.py"
        script.write_text(UP)
        self.process = subprocess.Popen(
            [sys.executable, script, ROOT, root / "var", root / "experiments", str(port)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONPATH": str(ROOT / "platform")})
        self.seen: list[str] = []

    def until(self, text: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.seen.append(line)
            if text in line:
                return
        raise AssertionError("".join(self.seen))

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process], within: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within)
    return not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    a_shipped_folder(tmp_path / "experiments", "stubborn", STUBBORN)
    a_shipped_folder(tmp_path / "experiments", "malformed", sunset='"soon"')
    it = Up(tmp_path, free_port())
    it.until("up         experiment-stubborn")
    yield it
    family = [] if it.process.poll() is not None else it.family()
    it.process.kill()
    it.process.wait(5)
    assert gone(family, 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up__told_to_stop__everyone_is_gone_in_time(up: Up, number: int) -> None:
    family = up.family()
    assert len(family) >= 3  # warden, stubborn, and what stubborn forked
    began = time.monotonic()
    up.process.send_signal(number)
    assert up.process.wait(5) == 0
    assert time.monotonic() - began < 4
    assert gone(family, 0.5)


def test_up__second_ctrl_c__kills_at_once(up: Up) -> None:
    family = up.family()
    began = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    up.process.send_signal(signal.SIGINT)
    up.process.wait(5)
    assert time.monotonic() - began < 1.5
    assert gone(family, 0.5)


def test_up__killed__takes_everyone_along(up: Up) -> None:
    family = up.family()
    up.process.kill()
    assert gone(family, 2)


def test_up__piped__is_plain_and_names_the_malformed__a_second_one_is_refused(up: Up, tmp_path: Path) -> None:
    text = "".join(up.seen)
    assert "\x1b" not in text
    assert "not-loaded experiment-malformed" in text and "sunset: " in text
    second = Up(tmp_path, free_port())
    out, _ = second.process.communicate(timeout=20)
    assert second.process.returncode == 2 and len(out.strip().splitlines()) == 1 and "already runs" in out


def test_up__port_taken__one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        out, _ = (it := Up(tmp_path, port)).process.communicate(timeout=20)
    assert it.process.returncode == 2
    assert len(out.strip().splitlines()) == 1 and f"Port {port}" in out


def test_up__data_folder_not_writable__one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    out, _ = (it := Up(tmp_path, free_port())).process.communicate(timeout=20)
    assert it.process.returncode == 2
    assert len(out.strip().splitlines()) == 1 and str(tmp_path / "var") in out
