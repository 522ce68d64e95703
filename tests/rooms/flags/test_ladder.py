"""Shares from 0.001 % up: nested, sticky, about the right size, pilots always in."""

from decimal import Decimal

import pytest

from eastwind.errors import Invalid
from eastwind.flags import Feature, FeatureEnvironment
from eastwind.flags.ladder import child_strategies, dependency, parent_name, parent_strategies, rung
from eastwind.flags.reach import reach
from tests.rooms.flags.conftest import enabled, engine_with

PLACE = "production"
PEOPLE = [str(n) for n in range(20_000)]
PILOTS = ("pilot-1", "pilot-2")
STEPS = [Decimal(s) for s in ("0.001", "0.1", "0.2", "1", "5", "33.3", "100")]


def on_the_ladder(share: Decimal, pilots: tuple[str, ...] = PILOTS) -> tuple[Feature, Feature]:
    step = rung(share)

    def state(strategies: object) -> dict[str, FeatureEnvironment]:
        return {PLACE: FeatureEnvironment.model_validate(
            {"environment": PLACE, "enabled": True, "strategies": strategies})}

    return (Feature(name=parent_name("f"), environments=state(parent_strategies("f", step, pilots, "userId"))),
            Feature(name="f", dependencies=(dependency("f"),),
                    environments=state(child_strategies("f", step, pilots, "userId"))))


def test_ladder__climbing__every_step_holds_the_one_before_and_the_pilots() -> None:
    before: set[str] = set()
    for share in STEPS:
        engine = engine_with(on_the_ladder(share))
        now = enabled(engine, "f", PEOPLE)
        assert before <= now
        expected = float(share) / 100 * len(PEOPLE)
        assert abs(len(now) - expected) <= 5 * max(1, expected) ** 0.5
        assert enabled(engine, "f", PILOTS) == set(PILOTS)
        assert not engine.check_enabled("f", {}).is_enabled or share == 100
        before = now


def test_ladder__any_step__is_what_the_gate_is_told() -> None:
    for share in STEPS:
        parent, child = on_the_ladder(share)
        most = reach(child, PLACE, {parent.name: parent}.get, {})
        assert most.ids == set(PILOTS)
        assert Decimal(most.fraction.numerator) / most.fraction.denominator * 100 == share


@pytest.mark.parametrize("share", ["-1", "0.0001", "0.15", "100.1", "NaN", "Infinity", "0.0015"])
def test_rung__share_between_the_steps__is_refused(share: str) -> None:
    with pytest.raises(Invalid):
        rung(Decimal(share))
