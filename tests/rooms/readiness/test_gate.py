"""The gate's property: whatever has happened, only live evidence of this build opens anything."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eastwind.db import Database
from eastwind.readiness import Readiness, Verdict
from eastwind.readiness.decide import decide
from tests.rooms.readiness.builders import ANNA, a_plan, evidence

START = datetime(2026, 11, 24, tzinfo=UTC)
VALID = timedelta(days=7)
NAMES = count()

SHARES = st.sampled_from([Decimal(s) for s in ("0.1", "1", "5", "20", "100")])
BUILDS = st.sampled_from(["b1", "b2"])
OUTCOMES = st.sampled_from(["ready", "slow", "killed", "rubbish", "other build", "cancelled"])
STEPS = st.one_of(
    st.tuples(st.just("review"), SHARES, BUILDS, OUTCOMES),
    st.tuples(st.just("void")),
    st.tuples(st.just("wait"), st.integers(1, 100)),
)
FOUND: dict[str, dict[str, Any]] = {
    "ready": {}, "slow": {"p95_ms": 900.0, "p99_ms": 900.0}, "rubbish": {"p95_ms": float("nan")},
    "other build": {"build": "b9"}}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12))
def test_ready__any_history__equals_the_largest_live_share(sqlite_db: Database, steps: list[tuple[Any, ...]]) -> None:
    clock, name = [START], f"e{next(NAMES)}"
    readiness = Readiness(sqlite_db, lambda: clock[0], VALID)
    alive: list[tuple[Decimal, str, datetime]] = []  # share, build, until: the whole truth, in three lines
    for kind, *details in steps:
        if kind == "wait":
            clock[0] += timedelta(hours=details[0])
        elif kind == "void":
            with sqlite_db.write() as tx:
                readiness.void(tx, name, "production", clock[0])
            alive = []
        else:
            share, build, outcome = details
            review(readiness, name, share, build, outcome)
            if outcome == "ready":
                alive.append((share, build, clock[0] + VALID))
            if outcome == "slow":
                alive = [a for a in alive if a[1] != build or a[0] < share]
        for build in ("b1", "b2", "b3"):
            expected = max((s for s, b, until in alive if b == build and until > clock[0]), default=Decimal(0))
            with sqlite_db.read() as tx:
                found = readiness.ready(tx, name, "production", build)
                assert readiness.ready(tx, name, "development", build).share == 0
            assert found.share == expected
            assert bool(found.reasons) == (expected == 0)


def review(readiness: Readiness, name: str, share: Decimal, build: str, outcome: str) -> None:
    plan = a_plan(experiment=name, share=share, build=build)
    asked = readiness.ask(plan, ANNA)
    taken = readiness.claim("runner")
    assert taken and taken.id == asked.id
    if outcome == "cancelled":
        readiness.cancel(asked.id, ANNA)
    elif outcome == "killed":
        readiness.finish(asked.id, None, Verdict("inconclusive"))
    else:
        found = evidence(**({"build": build} | FOUND[outcome]))
        readiness.finish(asked.id, found, decide(plan, found))
