"""Carry out a plan: Locust, headless, as a process of its own, and what its report says.

Locust changes the process it is imported into, so it never is. It gets nothing of the platform's environment, works in
a folder that is thrown away, and is killed with all it started when it is no longer wanted. Only a run that went
through to its end leaves evidence.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eastwind.errors import Message, msg
from eastwind.readiness.model import Evidence, LoadPlan, NoEvidence, Phase, Progress, Target
from eastwind.readiness.report import UnreadableReport, read_report

WARM_UP = 2  # s
PATIENCE = 20.0  # s for Locust to start and to end, on top of the run itself
_START = 2  # s it usually takes to start
_SLACK = 10  # s that a warm-up may take longer
_FINISH = 5  # s for users to finish the request they are at
_TICK = 0.1
_LARGEST = 32 * 1024 * 1024
_LISTENER = Path(__file__).with_name("in_locust") / "eastwind_progress.py"


@dataclass(frozen=True, slots=True)
class _Files:
    """What a run reads and writes; all of it below one folder that is removed afterwards."""

    folder: Path

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.txt"

    @property
    def progress(self) -> Path:
        return self.folder / "progress.jsonl"

    @property
    def report(self) -> Path:
        return self.folder / "report.json"

    @property
    def log(self) -> Path:
        return self.folder / "locust.log"


def run(plan: LoadPlan, target: Target, on_progress: Callable[[Progress], bool], *, home: Path,
        accounts: Sequence[str], stop: threading.Event, warm_up: int = WARM_UP,
        patience: float = PATIENCE) -> Evidence | NoEvidence:
    """Load `target` as `plan` says; blocks until done (at most warm-up + plan.seconds + `patience` + 5 s).

    `on_progress` is called about once a second; when it answers False, or `stop` is set, the run ends at once and
    leaves no evidence. `accounts` are sample customers for the locustfile. Raises only what `on_progress` raises.
    """
    with tempfile.TemporaryDirectory(prefix="eastwind-review-") as folder:
        files = _Files(Path(folder))
        files.accounts.write_text("".join(f"{account}\n" for account in accounts), encoding="utf-8")
        process = _start(plan, target, home, files, warm_up)
        deadline = time.monotonic() + warm_up + plan.seconds + _FINISH + patience
        try:
            reason = _watch(process, _START + warm_up + plan.seconds, files, on_progress, stop, deadline)
        finally:
            _kill(process)
        return NoEvidence(reason) if reason else _evidence(plan, target, process.returncode, files)


def _start(plan: LoadPlan, target: Target, home: Path, files: _Files, warm_up: int) -> subprocess.Popen[bytes]:
    # Users come evenly during the warm-up, in one batch a second; Locust then forgets what it has counted, and our
    # listener ends the run in time. Locust's own limit is only there in case it does not.
    command = (
        sys.executable, "-m", "locust", "-f", f"{home / plan.locustfile},{_LISTENER}", "--headless",
        "-u", str(plan.users), "-r", str(plan.users / (warm_up + 1)), "-t", f"{warm_up + plan.seconds + _SLACK}s",
        "-H", target.url, "--reset-stats", "--stop-timeout", str(_FINISH), "--exit-code-on-error", "0",
        "--json-file", str(files.report.with_suffix("")), "--only-summary", "--loglevel", "WARNING",
    )
    with files.log.open("wb") as log:
        return subprocess.Popen(command, env=_environment(target, home, files, plan.seconds), cwd=home,
                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def _environment(target: Target, home: Path, files: _Files, seconds: int) -> dict[str, str]:
    """All that Locust gets: no database address, no signing key, no token but the experiment's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(files.folder),
        "TMPDIR": str(files.folder),
        "PYTHONPATH": str(home),
        "PYTHONUTF8": "1",
        "EASTWIND_REVIEW_PARENT": str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "EASTWIND_EXPERIMENT_KEY": target.key,
        "EASTWIND_LOAD_ACCOUNTS": str(files.accounts),
        "EASTWIND_LOAD_PROGRESS": str(files.progress),
        "EASTWIND_LOAD_SECONDS": str(seconds),
    }


def _watch(process: subprocess.Popen[bytes], seconds: int, files: _Files, on_progress: Callable[[Progress], bool],
           stop: threading.Event, deadline: float) -> Message | None:
    """Wait for the end of `process`; a reason if it was not to be waited for."""
    began, told = time.monotonic(), 0.0
    lines = _Tail(files.progress)
    latest: dict[str, Any] = {}
    while process.poll() is None:
        if stop.wait(_TICK):
            return msg("the platform was stopped during the review")
        if time.monotonic() > deadline:
            return msg("the load test did not end in time")
        if files.log.stat().st_size > _LARGEST:
            return msg("the load test wrote too much output")
        news = lines.read()
        for line in news:
            latest |= line  # the closing line does not repeat the counts
        if news or time.monotonic() - told >= 1:
            told = time.monotonic()
            if not on_progress(_progress(latest, told - began, seconds)):
                return msg("the review was cancelled")
    return None


def _progress(line: dict[str, Any], elapsed: float, seconds: int) -> Progress:
    phase: Phase = "starting"
    if line:
        phase = "ending" if line.get("kind") == "end" else "measuring" if line.get("measuring") else "warming-up"
    counted = line if line.get("measuring") else {}
    return Progress(phase, round(elapsed, 1), seconds, users=int(line.get("users", 0)),
                    requests=int(counted.get("requests", 0)), failures=int(counted.get("failures", 0)),
                    requests_per_second=round(float(counted.get("requests_per_second", 0.0)), 1),
                    p95_ms=float(counted.get("p95_ms", 0.0)))


class _Tail:
    """The lines that are appended to a file of JSON objects; half a line is left for the next time."""

    def __init__(self, file: Path) -> None:
        self._file, self._at = file, 0

    def read(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        with self._file.open("rb") as stream:
            stream.seek(self._at)
            whole, newline, _half = stream.read(1 << 20).rpartition(b"\n")
        self._at += len(whole) + len(newline)
        return list(_objects(whole))


def _objects(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started. It is not reaped before this, so its group can be no one else's."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _evidence(plan: LoadPlan, target: Target, code: int, files: _Files) -> Evidence | NoEvidence:
    if code < 0:
        return NoEvidence(msg("the load test was killed by signal {signal}", signal=-code))
    if code > 0:
        detail = _last_line(files.log)
        return NoEvidence(msg("the load test ended with code {code}: {detail}", code=code, detail=detail))
    try:
        return read_report(files.report, files.progress, plan, target)
    except UnreadableReport:
        detail = _last_line(files.log)
        return NoEvidence(msg("the load test left no report that can be read: {detail}", detail=detail))


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 4096))
        lines = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300].replace("\x00", "") if lines else "?"
