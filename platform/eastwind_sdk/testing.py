"""For the tests of an experiment: the real thing in real processes, as the platform would start it.

with sample_backoffice(tmp_path, customers=300) as office, running(folder, office.url, tmp_path) as it:
    answer = it.get("/", account=office.accounts[0])
    assert "no outage" in answer.text
"""

import csv
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_SOURCE = Path(__file__).resolve().parents[1]
PATIENCE = 20.0  # seconds for a process to come up


@dataclass(frozen=True)
class Office:
    """A back office with a sample of its own."""

    url: str
    folder: Path

    @property
    def accounts(self) -> list[str]:
        """Every account number of the sample."""
        with (self.folder / "customers.csv").open(encoding="utf-8", newline="") as file:
            return [row["account"] for row in csv.DictReader(file)]

    @property
    def examples(self) -> Any:
        """`{"outage": {account, pin}, "no_outage": {account, pin}}`."""
        return json.loads((self.folder / "sample.json").read_text(encoding="utf-8"))["examples"]


@dataclass(frozen=True)
class Running:
    """An experiment's process; `key` is what the platform would send."""

    url: str
    key: str
    process: subprocess.Popen[bytes]

    def get(self, path: str = "/", *, account: str, language: str = "en", arm: str = "treatment") -> requests.Response:
        """Asks as the platform does, on behalf of a customer."""
        headers = {"X-Eastwind-Customer": account, "X-Eastwind-Arm": arm, "X-Eastwind-Channel": "web"}
        return self.ask(path, **headers, **{"X-Eastwind-Language": language})

    def ask(self, path: str, **headers: str) -> requests.Response:
        """Any GET, with the key."""
        return requests.get(self.url + path, headers={"X-Eastwind-Key": self.key, **headers}, timeout=5)

    def drill(self, kind: str) -> requests.Response:
        """Switches a fault drill."""
        return requests.post(
            f"{self.url}/_eastwind/drill", json={"kind": kind}, headers={"X-Eastwind-Key": self.key}, timeout=5
        )


@contextmanager
def sample_backoffice(folder: Path, customers: int = 300, seed: int = 1) -> Iterator[Office]:
    """A back office on a fresh sample in `folder`, on a free port; its process ends with the block."""
    run = (sys.executable, "-m", "backoffice")
    size = ("--customers", str(customers), "--seed", str(seed), "--out", str(folder))
    subprocess.run([*run, "sample", *size], env=_environment(), check=True, timeout=120, capture_output=True)
    port = free_port()
    command = [*run, "serve", "--data", str(folder), "--port", str(port), "--with-parent"]
    with _process(command, _environment(), f"http://127.0.0.1:{port}/health", {}):
        yield Office(f"http://127.0.0.1:{port}", folder)


@contextmanager
def running(folder: Path, backoffice_url: str, data: Path, **settings: str) -> Iterator[Running]:
    """The experiment in `folder`, started by the runner on a free port; its process ends with the block.

    `settings` are further environment variables, such as `EASTWIND_EXPERIMENT_MEMORY_MB`.
    """
    port, key = free_port(), secrets.token_hex(16)
    own = {
        "EASTWIND_SLUG": folder.name,
        "EASTWIND_EXPERIMENT_PORT": str(port),
        "EASTWIND_EXPERIMENT_KEY": key,
        "EASTWIND_EXPERIMENT_DATA": str(data),
        "EASTWIND_BACKOFFICE_URL": backoffice_url,
        "EASTWIND_BUILD": "test",
    }
    command = [sys.executable, "-m", "eastwind_sdk.runner", str(folder)]
    url = f"http://127.0.0.1:{port}"
    with _process(command, _environment(**own, **settings), f"{url}/_eastwind/health", {"X-Eastwind-Key": key}) as it:
        yield Running(url, key, it)


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(**settings: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_SOURCE), **settings}


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], health: str, headers: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait(process, health, headers)
            yield process
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], health: str, headers: dict[str, str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if requests.get(health, headers=headers, timeout=1).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{health} did not answer in {PATIENCE} s")
