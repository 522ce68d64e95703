"""The demo's own platform: `eastwind up` on a data folder and a port of its own, talked to over HTTP alone."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import requests

from eastwind.errors import Problem, Unavailable, msg
from eastwind.settings import Settings

TIMEOUT = 5.0  # seconds, for every call
_START_SECONDS = 60.0
_STOP_SECONDS = 8.0


@dataclass(frozen=True)
class Stage:
    """A running platform, and the keys to it."""

    settings: Settings
    url: str
    tokens: dict[tuple[str, str], str]
    environment: dict[str, str]

    def api(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask the JSON API as a script would, with the admin token. Never raises for a status."""
        return requests.request(method, f"{self.url}/api/v1{path}", json=body, timeout=TIMEOUT,
                                headers={"Authorization": self.tokens["admin", "*"]})

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `eastwind …` as a person at a terminal would."""
        return subprocess.run([sys.executable, "-m", "eastwind", *words], env=self.environment, text=True,
                              capture_output=True, timeout=30, check=False)

    def accounts(self) -> list[str]:
        """Every sample customer."""
        lines = (self.settings.data_dir / "backoffice" / "customers.csv").read_text(encoding="utf-8").splitlines()
        return [line.split(",", 1)[0] for line in lines[1:]]


@contextmanager
def raised(settings: Settings, keep: bool) -> Iterator[Stage]:
    """A platform from nothing: its folder is made anew, and removed afterwards unless `keep`."""
    folder = settings.data_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    own = replace(settings, data_dir=folder, port=free_port(), database_url="")
    environment = {**os.environ, "EASTWIND_HOME": str(own.home), "EASTWIND_DATA_DIR": str(folder),
                   "EASTWIND_PORT": str(own.port), "EASTWIND_MODE": "development", "EASTWIND_DATABASE_URL": ""}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "eastwind", "up"], env=environment, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield _wait(process, own, environment)
    finally:
        _end(process)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", settings: Settings, environment: dict[str, str]) -> Stage:
    url = f"http://{settings.host}:{settings.port}"
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if _is_ready(url) and (settings.data_dir / "welcome.json").exists():
            welcome = json.loads((settings.data_dir / "welcome.json").read_text(encoding="utf-8"))
            tokens = {(kind, place): secret for kind, place, secret in welcome["tokens"]}
            return Stage(settings, url, tokens, environment)
        time.sleep(0.1)
    tail = (settings.data_dir / "up.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise Unavailable(Problem("demo", msg("the platform did not start: {detail}", detail=tail)))


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=1).status_code == 200
    except requests.RequestException:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
