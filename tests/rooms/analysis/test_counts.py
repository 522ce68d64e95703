"""What a run adds up to, as the database sums it."""

from eastwind.analysis import Counts, Sums
from eastwind.db import Database
from tests.rooms.analysis.builders import World, a_manifest


def test_counts__no_events__nothing(db: Database) -> None:
    assert World(db).analysis.counts("x", "production", 1) == Counts({"treatment": 0, "control": 0})


def test_counts__several_values_of_a_unit__weigh_as_one(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest())
    world.came(run, "treatment", 2, latency_ms=10.0)
    world.came(run, "treatment", 1, latency_ms=30.0, error=1.0)
    world.came(run, "control", 3, first=10, error=0.0)
    counts = world.analysis.counts(run.experiment, run.environment, run.id)
    assert counts.units == {"treatment": 2, "control": 3}
    assert counts.of("latency_ms", "treatment") == Sums(2, 2, 30.0, 500.0)
    assert counts.of("error", "treatment") == Sums(1, 1, 1.0, 1.0)
    assert counts.of("error", "control") == Sums(3, 0, 0.0, 0.0)
    assert (counts.touched, counts.harmed) == (2, {"error": 1, "latency_ms": 2})


def test_counts__pilots_and_units_in_both_arms__are_left_out_of_comparison_but_not_of_harm(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest())
    world.came(run, "control", 3, error=1.0)  # u0..u2 failed on the old way
    world.came(run, "treatment", 2, first=2, minutes=1, error=1.0)  # u2 moved to the new way, and failed there again
    world.came(run, "treatment", 1, first=1, minutes=1)  # u1 moved too, and did well
    world.came(run, "pilot", 1, first=9, error=1.0)
    counts = world.analysis.counts(run.experiment, run.environment, run.id)
    assert (counts.units, counts.crossed, counts.pilots) == ({"treatment": 1, "control": 1}, 2, 1)
    assert counts.of("error", "treatment").n_positive == counts.of("error", "control").n_positive == 1
    # u1 failed before it saw the new way; u2, u3 and the pilot u9 since.
    assert (counts.touched, counts.harmed) == (4, {"error": 3})


def test_counts__other_runs_and_unknown_units__are_not_in_it(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest())
    world.came(run, "treatment", 1, error=1.0)
    with db.intake() as tx:
        world.outcomes.record(tx, run.experiment, run.environment, run.id, "stranger", "error", 1.0, world.at)
        world.outcomes.record(tx, run.experiment, run.environment, run.id + 1, "u0", "error", 1.0, world.at)
        world.outcomes.record(tx, run.experiment, "production", run.id, "u0", "error", 1.0, world.at)
    counts = world.analysis.counts(run.experiment, run.environment, run.id)
    assert counts.of("error", "treatment") == Sums(1, 1, 1.0, 1.0)
    assert counts.harmed == {"error": 1}


def test_counts__asked_for_some_metrics__only_those(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest())
    world.came(run, "treatment", 1, error=1.0, latency_ms=3.0)
    counts = world.analysis.counts(run.experiment, run.environment, run.id, metrics={"error"})
    assert set(counts.metrics) == set(counts.harmed) == {"error"}
    assert world.analysis.counts(run.experiment, run.environment, run.id, metrics=()).metrics == {}
