"""Keeps everything running: the platform's own processes and one per experiment.

It holds no state that matters: killed at any moment, its children go with it and the next start begins anew.
A child that cannot start, or a database that cannot be written, never stops the others.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

from eastwind.db import Database
from eastwind.experiments.manifest import load_folder
from eastwind.host.child import Child, Surroundings
from eastwind.host.launch import free_port, programs
from eastwind.host.model import Pace, Process, Program
from eastwind.host.record import Recorder
from eastwind.host.warden import Warden
from eastwind.settings import Settings

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.05
_LAST_WRITE_SECONDS = 0.7


class Supervisor:
    """`run` blocks until SIGINT, SIGTERM or `stop`; then every process is gone within 4 s."""

    def __init__(self, settings: Settings, db: Database, children: Sequence[Program], pace: Pace | None = None) -> None:
        self._settings, self._db = settings, db
        self._pace = pace or Pace()
        self._programs = children
        self._children: dict[str, Child] = {}
        self._stops = 0
        self._reload_asked = False

    def run(self, on_event: Callable[[Process], None] = lambda process: None) -> None:
        """Start the children in their order and keep them running. `on_event` hears every change of state."""
        recorder = Recorder(self._db, [p.name for p in self._programs])
        warden = Warden()
        around = Surroundings(self._settings, free_port(), self._pace, warden, _both(recorder.put, on_event))
        old = self._listen()
        try:
            self._children = {p.name: Child(p, around) for p in self._programs}
            while not self._stops:
                self._look(around, recorder)
                time.sleep(_LOOK_SECONDS)
            self._end()
        finally:
            for child in self._children.values():
                child.end()
            warden.close()
            recorder.close(_LAST_WRITE_SECONDS)
            for number, handler in old.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """End `run`, from any thread; a second call kills at once."""
        self._stops += 1

    def reload(self) -> None:
        """Read experiments/ again soon, from any thread."""
        self._reload_asked = True

    def processes(self) -> list[Process]:
        """Every process as it is now, in the order of starting."""
        return [child.process for child in list(self._children.values())]

    def _look(self, around: Surroundings, recorder: Recorder) -> None:
        if self._reload_asked:
            self._reload_asked = False
            self._reload(around, recorder)
        for child in self._children.values():
            try:
                child.step(time.monotonic())
            except Exception:  # a bug of ours with one child must not stop the others
                log.exception("looking after %s", child.program.name)

    def _reload(self, around: Surroundings, recorder: Recorder) -> None:
        """SIGHUP: read experiments/ again; start what is new, end what went, restart what changed."""
        fresh = {p.name: p for p in programs(load_folder(self._settings.experiments_dir)) if p.kind == "experiment"}
        for name in [n for n, c in self._children.items() if c.program.kind == "experiment" and n not in fresh]:
            self._children.pop(name).end()
        for name, program in fresh.items():
            if name not in self._children:
                self._children[name] = Child(program, around)
            else:
                self._children[name].replaced(program)
        recorder.keep_only(self._children)

    def _end(self) -> None:
        children = list(self._children.values())
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + self._pace.grace
        while self._stops < 2 and time.monotonic() < deadline and not all(c.is_gone() for c in children):
            time.sleep(0.02)

    def _listen(self) -> dict[int, signal.Handlers | Callable[[int, FrameType | None], object] | int | None]:
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: self.stop()),
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: self.stop()),
            signal.SIGHUP: signal.signal(signal.SIGHUP, lambda *_: self._hung_up()),
        }

    def _hung_up(self) -> None:
        # A terminal that closes ends what ran in it. Without a terminal nobody hangs up: then it asks to read again.
        if sys.stdin and sys.stdin.isatty():
            self.stop()
        self.reload()


def _both(first: Callable[[Process], None], second: Callable[[Process], None]) -> Callable[[Process], None]:
    def both(process: Process) -> None:
        first(process)
        try:
            second(process)
        except Exception:
            log.exception("telling of %s", process.name)

    return both
