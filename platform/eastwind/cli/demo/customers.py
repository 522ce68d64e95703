"""Customers who come over HTTP through the hall, each in a session of their own."""

import json
import random
import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests
from yggdrasil_engine.engine import UnleashEngine

from eastwind.cli.demo.stage import TIMEOUT, Stage
from eastwind.flags import ladder
from eastwind.settings import secret_key
from eastwind.web.hall import enter_token

_WAY = re.compile(r'data-way="(experiment|today)"')
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
# How likely a customer who looked still calls the hotline: the demo's own assumption about people.
_CALLS = {"today": 0.35, "experiment": 0.12}
_AT_ONCE = 6


@dataclass
class Visits:
    """What customers got. `new` and `old` hold the accounts by way; `broken` names what no customer should see."""

    new: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    first_fault: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, account: str, page: requests.Response, inside: bool) -> str:
        """Count one page, and say which way it was. One who is let in and yet sees today's way met the fault."""
        found = _WAY.search(page.text)
        with self._lock:
            if page.status_code != 200 or found is None:
                self.broken.append(f"{account}: {page.status_code}")
                return "broken"
            (self.new if found[1] == "experiment" else self.old).add(account)
            if inside and found[1] == "today" and self.first_fault is None:
                self.first_fault = time.time()
            return found[1]

    @property
    def came(self) -> int:
        """How many have been served."""
        return len(self.new) + len(self.old) + len(self.broken)


def treated(accounts: Iterable[str], flag: str, share: ladder.Rung) -> list[str]:
    """Who will be let in at a share, by the SDKs' own engine: assignment is a hash, so it can be known before."""
    parent, child = ladder.parent_name(flag), flag
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": [
        {"name": parent, "enabled": True, "variants": [],
         "strategies": [s.wire() for s in ladder.parent_strategies(flag, share, (), "userId")]},
        {"name": child, "enabled": True, "variants": [], "dependencies": [ladder.dependency(flag).wire()],
         "strategies": [s.wire() for s in ladder.child_strategies(flag, share, (), "userId")]},
    ]}))
    return [a for a in accounts if engine.check_enabled(child, {"userId": a}).is_enabled]


def visit(stage: Stage, accounts: Iterable[str], inside: frozenset[str], visits: Visits,
          stop: threading.Event | None = None) -> None:
    """Let these customers look up their outage, a few at a time, until all came or `stop` is set."""
    secret = secret_key(stage.settings)

    def one(account: str) -> None:
        if stop is None or not stop.is_set():
            _one(stage.url, account, enter_token(secret, account), account in inside, visits)

    with ThreadPoolExecutor(_AT_ONCE) as people:
        list(people.map(one, accounts))


def _one(url: str, account: str, token: str, inside: bool, visits: Visits) -> None:
    with requests.Session() as browser:
        try:
            browser.get(f"{url}/hall/enter", params={"token": token}, timeout=TIMEOUT, allow_redirects=False)
            page = browser.get(f"{url}/hall/outages", timeout=TIMEOUT)
            way = visits.add(account, page, inside)
            csrf = _CSRF.search(page.text)
            if csrf and random.Random(account).random() < _CALLS.get(way, 0):  # noqa: S311 - a person's mood, no secret
                browser.post(f"{url}/hall/outages/call", data={"csrf_token": csrf[1]}, timeout=TIMEOUT)
        except requests.RequestException as error:
            visits.broken.append(f"{account}: {type(error).__name__}")
