"""What the writes do to a feature, as pure functions: the old one in, the new one out."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from eastwind.errors import NotFound, Problem, msg
from eastwind.flags.model import Feature, FeatureEnvironment, Strategy
from eastwind.validation import checked

# What Unleash adds when a flag without strategies is switched on: explicit, so that nobody reads "none" as "nobody".
_EVERYBODY = Strategy(name="flexibleRollout", parameters={"rollout": "100", "stickiness": "default"})


def switched(item: Feature, environment: str, on: bool, with_disabled: bool) -> Feature:
    """On or off. A feature that goes on without an active strategy gets one that says "everybody"."""
    state = item.at(environment)
    if on and with_disabled:
        active = tuple(s.model_copy(update={"disabled": False}) for s in state.strategies)
        state = state.model_copy(update={"strategies": active})
    if on and not state.active:
        everybody = _EVERYBODY.model_copy(update={
            "id": str(uuid4()), "parameters": {**_EVERYBODY.parameters, "groupId": item.name}})
        state = state.model_copy(update={"strategies": (*state.strategies, everybody)})
    return item.with_state(state.model_copy(update={"enabled": on}))


def archived(item: Feature, at: Any) -> Feature:
    """Out of use since `at`, and off everywhere."""
    off = {k: s.model_copy(update={"enabled": False}) for k, s in item.environments.items()}
    return item.model_copy(update={"archived_at": item.archived_at or at, "environments": off})


def described(item: Feature, changes: Mapping[str, Any]) -> Feature:
    """With other values for some fields. Raises `Invalid`."""
    return checked(Feature, {**item.model_dump(), **changes})


def placed(state: FeatureEnvironment, strategy: Strategy) -> Strategy:
    """The strategy with an id, and the last place unless it says another; or the equal one that stands already."""
    for known in state.strategies:
        if _says(known) == _says(strategy):
            return known
    last = max((s.sort_order for s in state.strategies), default=-1)
    place = strategy.sort_order if "sort_order" in strategy.model_fields_set else last + 1
    return strategy.model_copy(update={"id": str(uuid4()), "sort_order": place})


def with_strategies(item: Feature, environment: str, *strategies: Strategy) -> Feature:
    """With these strategies, in their order. Without an active one it is off: none would mean everybody."""
    state, ordered = item.at(environment), tuple(sorted(strategies, key=lambda s: s.sort_order))
    on = state.enabled and any(not s.disabled for s in ordered)
    return item.with_state(state.model_copy(update={"strategies": ordered, "enabled": on}))


def strategy_of(state: FeatureEnvironment, strategy_id: str) -> Strategy:
    """The strategy with this id. Raises `NotFound`."""
    for strategy in state.strategies:
        if strategy.id == strategy_id:
            return strategy
    raise NotFound(Problem("strategy", msg("there is no such strategy")))


def segments_of(item: Feature) -> frozenset[int]:
    """The numbers of the segments that it uses anywhere."""
    return frozenset(n for e in item.environments.values() for s in e.strategies for n in s.segments)


def _says(strategy: Strategy) -> dict[str, Any]:
    return strategy.model_dump(exclude={"id", "sort_order"})
