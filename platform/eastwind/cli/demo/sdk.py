"""Services elsewhere: the official UnleashClient, each in a process of its own, telling when it saw the flag change."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from eastwind.cli.demo.stage import Stage


@dataclass
class Watcher:
    """One SDK process. `seen` holds `(seconds since the epoch, enabled)` in the order in which they were printed."""

    mode: str
    process: "subprocess.Popen[str]"
    seen: list[tuple[float, bool]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, enabled: bool, after: float, seconds: float) -> float | None:
        """When this process saw the flag in that state after `after`, waiting at most `seconds`; None if it did not."""
        with self._changed:
            self._changed.wait_for(lambda: self._first(enabled, after) is not None, seconds)
            return self._first(enabled, after)

    def follow(self) -> None:
        """Read what the process prints, until it ends."""
        assert self.process.stdout
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            with self._changed:
                self.seen.append((float(told["at"]), bool(told["enabled"])))
                self._changed.notify_all()

    def end(self) -> None:
        """Stop the process."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _first(self, enabled: bool, after: float) -> float | None:
        return next((at for at, state in self.seen if at >= after and state is enabled), None)


def watch(stage: Stage, flag: str, customer: str, mode: str) -> Watcher:
    """Start an SDK that asks for `flag` as `customer`; mode is polling (each second) or streaming."""
    command = [sys.executable, "-m", "eastwind_sdk.watch", "--url", stage.url, "--flag", flag, "--mode", mode,
               "--token", stage.tokens["backend", "production"], "--interval", "1", "--context", f"userId={customer}",
               "--app", f"demo-{mode}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watcher = Watcher(mode, process)
    threading.Thread(target=watcher.follow, daemon=True).start()
    return watcher
