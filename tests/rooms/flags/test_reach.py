"""What the gate is told is never less than what the real engine lets in."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from eastwind.flags import Constraint, Dependency, Feature, FeatureEnvironment, Segment, Strategy, Variant
from eastwind.flags.reach import reach
from tests.rooms.flags.conftest import enabled, engine_with, rollout

PEOPLE = [str(n) for n in range(1500)]
PLACE = "production"
# Two hashed shares of 1500 people differ from what they should be by about this much at the very most.
SLACK = 0.06

named = some.lists(some.sampled_from(PEOPLE), min_size=1, max_size=8).map(
    lambda ids: Constraint(context_name="userId", operator="IN", values=tuple(ids)))
narrowing = some.sampled_from([
    Constraint(context_name="userId", operator="NOT_IN", values=("1", "2")),
    Constraint(context_name="userId", operator="NUM_LT", value="400"),
    Constraint(context_name="userId", operator="STR_ENDS_WITH", values=("7",), inverted=True),
])
shares = some.builds(
    lambda percent, group, constraints, segments, disabled: rollout(
        percent, group, constraints=tuple(constraints), segments=segments, disabled=disabled),
    some.integers(0, 100), some.sampled_from(["g", "h"]), some.lists(named | narrowing, max_size=2),
    some.sampled_from([(), (), (1,), (2,)]), some.booleans())
lists = some.lists(some.sampled_from(PEOPLE), max_size=6).map(
    lambda ids: Strategy(name="userWithId", parameters={"userIds": ", ".join(ids)}))
ways = some.lists(shares | lists, max_size=3)
SEGMENTS = {
    1: Segment(id=1, name="few", constraints=(Constraint(context_name="userId", operator="IN", values=("1", "9")),)),
    2: Segment(id=2, name="low", constraints=(Constraint(context_name="userId", operator="NUM_LT", value="700"),)),
}
weights = some.integers(0, 1000).map(lambda w: (
    Variant(name="in", weight=w, weight_type="fix", stickiness="userId"),
    Variant(name="out", weight=1000 - w, stickiness="userId")))


def a_feature(name: str, strategies: list[Strategy], variants: tuple[Variant, ...] = (), on: bool = True,
              dependencies: tuple[Dependency, ...] = ()) -> Feature:
    state = FeatureEnvironment(environment=PLACE, enabled=on, strategies=tuple(strategies), variants=variants)
    return Feature(name=name, environments={PLACE: state}, dependencies=dependencies)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ways, ways, weights, some.sampled_from([None, (), ("in",)]), some.booleans(), some.booleans())
def test_reach__any_flag__is_an_upper_bound_of_the_engine(
        own: list[Strategy], above: list[Strategy], variants: tuple[Variant, ...], shown: tuple[str, ...] | None,
        on: bool, negative: bool) -> None:
    parent = a_feature("parent", above, variants)
    dependency = Dependency(feature="parent", enabled=not negative, variants=() if negative else shown or ())
    child = a_feature("child", own, on=on, dependencies=() if shown is None else (dependency,))
    most = reach(child, PLACE, {"parent": parent}.get, SEGMENTS)
    engine = engine_with([parent, child], PLACE, [s.wire() for s in SEGMENTS.values()])
    reached = enabled(engine, "child", PEOPLE)
    assert len(reached - most.ids) <= (float(most.fraction) + (SLACK if 0 < most.fraction < 1 else 0)) * len(PEOPLE)
    assert len(reached) <= (float(most.share(len(PEOPLE))) + (SLACK if most.fraction else 0)) * len(PEOPLE)


@pytest.mark.parametrize(("strategy", "share"), [
    (Strategy(name="default"), 1), (Strategy(name="unknown"), 1), (Strategy(name="remoteAddress"), 1),
    (rollout(7), Fraction(7, 100)), (rollout(7, constraints=(
        Constraint(context_name="userId", operator="IN", values=("a", "b")),)), Fraction(2, 1000)),
    (Strategy(name="gradualRolloutUserId", parameters={"percentage": "9", "groupId": "g"}), Fraction(9, 100)),
    # Drawn anew at each visit, a small share reaches everybody in time.
    (Strategy(name="gradualRolloutRandom", parameters={"percentage": "9"}), 1),
    (Strategy(name="flexibleRollout", parameters={"rollout": "9", "stickiness": "random"}), 1),
])
def test_reach__one_strategy__counts_what_it_can_reach(strategy: Strategy, share: Fraction) -> None:
    assert reach(a_feature("f", [strategy]), PLACE, {}.get, {}).share(1000) == share


def test_reach__no_active_strategy__is_everybody_and_off_is_nobody() -> None:
    assert reach(a_feature("f", []), PLACE, {}.get, {}).share(1000) == 1
    assert reach(a_feature("f", [rollout(5, disabled=True)]), PLACE, {}.get, {}).share(1000) == 1
    assert reach(a_feature("f", [], on=False), PLACE, {}.get, {}).share(1000) == 0


def test_reach__parent_and_child_drawn_alike__do_not_multiply() -> None:
    variants = (Variant(name="in", weight=1000, weight_type="fix", stickiness="userId"),)
    parent = a_feature("parent", [rollout(50, "same")], variants)
    child = a_feature("child", [rollout(50, "same")],
                      dependencies=(Dependency(feature="parent", variants=("in",)),))
    assert reach(child, PLACE, {"parent": parent}.get, {}).fraction == Fraction(1, 2)
    assert len(enabled(engine_with([parent, child]), "child", PEOPLE)) > 0.4 * len(PEOPLE)


def test_reach__list_without_known_population__counts_as_everybody() -> None:
    listed = Strategy(name="userWithId", parameters={"userIds": "1"})
    assert reach(a_feature("f", [listed]), PLACE, {}.get, {}).share(0) == 1
