"""The whole platform as a person starts it: `python -m eastwind up` on a folder and a port of its own.

It is read, asked and stopped from outside; `house` is a second hand on its database, to look at what was kept.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import requests

from eastwind.app import House, build
from eastwind.host import Process
from eastwind.host import store as processes
from eastwind.host.launch import free_port
from eastwind.settings import load, secret_key
from eastwind.web.hall import enter_token

ROOT = Path(__file__).resolve().parents[2]
SLUG, PLACE = "outage-lookup", "production"
_HEADS = {"Addresses": "addresses", "Sign-ins": "sign_ins", "SDK tokens": "tokens", "A customer": "customer"}
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_WAY = re.compile(r'data-way="(experiment|today)"')
_READY = re.compile(r"ready up to 100 % of customers until 2\d{3}-\d\d-\d\d \d\d:\d\d UTC\n")
# 300 customers at ten times the expected load are 60 requests/s: two seconds of it are a review's least.
SMALL = {"EASTWIND_CUSTOMERS": "300", "EASTWIND_HEADROOM": "10", "EASTWIND_REVIEW_SECONDS": "2"}


def until(holds: Callable[[], Any], seconds: float = 15.0, what: str = "it") -> Any:
    """Wait until `holds()` is true, and return it. What cannot be reached yet does not hold yet."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.RequestException):
            if found := holds():
                return found
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


def settings_for(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a small platform on `folder`; nothing of ours is inherited."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EASTWIND_", "INIT_", "FORCE_COLOR"))}
    return kept | SMALL | {"EASTWIND_HOME": str(ROOT), "EASTWIND_DATA_DIR": str(folder / "var"),
                           "PYTHONPATH": str(ROOT / "platform"), "EASTWIND_PORT": str(free_port())} | more


def eastwind(environment: Mapping[str, str], *words: str, seconds: float = 40) -> "subprocess.CompletedProcess[str]":
    """Run `eastwind …` to its end, piped."""
    return subprocess.run([sys.executable, "-m", "eastwind", *words], env=dict(environment), text=True,
                          capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)


@dataclass
class Platform:
    """A started platform. `lines` is what it has printed so far."""

    environment: dict[str, str]
    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['EASTWIND_PORT']}"

    @cached_property
    def house(self) -> House:
        return build(load(self.environment))

    def _all_said(self) -> list[str]:
        """The lines, once no more come: they arrive one by one, and a busy machine may pause between two."""
        lines: list[str] = []
        while lines != (lines := list(self.lines)):
            time.sleep(0.5)
        return lines

    def told(self) -> dict[str, list[tuple[str, ...]]]:
        """What stdout says under each heading, as rows of words. Said once, at the start, so read once."""
        return self._told

    @cached_property
    def _told(self) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        heading = ""
        for line in self._all_said():
            if not line.startswith(" "):
                heading = next((name for head, name in _HEADS.items() if line.startswith(head)), "")
            elif heading:
                found.setdefault(heading, []).append(tuple(re.split(r" {2,}", line.strip())))
        return found

    def token(self, kind: str, place: str = PLACE) -> str:
        return next(secret for type_, at, secret in self.told()["tokens"] if (type_, at) == (kind, place))

    def wait_ready(self, seconds: float = 30) -> "Platform":
        """Until it says so; every program but the malformed ones is then up soon."""
        until(lambda: "Eastwind is ready." in "".join(self.lines) or self.process.poll() is not None, seconds, "ready")
        assert self.process.poll() is None, "".join(self.lines)
        until(lambda: all(p.state in ("up", "not-loaded", "failed", "down") for p in self.programs().values()))
        return self

    def programs(self) -> dict[str, Process]:
        """What the supervisor has written down, by name."""
        with self.house.db.read() as tx:
            return {p.name: p for p in processes.processes(tx)}

    def api(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Our own JSON API, with the admin token."""
        return requests.request(method, f"{self.url}/api/v1{path}", json=body, timeout=8,
                                headers={"Authorization": self.token("admin", "*")})

    def admin(self, path: str) -> requests.Response:
        """POST to Unleash's admin API."""
        return requests.post(f"{self.url}/api/admin/projects/default{path}", timeout=8,
                             headers={"Authorization": self.token("admin", "*")})

    def stream(self) -> requests.Response:
        """An SDK's stream, opened and past its first line."""
        answer = requests.get(f"{self.url}/api/client/streaming", stream=True, timeout=8,
                              headers={"Authorization": self.token("backend"), "Accept": "text/event-stream"})
        assert answer.status_code == 200 and next(answer.iter_lines())
        return answer

    def open(self, share: int = 100, place: str = PLACE) -> requests.Response:
        return self.api("POST", f"/experiments/{SLUG}/open", {"environment": place, "share": share})

    def run_of(self, place: str = PLACE) -> dict[str, Any]:
        """The experiment's latest run, as the API tells it; {} before the first."""
        found: dict[str, Any] = self.api("GET", f"/experiments/{SLUG}").json()["runs"].get(place) or {}
        return found

    def review(self, share: int = 100) -> dict[str, Any]:
        """Ask for a review; returns it as it was taken in."""
        answer = self.api("POST", f"/experiments/{SLUG}/reviews", {"environment": PLACE, "share": share})
        assert answer.status_code == 202, answer.text
        asked: dict[str, Any] = answer.json()
        return asked

    def review_state(self, number: int) -> str:
        return str(self.api("GET", f"/experiments/{SLUG}/reviews/{number}").json()["state"])

    def show_ready(self) -> None:
        """A real review of all customers; a busy machine may make it inconclusive once or twice."""
        for _ in range(3):
            done = eastwind(self.environment, "review", SLUG, "--share", "100", seconds=60)
            if done.returncode == 0:
                assert _READY.fullmatch(done.stdout), done.stdout
                return
            assert done.returncode == 2 and done.stdout.startswith("inconclusive: "), done.stdout + done.stderr
        raise AssertionError(done.stdout)

    def customer(self) -> requests.Session:
        """The sample customer, in the hall."""
        session = requests.Session()
        account = self.told()["customer"][0][0]
        session.get(f"{self.url}/hall/enter", timeout=8,
                    params={"token": enter_token(secret_key(self.house.settings), account)}).raise_for_status()
        return session

    def way(self, customer: requests.Session) -> str:
        """Which way the hall shows `customer` now; every answer must be a whole page."""
        page = customer.get(f"{self.url}/hall/outages", timeout=8)
        found = _WAY.search(page.text)
        assert page.status_code == 200 and found, page.text[:500]
        return found[1]

    def sign_in(self, name: str, password: str) -> requests.Session:
        """A session on the console."""
        session = requests.Session()
        page = session.get(f"{self.url}/sign-in", timeout=8)
        token = _CSRF.search(page.text)
        assert token
        answer = session.post(f"{self.url}/sign-in", timeout=8, headers={"Referer": self.url},
                              data={"csrf_token": token[1], "name": name, "password": password})
        assert answer.status_code == 200 and "/sign-in" not in answer.url, answer.text
        return session

    def kill(self, name: str) -> Process:
        """`kill -9` one program, by the process number that the supervisor wrote down."""
        victim = self.programs()[name]
        os.kill(victim.pid, signal.SIGKILL)
        return victim

    def wait_back(self, victim: Process, seconds: float = 20) -> None:
        """Until another process runs in the victim's place."""
        until(lambda: self.is_back(victim), seconds, f"{victim.name} again")

    def is_back(self, victim: Process) -> bool:
        """Whether another process is up in the victim's place."""
        found = self.programs()[victim.name]
        return found.state == "up" and found.pid != victim.pid

    def family(self) -> list[psutil.Process]:
        """Every process that it started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> float:
        """Tell it to stop; how long it took until none of its family was left, in seconds."""
        family, began = self.family(), time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        assert all_gone(family, 5 - (time.monotonic() - began))
        return time.monotonic() - began


def all_gone(family: list[psutil.Process], within: float) -> bool:
    """Whether every one of them has ended in time; a zombie has."""
    _, alive = psutil.wait_procs(family, timeout=max(0.0, within))
    return not [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def start(environment: dict[str, str]) -> Platform:
    """Start it, and keep reading what it prints."""
    process = subprocess.Popen([sys.executable, "-m", "eastwind", "up"], env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    made = Platform(environment, process)

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            made.lines.append(line)

    threading.Thread(target=read, daemon=True).start()
    return made


@contextlib.contextmanager
def running(environment: dict[str, str]) -> Iterator[Platform]:
    """A platform that is ready. However the block ends, none of its family is left."""
    made = start(environment)
    try:
        yield made.wait_ready()
    finally:
        if made.process.poll() is None:
            made.end()
        made.house.db.close()


def check_consistent(house: House) -> None:
    """The audit trail holds; every flag is as its last event says; a run is open exactly when its flag is on."""
    assert house.audit.verify() is None
    places = [place.name for place in house.flags.environments()]
    for feature in house.flags.features():
        told = house.audit.history(subject=feature.name, room="flags", limit=1000)
        for place in places:
            last = next((e for e in told if e.environment == place), None)
            assert last is None or last.after == feature.at(place).wire(), (feature.name, place)
    for item in house.experiments.list():
        feature = house.flags.feature(item.manifest.flag)
        for place in places:
            run = item.runs.get(place)
            assert feature.at(place).enabled is (run is not None and run.is_open), (item.slug, place)
