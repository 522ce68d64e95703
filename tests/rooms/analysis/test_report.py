"""The report of a run of a real experiment."""

from decimal import Decimal

import pytest

from eastwind.db import Database
from eastwind.errors import msg
from tests.rooms.analysis.builders import ANNA, SLUG, WHERE, World, a_manifest


def test_report__half_open__arms_sizes_difference_and_interval(db: Database) -> None:
    world = World(db)
    run = world.opened(a_manifest())
    world.came(run, "treatment", 40, hotline_call=1.0, latency_ms=20.0)
    world.came(run, "treatment", 160, first=40, latency_ms=30.0)
    world.came(run, "control", 80, first=1000, hotline_call=1.0, latency_ms=30.0)
    world.came(run, "control", 120, first=2000, latency_ms=40.0)
    report = world.analysis.report(a_manifest(), run, world.at)
    assert report.units == {"treatment": 200, "control": 200}
    assert (report.share, report.sample_ratio.kind, report.sample_ratio.expected) == (Decimal(50), "ok", 0.5)
    assert [(m.name, m.verdict) for m in report.metrics] == [
        ("hotline_call", "better"), ("error", "unclear"), ("latency_ms", "better")]
    assert report.primary.difference and report.primary.difference.estimate == pytest.approx(-0.2)
    assert str(report.answer).startswith("Better: hotline_call changed by -20.00 pp [")


def test_report__before_anybody_came__too_few_everywhere(db: Database) -> None:
    world = World(db)
    report = world.analysis.report(a_manifest(), world.opened(a_manifest()), world.at)
    assert {m.verdict for m in report.metrics} == {"too-few"}
    assert report.sample_ratio.kind == "not-checked"


def test_report__a_lost_arm__is_withheld_also_after_closing(sqlite_db: Database) -> None:
    world = World(sqlite_db)
    run = world.opened(a_manifest())
    world.came(run, "treatment", 40)
    world.came(run, "control", 400, first=1000)
    assert world.experiments.close(SLUG, WHERE, msg("done"), ANNA)
    [closed] = world.experiments.runs(SLUG)
    report = world.analysis.report(a_manifest(), closed, world.at)
    assert {m.verdict for m in report.metrics} == {"withheld"}


def test_report__share_widened_on_the_way__arm_sizes_are_not_compared(sqlite_db: Database) -> None:
    world = World(sqlite_db)
    run = world.opened(a_manifest(), "1")
    world.came(run, "treatment", 40)
    world.came(run, "control", 400, first=1000)
    assert world.analysis.report(a_manifest(), run, world.at).sample_ratio.kind == "mismatch"
    wider = world.experiments.open(SLUG, WHERE, Decimal(50), ANNA)
    assert wider.id == run.id
    assert world.analysis.report(a_manifest(), wider, world.at).sample_ratio.kind == "not-checked"
    world.experiments.close(SLUG, WHERE, msg("again"), ANNA)
    again = world.opened(a_manifest(), "50")
    world.came(again, "treatment", 400)
    world.came(again, "control", 400, first=1000)
    assert world.analysis.report(a_manifest(), again, world.at).sample_ratio.kind == "ok"
