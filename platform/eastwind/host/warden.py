"""Outlives a killed supervisor for a moment, and takes its children along.

`kill -9` lets nobody clean up. So a tiny process of its own holds one end of a pipe and the list of process groups;
when the pipe closes, however the supervisor ended, it kills what is left of them. Started by path, without
site-packages: it is up in milliseconds and imports nothing of ours.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO


class Warden:
    """The supervisor's end. Survives the warden's death: a new one is told everything again."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process = _start()

    def watch(self, group: int) -> None:
        """From now on `group` must not outlive this process."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """`group` has ended; its number may come to mean somebody else."""
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the warden end; it kills the groups not forgotten."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)

    @property
    def pid(self) -> int:
        """The warden's own process."""
        return self._process.pid

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process.stdin
        return self._process.stdin

    def _tell(self, line: str) -> None:
        try:
            self._pipe.write(line.encode())
        except OSError:
            self._process.wait()
            self._process = _start()
            self._pipe.write("".join(f"+{group}\n" for group in self._groups).encode())


def _start() -> subprocess.Popen[bytes]:
    # A session of its own: the Ctrl-C that ends the supervisor must not end its warden first.
    return subprocess.Popen([sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, bufsize=0,
                            start_new_session=True)


def main() -> None:
    """The warden's end: read what to watch until the pipe closes, then kill what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
