"""A town for the hall's journeys: a real utility, the platform over its own database, real experiment processes."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from sqlalchemy import select
from werkzeug.serving import make_server

from eastwind.app import build, create_app
from eastwind.audit import Actor
from eastwind.clock import now
from eastwind.db.migrate import upgrade
from eastwind.experiments import load_folder
from eastwind.exposures.store import exposure
from eastwind.host import store
from eastwind.host.launch import Launch, experiment_program, free_port, prepare, start
from eastwind.host.model import Process
from eastwind.outcomes.store import outcome
from eastwind.settings import Settings, load, secret_key
from eastwind.web.hall import enter_token

ROOT = Path(__file__).resolve().parents[3]
TEAM = Actor("user", "lin")
PLACE = "development"  # free of the gate: what is tested here is what customers see



def answers(url: str, headers: dict[str, str], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if requests.get(url, headers=headers, timeout=1).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert time.monotonic() < deadline, url
        time.sleep(0.05)


def launched(launch: Launch) -> subprocess.Popen[bytes]:
    process = start(launch)
    threading.Thread(target=lambda: process.stdout and process.stdout.read(), daemon=True).start()
    answers(f"http://127.0.0.1:{launch.port}{launch.health}", {"X-Eastwind-Key": launch.key})
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


@pytest.fixture(scope="session")
def utility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A real back office with 300 customers: its folder and its port."""
    folder, port = tmp_path_factory.mktemp("utility"), free_port()
    run = [sys.executable, "-P", "-m", "backoffice"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "platform")}
    subprocess.run([*run, "sample", "--customers", "300", "--out", folder], env=env, check=True, timeout=60,
                   capture_output=True)
    server = subprocess.Popen([*run, "serve", "--data", folder, "--port", str(port)], env=env,
                              stdout=subprocess.DEVNULL)
    answers(f"http://127.0.0.1:{port}/health", {})
    yield folder, port
    ended(server)


Shipped = dict[str, tuple[Launch, subprocess.Popen[bytes]]]


@pytest.fixture(scope="session")
def lasting() -> Iterator[Shipped]:
    """Experiment processes that no test harms, started when first asked for."""
    shipped: Shipped = {}
    yield shipped
    for _, process in shipped.values():
        ended(process)


class Town:
    """The platform with its hall, over one database, and the experiment processes it calls."""

    def __init__(self, settings: Settings, utility: tuple[Path, int], lasting: Shipped) -> None:
        self.settings, (self.folder, self.backoffice_port), self.lasting = settings, utility, lasting
        self.house = build(settings)
        self.db, self.grid, self.experiments = self.house.db, self.house.grid, self.house.experiments
        upgrade(self.db)
        self.house.flags.ensure_defaults()
        self.grid.import_folder(self.folder, TEAM)
        self.experiments.declare(load_folder(ROOT / "experiments"))
        self.harmed: Shipped = {}
        self.up("backoffice", "backoffice", self.backoffice_port, "")
        self.app = create_app(self.house)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}/hall"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def up(self, name: str, kind: str, port: int, key: str, slug: str = "") -> None:
        with self.db.write() as tx:
            store.save(tx, Process(name, kind, slug, "up", now(), port=port, key=key))  # type: ignore[arg-type]

    def ship(self, slug: str, to_be_harmed: bool = False) -> Launch:
        shipped = self.harmed if to_be_harmed else self.lasting
        if slug not in shipped:
            loaded = next(e for e in load_folder(ROOT / "experiments") if e.slug == slug)
            launch = prepare(experiment_program(loaded), self.settings, self.backoffice_port)
            shipped[slug] = launch, launched(launch)
        launch = shipped[slug][0]
        self.up(f"experiment-{slug}", "experiment", launch.port, launch.key, slug)
        return launch

    def open(self, slug: str, share: str, pilots: tuple[str, ...] = ()) -> int:
        run = self.experiments.open(slug, PLACE, Decimal(share), TEAM, pilots).id
        self.house.publisher.refresh()
        return run

    def accounts(self, slug: str, arm: str) -> list[str]:
        experiment = self.experiments.get(slug)
        people = [self.grid.customer(a) for a in self.grid.sample_accounts(300, 1)]
        return [p.account for p in people if p and self.house.arms.of(experiment, PLACE, p, "web").name == arm]

    def visitor(self, account: str, language: str = "en") -> requests.Session:
        session = requests.Session()
        session.headers["Accept-Language"] = language
        answer = session.get(f"{self.url}/enter", params={"token": enter_token(secret_key(self.settings), account)})
        assert answer.status_code == 200
        return session

    def seen(self, unit: str) -> list[str]:
        with self.db.read() as tx:
            return [r.arm for r in tx.execute(select(exposure).where(exposure.c.unit == unit))]

    def outcomes(self, unit: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        with self.db.read() as tx:
            for row in tx.execute(select(outcome).where(outcome.c.unit == unit)):
                found.setdefault(row.metric, []).append(row.value)
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.house.publisher.stop()
        self.house.arrivals.stop()
        for _, process in self.harmed.values():
            ended(process)
        self.db.close()


@pytest.fixture
def town(tmp_path: Path, utility: tuple[Path, int], lasting: Shipped) -> Iterator[Town]:
    settings = replace(load({}, home=ROOT), data_dir=tmp_path / "var", hall_environment=PLACE)
    town = Town(settings, utility, lasting)
    yield town
    town.close()


def press(session: requests.Session, page: requests.Response, action: str, **values: str) -> requests.Response:
    """Send the form of `page` whose address ends with `action`."""
    form = next(f for f in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'action="/hall{action}"' in f)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return session.post(page.url.split("/hall")[0] + "/hall" + action, data=hidden | values)
