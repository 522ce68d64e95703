"""A house with the rooms that an experiment needs, over a real database and a small grid."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from eastwind.audit import Actor, Audit
from eastwind.db import Database
from eastwind.experiments import Arms, Experiment, Experiments, ReadinessGate, load_folder
from eastwind.flags import Evaluator, Flags, Publisher
from eastwind.grid import Grid
from eastwind.readiness import Evidence, Readiness, Verdict

LIN = Actor("user", "lin")
SHIPPED = Path(__file__).resolve().parents[3] / "experiments"
CUSTOMERS = 2000


@dataclass
class World:
    """The rooms, and a clock and a heartbeat that a test sets."""

    db: Database
    flags: Flags
    publisher: Publisher
    arms: Arms
    readiness: Readiness
    experiments: Experiments
    grid: Grid
    audit: Audit
    at: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    looked: datetime | None = None

    def experiment(self) -> Experiment:
        return self.experiments.get("outage-lookup")

    def show_ready(self, share: str, environment: str = "production") -> None:
        """A review that passed: what the jobs process would have written."""
        asked = self.experiments.ask_review("outage-lookup", environment, Decimal(share), LIN)
        assert self.readiness.claim("test") is not None
        rate = asked.plan.requests_per_second
        evidence = Evidence(
            requests=round(rate * 10), failures=0, requests_per_second=rate, p50_ms=5, p95_ms=9, p99_ms=12, max_ms=20,
            errors=(), seconds=10, asked_per_second=rate, build=asked.build, users=asked.plan.users, generator_cpu=10)
        self.readiness.finish(asked.id, evidence, Verdict("ready", (), Decimal(share)))


def write_grid(folder: Path, customers: int) -> Path:
    """A grid export: one station, two feeders, twenty transformers."""
    folder.mkdir()
    (folder / "stations.csv").write_text("id,name,bureau\nS1,North,east\n")
    (folder / "feeders.csv").write_text("id,name,station_id\nF1,One,S1\nF2,Two,S1\n")
    (folder / "transformers.csv").write_text("id,name,feeder_id,kva\n" + "".join(
        f"T{n},T{n},F{n % 2 + 1},400\n" for n in range(20)))
    (folder / "customers.csv").write_text("account,transformer_id,tariff,bureau,channel\n" + "".join(
        f"{n:010d},T{n % 20},residential,east,web\n" for n in range(customers)))
    return folder


@pytest.fixture
def furnish(tmp_path: Path) -> Iterator[Callable[[Database], World]]:
    """Make a world over a database."""
    made: list[World] = []

    def build(db: Database) -> World:
        grid = Grid(db)
        world = World.__new__(World)
        clock = lambda: world.at  # noqa: E731
        readiness = Readiness(db, clock, timedelta(days=7))
        flags = Flags(db, ReadinessGate(readiness, grid, lambda _tx: world.looked, clock), clock)
        experiments = Experiments(db, flags, readiness, grid, folder=SHIPPED, headroom=2, review_seconds=5, clock=clock)
        publisher = Publisher(db)
        world.__init__(db, flags, publisher, Arms(db, publisher, Evaluator(publisher)), readiness,  # type: ignore[misc]
                       experiments, grid, Audit(db))
        world.looked = world.at
        flags.ensure_defaults()
        grid.import_folder(write_grid(tmp_path / "grid", CUSTOMERS), LIN)
        experiments.declare(load_folder(SHIPPED))
        made.append(world)
        return world

    yield build
    for world in made:
        world.publisher.stop()


@pytest.fixture
def world(db: Database, furnish: Callable[[Database], World]) -> World:
    """A world on each engine."""
    return furnish(db)


@pytest.fixture
def small_world(sqlite_db: Database, furnish: Callable[[Database], World]) -> World:
    """A world for tests in which the engine makes no difference."""
    return furnish(sqlite_db)
