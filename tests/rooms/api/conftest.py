"""The API over real rooms: two shipped experiments, a hundred customers, a token of each family."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from eastwind.app import House, build, create_app
from eastwind.audit import Actor
from eastwind.clock import now
from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.experiments import load_folder
from eastwind.readiness import Evidence, Verdict
from eastwind.settings import load

ROOT = Path(__file__).resolve().parents[3]
TEAM = Actor("user", "lin")


@dataclass
class Desk:
    """A caller of the API, with what stands behind it."""

    client: FlaskClient
    house: House
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, token: str = "admin", **more: Any) -> TestResponse:
        headers = {"Authorization": self.tokens.get(token, token)} | more.pop("headers", {})
        sent = {"json": body} if body is not None else {}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **sent, **more)

    def shown_ready(self, slug: str, share: str) -> int:
        """A passed review, as the jobs process leaves it behind."""
        asked = self.house.experiments.ask_review(slug, "production", Decimal(share), TEAM)
        running = self.house.readiness.claim("test")
        assert running and running.id == asked.id
        plan, rate = running.plan, 1000 / running.plan.seconds
        evidence = Evidence(
            requests=1000, failures=0, requests_per_second=rate, p50_ms=5, p95_ms=9, p99_ms=12, max_ms=20, errors=(),
            seconds=float(plan.seconds), asked_per_second=rate, build=plan.build, users=plan.users, generator_cpu=10)
        self.house.readiness.finish(asked.id, evidence, Verdict("ready", (), plan.share))
        self.house.guards.tick()
        return asked.id


def grid_export(folder: Path, customers: int) -> Path:
    folder.mkdir()
    rows = [f"{n:010d},T{n % 10},residential,East,web" for n in range(customers)]
    for name, header, lines in (
        ("stations", "id,name,bureau", ["S1,Hill,East"]), ("feeders", "id,name,station_id", ["F1,Mill,S1"]),
        ("transformers", "id,name,feeder_id,kva", [f"T{n},Mill {n},F1,400" for n in range(10)]),
        ("customers", "account,transformer_id,tariff,bureau,channel", rows),
    ):
        (folder / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def a_desk(db: Database, folder: Path) -> Desk:
    house = build(replace(load({}, home=ROOT), data_dir=folder / "var", max_body_kb=64,
                          database_url=db.url.render_as_string(hide_password=False)))
    house.flags.ensure_defaults()
    house.grid.import_folder(grid_export(folder / "grid", 100), TEAM)
    house.experiments.declare(load_folder(ROOT / "experiments"))
    desk = Desk(create_app(house).test_client(), house)
    for name, family, place, projects, expires in (
        ("admin", "admin", "*", "*", None), ("backend", "backend", "development", "*", None),
        ("frontend", "frontend", "development", "*", None), ("elsewhere", "backend", "development", "billing", None),
        ("expired", "admin", "*", "*", now() - timedelta(seconds=1)),
    ):
        desk.tokens[name] = house.people.issue_token(family, place, (projects,), name, TEAM, expires_at=expires)[1]
    return desk


@contextmanager
def closing(desk: Desk) -> Iterator[Desk]:
    yield desk
    desk.house.publisher.stop()
    desk.house.arrivals.stop()
    desk.house.db.close()


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Iterator[Desk]:
    """On both engines."""
    with closing(a_desk(db, tmp_path)) as made:
        yield made


@pytest.fixture(scope="module")
def desk_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """For what changes nothing, and where the engine makes no difference: one for all."""
    folder = tmp_path_factory.mktemp("desk")
    database = Database(f"sqlite:///{folder / 'test.db'}")
    upgrade(database)
    with closing(a_desk(database, folder)) as made:
        yield made
    database.close()
