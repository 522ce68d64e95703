"""Share served ≤ share ready: below every path that writes, and in the transaction that opens."""

import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from eastwind.audit import Actor
from eastwind.errors import Invalid, NotFound, Refused, msg
from eastwind.experiments import Loaded
from eastwind.flags import Feature, FeatureEnvironment, Strategy
from tests.rooms.experiments.conftest import LIN, World

SLUG = "outage-lookup"
ONE = Decimal(1)


def opened(world: World, share: str, environment: str = "production") -> None:
    world.experiments.open(SLUG, environment, Decimal(share), LIN)


def test_open__no_review__refused_with_reason_and_nothing_changed(world: World) -> None:
    with pytest.raises(Refused, match="not shown to be ready for 1 %"):
        opened(world, "1")
    assert not world.flags.feature(SLUG).at("production").enabled
    assert world.experiment().runs == {}
    assert world.audit.history(SLUG)[0].act == "experiment-open-refused"


def test_open__ready_for_it__opens_a_run(world: World) -> None:
    world.show_ready("1")
    run = world.experiments.open(SLUG, "production", ONE, LIN)
    assert (run.share, run.is_open, run.opened_by) == (ONE, True, "user:lin")
    assert world.experiment().open_run("production") == run
    assert world.audit.verify() is None


def test_open__twice__is_one_run_and_adds_no_event(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    before = world.audit.history(limit=1)[0].id
    opened(world, "1")
    assert world.audit.history(limit=1)[0].id == before
    assert len(world.experiments.runs(SLUG)) == 1


@pytest.mark.parametrize("share", ["1.1", "5", "100"])
def test_open__more_than_ready__refused(small_world: World, share: str) -> None:
    small_world.show_ready("1")
    with pytest.raises(Refused, match=f"ready for 1 %, not for {share} %"):
        opened(small_world, share)


@pytest.mark.parametrize("share", ["0.001", "0.05", "0.1", "0.5", "1"])
def test_open__every_step_up_to_what_is_ready__opens(small_world: World, share: str) -> None:
    small_world.show_ready("1")
    opened(small_world, share)
    assert small_world.experiment().open_run("production").share == Decimal(share)  # type: ignore[union-attr]


@pytest.mark.parametrize("share", ["-1", "101", "0.0005", "1.05", "NaN", "Infinity"])
def test_open__no_step_of_the_ladder__named(small_world: World, share: str) -> None:
    with pytest.raises(Invalid, match="share"):
        opened(small_world, share)


def test_open__development__is_free(small_world: World) -> None:
    opened(small_world, "100", "development")
    assert small_world.experiment().open_run("development") is not None


def test_open__evidence_expired_or_of_another_build__refused(small_world: World) -> None:
    small_world.show_ready("1")
    small_world.at += timedelta(days=8)
    small_world.looked = small_world.at
    with pytest.raises(Refused):
        opened(small_world, "1")
    small_world.show_ready("1")
    found = small_world.experiment()
    changed = Loaded(SLUG, small_world.experiments._folder / SLUG, "f" * 64, found.manifest)
    small_world.experiments.declare([changed])
    with pytest.raises(Refused):
        opened(small_world, "1")


def test_open__nobody_watches__refused(small_world: World) -> None:
    small_world.show_ready("1")
    small_world.looked = small_world.at - timedelta(minutes=1)
    with pytest.raises(Refused, match="no guard has looked"):
        opened(small_world, "1")


def test_open__after_sunset__refused(small_world: World) -> None:
    small_world.show_ready("1")
    found = small_world.experiment()
    ended = found.manifest.model_copy(update={"sunset": date(2026, 11, 23)})
    small_world.experiments.declare([Loaded(SLUG, small_world.experiments._folder / SLUG, found.build, ended)])
    with pytest.raises(Refused, match="sunset"):
        opened(small_world, "1")


def test_open__pilots__count_as_the_share_they_are(small_world: World) -> None:
    named = tuple(f"{n:010d}" for n in range(20))  # 20 of 2000 are 1 %
    small_world.show_ready("0.5")
    with pytest.raises(Refused, match="not for 1 %"):
        small_world.experiments.open(SLUG, "production", Decimal(0), LIN, named)
    small_world.experiments.open(SLUG, "production", Decimal(0), LIN, named[:10])
    customer = small_world.grid.customer(named[3])
    assert customer is not None
    assert small_world.arms.of(small_world.experiment(), "production", customer, "web").name == "pilot"


def test_open__unknown_pilot__named(small_world: World) -> None:
    with pytest.raises(Invalid, match="there is no customer 9999999999"):
        small_world.experiments.open(SLUG, "production", Decimal(0), LIN, ("9999999999",))


def test_arms__widening__keeps_everybody_who_was_in(small_world: World) -> None:
    small_world.show_ready("50")
    customers = [small_world.grid.customer(f"{n:010d}") for n in range(1500)]
    before: set[str] = set()
    for share in ("0.1", "1", "5", "50"):
        opened(small_world, share)
        small_world.publisher.refresh()
        found = small_world.experiment()
        inside = {c.account for c in customers if c
                  and small_world.arms.of(found, "production", c, "web").name == "treatment"}
        assert before <= inside
        before = inside
    assert 0.44 < len(before) / 1500 < 0.56


@pytest.mark.parametrize("write", ["switch", "strategy", "bare"])
def test_flag_written_elsewhere__cannot_pass_the_gate(small_world: World, write: str) -> None:
    small_world.show_ready("1")
    everybody = Strategy(name="default")
    state = FeatureEnvironment(environment="production", enabled=True,
                               strategies=() if write == "bare" else (everybody,))
    small_world.flags.set_dependencies(SLUG, (), LIN)
    with pytest.raises(Refused):
        if write == "switch":
            small_world.flags.switch(SLUG, "production", True, LIN)
        else:
            small_world.flags.set_state(SLUG, state, LIN)
    assert not small_world.flags.feature(SLUG).at("production").enabled


def test_ladder_widened_behind_its_back__cannot_pass_the_gate(small_world: World) -> None:
    small_world.show_ready("1")
    opened(small_world, "1")
    parent = small_world.flags.feature(f"{SLUG}.ladder").at("production")
    wide = parent.strategies[0].model_copy(update={"variants": (
        parent.strategies[0].variants[0].model_copy(update={"weight": 1000}),)})
    with pytest.raises(Refused):
        small_world.flags.update_strategy(f"{SLUG}.ladder", "production", wide, LIN)


def test_flag_switched_off_elsewhere__ends_the_run(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    world.flags.switch(SLUG, "production", False, Actor("token", "script"))
    run = world.experiment().runs["production"]
    assert (run.is_open, run.closed_by) == (False, "token:script")


def test_close__needs_nothing_and_repeats_quietly(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    world.looked = None
    run = world.experiments.close(SLUG, "production", msg("enough"), LIN)
    assert run is not None
    assert (run.is_open, str(run.close_reason), run.rolled_back) == (False, "enough", False)
    before = world.audit.history(limit=1)[0].id
    assert world.experiments.close(SLUG, "production", msg("again"), LIN) is None
    assert world.audit.history(limit=1)[0].id == before


def test_close__by_hand__evidence_stays(small_world: World) -> None:
    small_world.show_ready("1")
    opened(small_world, "1")
    small_world.experiments.close(SLUG, "production", msg("pause"), LIN)
    opened(small_world, "1")
    assert [r.is_open for r in small_world.experiments.runs(SLUG)] == [True, False]


def test_close__by_a_breach__latches_until_a_new_review(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    run = world.experiments.close(SLUG, "production", msg("too many errors"), Actor("guard", "error"), breach=True)
    assert run is not None
    assert run.rolled_back
    with pytest.raises(Refused):
        opened(world, "1")
    world.at += timedelta(seconds=1)
    world.looked = world.at
    world.show_ready("1")
    opened(world, "1")


def test_declare__again__never_undoes_a_live_state(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    found = world.experiment()
    world.experiments.declare([Loaded(SLUG, world.experiments._folder / SLUG, found.build, found.manifest)])
    assert world.experiment().open_run("production") is not None
    world.experiments.close(SLUG, "production", msg("stop"), LIN)
    world.experiments.declare([Loaded(SLUG, world.experiments._folder / SLUG, found.build, found.manifest)])
    assert not world.flags.feature(SLUG).at("production").enabled


def test_declare__manifest_broken_later__still_closes_and_never_widens(small_world: World) -> None:
    small_world.show_ready("5")
    opened(small_world, "1")
    from eastwind.errors import Problem

    broken = Loaded(SLUG, small_world.experiments._folder / SLUG, "", None, (Problem("owner", msg("is missing")),))
    small_world.experiments.declare([broken])
    with pytest.raises(Refused, match="manifest"):
        opened(small_world, "5")
    assert small_world.experiments.close(SLUG, "production", msg("stop"), LIN) is not None


def test_declare__two_with_one_flag__second_is_refused(small_world: World) -> None:
    found = small_world.experiment()
    twin = found.manifest.model_copy(update={"slug": "twin"})
    small_world.experiments.declare([Loaded("twin", small_world.experiments._folder / SLUG, "a" * 64, twin)])
    assert small_world.experiments.get("twin").problems[0].field == "flag"
    assert small_world.experiment().problems == ()


def test_declare__a_build_that_no_review_has_seen__closes_without_blame(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    opened(world, "50", "development")
    found = world.experiment()
    folder = world.experiments._folder / SLUG
    world.experiments.declare([Loaded(SLUG, folder, "f" * 64, found.manifest)])
    run = world.experiment().runs["production"]
    assert (run.is_open, run.rolled_back, run.closed_by) == (False, False, "system:eastwind")
    assert "the build changed to ffffffffffff" in str(run.close_reason)
    assert world.experiment().open_run("development") is not None  # development is free
    world.experiments.declare([Loaded(SLUG, folder, found.build, found.manifest)])
    opened(world, "1")  # the evidence of the old build still counts


def test_declare__flag_changed_while_open__refused_and_still_closes(world: World) -> None:
    world.show_ready("1")
    opened(world, "1")
    found = world.experiment()
    moved = found.manifest.model_copy(update={"flag": "another"})
    world.experiments.declare([Loaded(SLUG, world.experiments._folder / SLUG, found.build, moved)])
    assert (world.experiment().manifest.flag, world.experiment().problems[0].field) == (SLUG, "flag")
    run = world.experiments.close(SLUG, "production", msg("stop"), LIN)
    assert run is not None
    assert not run.is_open
    assert not world.flags.feature(SLUG).at("production").enabled


def test_declare__a_flag_that_is_open_already__is_not_adopted(small_world: World) -> None:
    small_world.flags.create(Feature(name="plain"), LIN)
    small_world.flags.switch("plain", "production", True, LIN)
    found = small_world.experiment()
    thief = found.manifest.model_copy(update={"slug": "thief", "flag": "plain"})
    small_world.experiments.declare([Loaded("thief", small_world.experiments._folder / SLUG, "a" * 64, thief)])
    assert small_world.experiments.get("thief").problems[0].field == "flag"
    small_world.flags.switch("plain", "production", False, LIN)
    small_world.flags.switch("plain", "production", True, LIN)  # somebody else's flag is not held back by it
    mended = thief.model_copy(update={"flag": "thief"})
    small_world.experiments.declare([Loaded("thief", small_world.experiments._folder / SLUG, "a" * 64, mended)])
    assert small_world.experiments.get("thief").problems == ()
    assert small_world.flags.feature("thief.ladder").name == "thief.ladder"


@pytest.mark.parametrize("damage", [
    "UPDATE experiment SET manifest = '{}'", "UPDATE experiment SET manifest = 'no json'",
    "UPDATE experiment SET problems = '5'", "UPDATE experiment_run SET pilots = 'null'",
    "UPDATE feature_environment SET strategies = '[5]'",
])
def test_close__damaged_rows__still_closes(small_world: World, damage: str) -> None:
    small_world.show_ready("1")
    opened(small_world, "1")
    with small_world.db.write() as tx:
        tx.execute(text(damage))
    assert [r.experiment for r in small_world.experiments.open_runs()] == [SLUG]
    run = small_world.experiments.close(SLUG, "production", msg("stop"), LIN)
    assert run is not None
    assert not run.is_open
    small_world.publisher.refresh()
    served = {f["name"]: f for f in small_world.publisher.current("production").features}
    assert not served[SLUG]["enabled"]


def test_close__somebody_holds_the_write_lock__goes_on_trying(small_world: World) -> None:
    small_world.show_ready("1")
    opened(small_world, "1")

    def hold(taken: threading.Event) -> None:
        with small_world.db.write():
            taken.set()
            time.sleep(7)

    taken = threading.Event()
    holder = threading.Thread(target=hold, args=(taken,))
    holder.start()
    taken.wait(5)
    assert small_world.experiments.close(SLUG, "production", msg("stop"), LIN) is not None
    holder.join()


def test_switched_off_and_on_elsewhere__pilots_stay_pilots(small_world: World) -> None:
    named = ("0000000003", "0000000004")
    small_world.show_ready("1")
    small_world.experiments.open(SLUG, "production", Decimal("0.5"), LIN, named)
    small_world.flags.switch(SLUG, "production", False, LIN)
    small_world.flags.switch(SLUG, "production", True, LIN)
    run = small_world.experiment().open_run("production")
    assert run is not None
    assert run.pilots == named


def test_get__unknown__not_found(small_world: World) -> None:
    with pytest.raises(NotFound, match="there is no experiment nothing"):
        small_world.experiments.get("nothing")


def test_leave__customer_gets_todays_way_for_good(small_world: World) -> None:
    small_world.show_ready("100")
    opened(small_world, "100")
    customer = small_world.grid.customer("0000000007")
    assert customer is not None
    small_world.experiments.leave(SLUG, customer.account)
    assert small_world.arms.of(small_world.experiment(), "production", customer, "web").name == "left"


def test_open__two_at_once_over_the_evidence__neither_exceeds_it(world: World) -> None:
    world.show_ready("1")
    outcomes: list[str] = []

    def widen(share: str) -> None:
        try:
            opened(world, share)
            outcomes.append(share)
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=widen, args=(share,)) for share in ("0.6", "1", "5", "1.5")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = world.experiment().open_run("production")
    assert run is not None
    assert run.peak_share <= 1
    assert sorted(outcomes) == ["0.6", "1", "refused", "refused"]
    assert replace(run, share=ONE).peak_share <= ONE
