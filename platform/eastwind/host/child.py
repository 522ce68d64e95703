"""One program kept running: started, watched, restarted with growing pauses, ended with all it forked."""

import contextlib
import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eastwind.clock import now
from eastwind.errors import Message, msg
from eastwind.experiments.manifest import load_one
from eastwind.host import launch
from eastwind.host.exchange import TooLong, ask
from eastwind.host.launch import Launch, Output
from eastwind.host.model import Pace, Process, Program, State, exit_reason
from eastwind.host.warden import Warden
from eastwind.settings import Settings

_TRIES_UNTIL_FAILED = 3
_ALIVE_IS_UP = 1.0  # a program without a health page is up when it has lived so long, seconds


@dataclass(frozen=True)
class Surroundings:
    """What every child shares. `changed` hears each new `Process`."""

    settings: Settings
    backoffice_port: int
    pace: Pace
    warden: Warden
    changed: Callable[[Process], None]


class Child:
    """Call `step` often from one thread; it never blocks for long and never raises for what a program does."""

    def __init__(self, program: Program, around: Surroundings) -> None:
        self.program = program
        self._around = around
        self._run: _Run | None = None
        self._next_start = 0.0
        self._crashes = 0
        self._tries = 0  # starts in a row that never came up
        self.process = Process(program.name, program.kind, program.slug, "down", now(), build=program.build)

    def step(self, at: float) -> None:
        """Look once, and do what is due at monotonic second `at`."""
        run = self._run
        if run is None:
            if at >= self._next_start:
                self._start(at)
        elif (code := run.popen.poll()) is not None:
            self._ended(code, at)
        elif self.process.state == "starting" and run.is_up(at):
            self._tries = 0
            self._become(replace(self.process, state="up"))
        elif self.program.kind == "experiment":
            self._check_patience(run, at)
        if run and self.process.state == "up" and at - run.began > self._around.pace.settled_after:
            self._crashes = 0

    def replaced(self, program: Program) -> None:
        """The folder was read again: start anew if what runs is no longer what is there."""
        if program == self.program:
            return
        self.program = program
        self._next_start = 0.0
        if self._run:
            self._run.kill(msg("restarted: another build was shipped"))

    def ask_to_stop(self) -> None:
        """SIGTERM. Only to the first process of the group: it knows best how to end its own."""
        if self._run:
            self._run.signal(signal.SIGTERM)

    def is_gone(self) -> bool:
        """Whether its first process has ended."""
        return self._run is None or self._run.popen.poll() is not None

    def end(self) -> None:
        """Kill what is left of it and say so."""
        if self._run is None:
            return
        self._run.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._run.popen.wait(1)
        tail = self._over(self._run)
        self._become(replace(self.process, state="down", pid=0, port=0, last_exit=msg("stopped"), log_tail=tail))

    def _start(self, at: float) -> None:
        if self.program.folder:
            # Read again: a build that changed on disk must not run under the old build's evidence.
            self.program = launch.experiment_program(load_one(self.program.folder))
        if self.program.problems:
            self._next_start = float("inf")
            self._become(replace(self.process, state="not-loaded", build=self.program.build, pid=0, port=0,
                                 manifest_errors=self.program.problems))
            return
        try:
            plan = launch.prepare(self.program, self._around.settings, self._around.backoffice_port)
            self._run = run = _Run(plan, self._log_file(), at)
        except OSError as error:
            self._crashed(msg("cannot be started: {detail}", detail=error), "", at)
            return
        self._around.warden.watch(run.popen.pid)
        restarts = self.process.restarts + bool(self.process.last_exit)
        self._become(replace(self.process, state="starting", port=plan.port, key=plan.key, pid=run.popen.pid,
                             restarts=restarts, build=self.program.build, manifest_errors=()))

    def _log_file(self) -> Path:
        return self._around.settings.data_dir / "logs" / f"{self.program.name}.log"

    def _check_patience(self, run: "_Run", at: float) -> None:
        pace = self._around.pace
        if self.process.state == "starting" and at - run.began > pace.start_within:
            run.kill(msg("did not answer within {seconds} s of its start", seconds=pace.start_within))
        elif self.process.state == "up" and run.silence(at) > pace.hung_after:
            run.kill(msg("stopped answering for {seconds} s", seconds=pace.hung_after))

    def _ended(self, code: int, at: float) -> None:
        run = self._run
        assert run
        tail = self._over(run)
        if self.program.build != self.process.build:
            self._next_start = at
            self._become(replace(self.process, state="down", pid=0, port=0, last_exit=run.why, log_tail=tail))
            return
        self._crashed(run.why or exit_reason(code, tail), tail, at)

    def _over(self, run: "_Run") -> str:
        run.kill()
        self._around.warden.forget(run.popen.pid)
        self._run = None
        return run.output.tail(wait=0.2)

    def _crashed(self, why: Message, tail: str, at: float) -> None:
        self._crashes += 1
        self._tries += self.process.state != "up"
        self._next_start = at + self._around.pace.delay(self._crashes)
        state: State = "failed" if self._tries >= _TRIES_UNTIL_FAILED else "down"
        self._become(replace(self.process, state=state, pid=0, port=0, last_exit=why, log_tail=tail))

    def _become(self, process: Process) -> None:
        if process.state != self.process.state:
            process = replace(process, since=now())
        if self._run and process.state == "up":
            process = replace(process, log_tail=self._run.output.tail())
        self.process = process
        self._around.changed(process)


class _Run:
    """One life of a program."""

    def __init__(self, plan: Launch, log_file: Path, at: float) -> None:
        self.began = at
        self.why: Message | None = None
        self.popen = launch.start(plan)
        self.output = Output(self.popen, log_file)
        self._answered = 0.0
        self._over = threading.Event()
        self._plan = plan
        if plan.health:
            threading.Thread(target=self._probe, name=f"health of {log_file.stem}", daemon=True).start()

    def is_up(self, at: float) -> bool:
        return bool(self._answered) if self._plan.health else at - self.began > _ALIVE_IS_UP

    def silence(self, at: float) -> float:
        return at - self._answered

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.popen.pid, number)

    def kill(self, why: Message | None = None) -> None:
        """Kill the whole group, at once."""
        self.why = self.why or why
        self._over.set()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)

    def _probe(self) -> None:
        headers: dict[str, Any] = {"X-Eastwind-Key": self._plan.key} if self._plan.key else {}
        while not self._over.wait(2.0 if self._answered else 0.05):
            try:
                if ask(self._plan.host, self._plan.port, self._plan.health, headers, seconds=2.0).status == 200:
                    self._answered = time.monotonic()
            except (OSError, http.client.HTTPException, TooLong, ValueError):
                continue
