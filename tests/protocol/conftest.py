"""A real server of the wire over a real database, and what talks to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from eastwind.audit import Actor
from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.flags import Flags, OpenGate
from eastwind.people import People

ROOT = Path(__file__).resolve().parents[2]
ADMIN, BACKEND, FRONTEND = "*:*.admin-secret", "*:development.backend-secret", "*:development.frontend-secret"
TESTER = Actor("cli", "tests")
FEATURES = "/api/admin/projects/default/features"


@dataclass
class Server:
    """A granian that serves the wire, and a hand on its database."""

    url: str
    database: Database
    process: "subprocess.Popen[bytes]"

    @property
    def flags(self) -> Flags:
        return Flags(self.database, OpenGate())

    @property
    def people(self) -> People:
        return People(self.database)

    def call(self, method: str, path: str, body: Any = None, token: str = ADMIN, **options: Any) -> requests.Response:
        headers = {"Authorization": token} | options.pop("headers", {})
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=10, **options)

    def flag(self, name: str, on: bool = True, rollout: int = 100) -> None:
        """A flag in development, made over the admin API."""
        assert self.call("POST", FEATURES, {"name": name}).status_code == 201
        strategy = {"name": "flexibleRollout", "parameters": {"rollout": rollout, "stickiness": "userId"}}
        assert self.call("POST", f"{FEATURES}/{name}/environments/development/strategies", strategy).status_code == 200
        if on:
            self.switch(name, True)

    def switch(self, name: str, on: bool) -> float:
        """Flip, and say when it was done."""
        answer = self.call("POST", f"{FEATURES}/{name}/environments/development/{'on' if on else 'off'}")
        assert answer.status_code == 200, answer.text
        return time.time()

    def on_for(self, user: str) -> set[str]:
        """The names of the flags that a browser hears."""
        found = self.call("GET", f"/api/frontend?userId={user}", token=FRONTEND).json()
        return {t["name"] for t in found["toggles"]}


@contextlib.contextmanager
def serving(url: str, max_streams: int = 40) -> Iterator[Server]:
    """Serve the database at `url` until the block ends."""
    database = Database(url)
    upgrade(database)
    flags, people = Flags(database, OpenGate()), People(database)
    flags.ensure_defaults()
    for kind, environment, secret in (
            ("admin", "*", ADMIN), ("backend", "development", BACKEND), ("frontend", "development", FRONTEND)):
        if people.token(secret) is None:
            people.issue_token(kind, environment, ("*",), kind, TESTER, secret=secret)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("granian"), "--interface", "wsgi", "--workers", "1",
               "--blocking-threads", "64", "--workers-kill-timeout", "2", "--no-access-log", "--host", "127.0.0.1",
               "--port", str(port), "tests.protocol.wire_app:app"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "EASTWIND_DATABASE_URL": url,
                                "EASTWIND_WIRE_TEST": str(max_streams)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        server = Server(f"http://127.0.0.1:{port}", database, process)
        until(lambda: _answers(server.url), 20)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        database.close()


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/ready", timeout=5).status_code == 200
    return False


def until(holds: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until `holds()` is true, and return it."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for many tests; each uses flags of its own."""
    with serving(f"sqlite:///{tmp_path_factory.mktemp('wire') / 'wire.db'}") as found:
        yield found


@dataclass
class Sdk:
    """An UnleashClient process and what it said."""

    process: "subprocess.Popen[str]"
    said: list[dict[str, Any]] = field(default_factory=list)

    def saw(self, enabled: bool, seconds: float = 10) -> float:
        """Wait until the newest thing it said is `enabled`; when that was."""
        until(lambda: self.said and self.said[-1]["enabled"] is enabled, seconds)
        return float(self.said[-1]["at"])


@pytest.fixture
def sdk(tmp_path: Path) -> Iterator[Callable[..., Sdk]]:
    """Starts official SDKs, and ends them."""
    running: list[Sdk] = []

    def start(server: Server, flag: str, mode: str) -> Sdk:
        cache = tmp_path / f"cache{len(running)}"
        cache.mkdir()
        script = Path(__file__).with_name("sdk_process.py")
        process = subprocess.Popen([sys.executable, script, server.url, BACKEND, flag, mode, cache],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found = Sdk(process)
        threading.Thread(target=_listen, args=(found,), daemon=True).start()
        running.append(found)
        return found

    yield start
    for each in running:
        each.process.kill()
        each.process.wait(timeout=5)


def _listen(sdk: Sdk) -> None:
    assert sdk.process.stdout
    for line in sdk.process.stdout:
        sdk.said.append(json.loads(line))


@dataclass
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


class Stream:
    """A raw reader of the streaming endpoint."""

    def __init__(self, server: Server, token: str = BACKEND, **headers: str) -> None:
        self.response = requests.get(f"{server.url}/api/client/streaming", stream=True, timeout=12,
                                     headers={"Authorization": token} | headers)
        self._lines = self.response.iter_lines(decode_unicode=True, chunk_size=1)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()

    def next(self) -> Event | None:
        """The next event, comments left out; None at the end of the stream."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line == "" and "data" in fields:
                return Event(fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]))
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return None
