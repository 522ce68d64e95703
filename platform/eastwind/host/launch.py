"""How each process is started: command, environment, folder, and where its output goes."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import eastwind
from eastwind.errors import Problem
from eastwind.experiments.manifest import Loaded
from eastwind.host.model import Program
from eastwind.settings import Settings

SOURCE = Path(eastwind.__file__).resolve().parents[1]
MAX_LOG_BYTES = 5 * 1024 * 1024
TAIL_BYTES = 4 * 1024
_LOG_BYTES_PER_SECOND = 2 * 1024 * 1024
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - not bound here, only asked


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything needed to start a program once. At `host`, `port` the path `health` answers 200 when it is up."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    port: int
    key: str = ""
    health: str = ""
    host: str = "127.0.0.1"


def programs(experiments: Sequence[Loaded]) -> tuple[Program, ...]:
    """What the platform consists of, in the order of starting."""
    return (
        Program("backoffice", "backoffice"),
        *(experiment_program(loaded) for loaded in experiments),
        Program("web", "web"),
        Program("jobs", "jobs"),
    )


def experiment_program(loaded: Loaded) -> Program:
    """The program of a shipped folder, startable or not."""
    problems: tuple[Problem, ...] = loaded.problems
    return Program(f"experiment-{loaded.slug}", "experiment", loaded.slug, loaded.path, loaded.build, problems)


def prepare(program: Program, settings: Settings, backoffice_port: int) -> Launch:
    """The launch of `program`, with a port and a key of its own. Makes an experiment's data folder."""
    if program.kind == "experiment":
        return _experiment(program, settings, backoffice_port)
    if program.kind == "backoffice":
        data = settings.data_dir / "backoffice"
        command = _python("backoffice", "serve", "--data", str(data), "--port", str(backoffice_port))
        return Launch(command, _platform_environment(settings, backoffice_port), settings.home, backoffice_port,
                      health="/health")
    environment = _platform_environment(settings, backoffice_port)
    if program.kind == "web":
        return Launch(_python("eastwind", "serve"), environment, settings.home, settings.port, health="/ready",
                      host=_ANY_ADDRESS.get(settings.host, settings.host))
    return Launch(_python("eastwind", "jobs"), environment, settings.home, 0)


def start(launch: Launch) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that it and all that it forks can be ended together."""
    return subprocess.Popen(
        launch.command, env=dict(launch.environment), cwd=launch.folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
    )


def free_port() -> int:
    """A port on the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: nothing is imported from the folder it runs in, which is the experiment's own to write.
    return (sys.executable, "-P", "-m", module, *arguments)


def _experiment(program: Program, settings: Settings, backoffice_port: int) -> Launch:
    assert program.folder is not None
    data = settings.data_dir / "experiments" / program.slug
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, key = free_port(), secrets.token_urlsafe(32)
    # Nothing is inherited: an experiment gets no database address, no signing key, no token of the platform.
    environment = _base_environment(settings) | {
        "EASTWIND_SLUG": program.slug,
        "EASTWIND_BUILD": program.build,
        "EASTWIND_EXPERIMENT_PORT": str(port),
        "EASTWIND_EXPERIMENT_KEY": key,
        "EASTWIND_EXPERIMENT_DATA": str(data),
        "EASTWIND_EXPERIMENT_MEMORY_MB": str(settings.experiment_memory_mb),
        "EASTWIND_BACKOFFICE_URL": f"http://127.0.0.1:{backoffice_port}",
        "SENTRY_ENVIRONMENT": settings.hall_environment,
    }
    if settings.sentry_dsn:
        environment["SENTRY_DSN"] = settings.sentry_dsn
    return Launch(_python("eastwind_sdk.runner", str(program.folder)), environment, data, port, key,
                  health="/_eastwind/health")


def _base_environment(settings: Settings) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PYTHONPATH": os.pathsep.join((str(SOURCE), str(settings.home))),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # nobody writes into the shipped folders
    }


def _platform_environment(settings: Settings, backoffice_port: int) -> dict[str, str]:
    """The parent's environment and settings. Secrets are not repeated: a child finds them where the parent did."""
    shown = {f"EASTWIND_{f.name.upper()}": str(getattr(settings, f.name))
             for f in fields(Settings) if not f.metadata.get("secret")}
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    ours = _base_environment(settings)
    del ours["PYTHONDONTWRITEBYTECODE"]
    return inherited | ours | shown | {"EASTWIND_BACKOFFICE_URL": f"http://127.0.0.1:{backoffice_port}"}


class Output:
    """Takes what a process writes, in a thread: into a bounded file, and the end of it into memory.

    A process that floods is slowed down to what we are ready to write: it loses its own time, not our disk.
    """

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        assert process.stdout
        self._descriptor = process.stdout.fileno()
        self._stream = process.stdout
        self._file = file
        self._tail = b""
        self._thread = threading.Thread(target=self._pump, name=f"output of {file.stem}", daemon=True)
        self._thread.start()

    def tail(self, wait: float = 0.0) -> str:
        """The last 4 kB as text; waits up to `wait` seconds for the end of the output."""
        self._thread.join(wait)
        return self._tail.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")

    def _pump(self) -> None:
        with self._stream:
            while chunk := os.read(self._descriptor, 64 * 1024):
                self._tail = (self._tail + chunk)[-TAIL_BYTES:]
                self._write(chunk)
                time.sleep(len(chunk) / _LOG_BYTES_PER_SECOND)

    def _write(self, chunk: bytes) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if self._file.exists() and self._file.stat().st_size + len(chunk) > MAX_LOG_BYTES:
                self._file.replace(self._file.with_suffix(".log.1"))
            with self._file.open("ab") as out:
                out.write(chunk)
        except OSError:
            return  # a full disk costs the log, not the process
