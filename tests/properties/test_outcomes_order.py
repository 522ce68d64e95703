"""However a stream of events is shuffled, repeated and cut into batches: the counts are the same."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eastwind.analysis import Analysis, Counts
from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.exposures import Exposures
from eastwind.outcomes import Outcomes

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
UNITS = st.sampled_from([f"u{i}" for i in range(3)])
WHEN = st.integers(0, 5).map(lambda s: (NOW - timedelta(seconds=s)).isoformat())
EXPOSURES = st.lists(st.fixed_dictionaries(
    {"unit": UNITS, "arm": st.sampled_from(["treatment", "control", "pilot"]), "at": WHEN}), max_size=20)
OUTCOMES = st.lists(st.fixed_dictionaries(
    {"unit": UNITS, "metric": st.sampled_from(["error", "latency_ms"]), "value": st.integers(-3, 3), "at": WHEN}),
    max_size=30).map(lambda events: [{**e, "id": f"e{i}"} for i, e in enumerate(events)])


@pytest.fixture(scope="module")
def shared_db() -> Iterator[Database]:
    """One database for all examples: each example has a run of its own."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'test.db'}")
        upgrade(database)
        yield database
        database.close()


class Stream:
    """Runs, each filled by one way of delivering the same events."""

    run = 0

    def __init__(self, db: Database) -> None:
        self.db = db

    def counts(self, deliveries: list[tuple[str, list[dict[str, Any]]]]) -> Counts:
        Stream.run += 1
        place = ("outage-lookup", "production", Stream.run)
        rooms: dict[str, Exposures | Outcomes] = {
            "exposure": Exposures(self.db, lambda: NOW), "outcome": Outcomes(self.db, lambda: NOW)}
        for kind, batch in deliveries:
            assert rooms[kind].accept(*place, batch).refused == ()
        return Analysis(self.db).counts(*place)


@settings(max_examples=60, deadline=None)
@given(exposures=EXPOSURES, outcomes=OUTCOMES, seed=st.integers(0, 2**32))
def test_counts__any_order_repetition_and_split__are_identical(
        shared_db: Database, exposures: list[dict[str, Any]], outcomes: list[dict[str, Any]], seed: int) -> None:
    stream = Stream(shared_db)
    once = [(kind, batch) for kind, batch in (("exposure", exposures), ("outcome", outcomes)) if batch]
    chaos = random.Random(seed)
    events = [("exposure", e) for e in exposures] + [("outcome", e) for e in outcomes]
    events += chaos.choices(events, k=10) if events else []
    chaos.shuffle(events)
    cut: list[tuple[str, list[dict[str, Any]]]] = []
    for kind, event in events:
        if cut and cut[-1][0] == kind and chaos.random() < 0.7:
            cut[-1][1].append(event)
        else:
            cut.append((kind, [event]))
    assert stream.counts(cut) == stream.counts(once)
