"""Ticks over real experiments: what breached is closed once, everything else is left alone."""

import threading
from datetime import UTC, datetime

from sqlalchemy import text

from eastwind.audit import Actor, Audit
from eastwind.db import Database
from eastwind.errors import msg
from eastwind.guards import Breach, Kind
from tests.rooms.analysis.builders import ANNA, SLUG, WHERE, World, a_manifest


def test_tick__nothing_is_open__beats_all_the_same(db: Database) -> None:
    world = World(db)
    assert world.guards.last_tick() is None
    began = datetime.now(UTC)
    assert world.guards.tick() == []
    last = world.guards.last_tick()
    assert last and began <= last <= datetime.now(UTC)


def test_tick__hard_limit_crossed__closes_flag_run_and_evidence_together(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest(hard_limit=5))
    world.came(run, "treatment", 5, error=1.0)
    assert world.guards.tick() == []
    world.came(run, "treatment", 1, first=5, error=1.0)
    [breach] = world.guards.tick()
    assert (breach.run, breach.metric) == (run.id, "error")
    assert str(breach.reason) == "error: 6 of 6 units that saw the new way; at most 5 are allowed"
    assert not world.flags.feature(SLUG).at(WHERE).enabled
    [closed] = world.experiments.runs(SLUG)
    assert closed.rolled_back and closed.closed_by == "guard:error" and closed.close_reason == breach.reason
    assert world.guards.breaches(SLUG) == [breach]
    assert [(s.metric, s.kind) for s in world.guards.status(SLUG, WHERE)] == [("error", Kind.BREACH)]
    assert Audit(db).history()[0].act == "rolled-back"
    assert Audit(db).verify() is None


def test_tick__clearly_worse_than_control__closes(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest(alpha=0.01))
    world.came(run, "control", 100, first=1000, error=0.0)
    world.came(run, "treatment", 100, error=0.0)
    assert world.guards.tick() == []
    assert [s.kind for s in world.guards.status(SLUG, WHERE)] == [Kind.QUIET]
    world.came(run, "treatment", 30, error=1.0)
    assert [b.metric for b in world.guards.tick()] == ["error"]


def test_tick__closed_by_hand_meanwhile__is_left_alone(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest(hard_limit=1))
    world.came(run, "treatment", 9, error=1.0)
    world.experiments.close(SLUG, WHERE, msg("by hand"), ANNA)
    assert world.guards.tick() == []
    again = world.opened(a_manifest(hard_limit=1))
    assert again.id != run.id
    assert world.guards.tick() == []
    assert world.experiments.open_runs() == [again]


def test_roll_back__decided_on_a_run_that_has_ended__leaves_the_next_run_open(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest(hard_limit=1))
    world.came(run, "treatment", 9, error=1.0)
    [decision] = world.guards.look(run)
    world.experiments.close(SLUG, WHERE, msg("by hand"), ANNA)
    again = world.opened(a_manifest(hard_limit=1))
    assert decision.kind is Kind.BREACH
    assert world.guards.roll_back(run, decision) is None
    assert world.experiments.open_runs() == [again]
    assert world.guards.breaches(SLUG) == []


def test_tick__six_at_once__one_rollback(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest(hard_limit=1))
    world.came(run, "treatment", 9, error=1.0)
    made: list[Breach] = []
    threads = [threading.Thread(target=lambda: made.extend(world.guards.tick())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(world.guards.breaches(SLUG)) == 1
    acts = [e.act for e in Audit(db).history()]
    assert acts.count("rolled-back") == acts.count("feature-environment-disabled") == 1


def test_tick__one_experiment_unreadable__others_are_still_guarded_but_the_tick_does_not_count(db: Database) -> None:
    world = World(db)
    world.opened(a_manifest(hard_limit=1))
    other = world.opened(a_manifest("bill-explainer", hard_limit=1))
    world.came(other, "treatment", 2, error=1.0)
    with db.write() as tx:
        tx.execute(text("UPDATE experiment SET manifest = 'spoilt' WHERE slug = :slug"), {"slug": SLUG})
    assert [b.experiment for b in world.guards.tick()] == ["bill-explainer"]
    assert world.guards.last_tick() is None


def test_roll_back__fails_half_way__nothing_is_closed_and_the_next_tick_does_it(sqlite_db: Database) -> None:
    world = World(sqlite_db)
    run = world.opened(a_manifest(hard_limit=1))
    world.came(run, "treatment", 2, error=1.0)
    with sqlite_db.write() as tx:
        tx.execute(text("ALTER TABLE guard_breach RENAME TO away"))
    assert world.guards.tick() == []
    assert world.flags.feature(SLUG).at(WHERE).enabled and world.experiments.open_runs() == [run]
    assert world.guards.last_tick() is None
    with sqlite_db.write() as tx:
        tx.execute(text("ALTER TABLE away RENAME TO guard_breach"))
    assert len(world.guards.tick()) == 1


def test_status__only_guards_named_by_the_manifest__and_of_the_newest_run(sqlite_db: Database) -> None:
    world = World(sqlite_db)
    world.opened(a_manifest(hard_limit=5, alpha=0.01))
    world.guards.tick()
    assert [(s.metric, s.kind) for s in world.guards.status(SLUG, WHERE)] == [("error", Kind.NO_DATA)]
    world.experiments.close(SLUG, WHERE, msg("done"), Actor("user", "anna"))
    again = world.opened(a_manifest(hard_limit=5, alpha=0.01))
    world.came(again, "treatment", 3)
    world.guards.tick()
    assert [(s.run, s.kind) for s in world.guards.status(SLUG, WHERE)] == [(again.id, Kind.INCONCLUSIVE)]
