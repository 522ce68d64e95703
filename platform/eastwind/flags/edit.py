"""What the writes do to a feature, as pure functions: the old one in, the new one out."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from eastwind.errors import NotFound, Problem, msg
from eastwind.flags.model import Feature, FeatureEnvironment, Strategy
from eastwind.validation import checked

_DECIDED = ("completed_at", "completed_status", "completed_value")
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


def off(item: Feature) -> Feature:
    """Off everywhere."""
    states = {k: s.model_copy(update={"enabled": False}) for k, s in item.environments.items()}
    return item.model_copy(update={"environments": states})


def archived(item: Feature, at: Any) -> Feature:
    """Out of use since `at`, and off everywhere."""
    return off(item).model_copy(update={"archived_at": item.archived_at or at})


def cloned(item: Feature, name: str, new_groups: bool) -> Feature:
    """Another feature with the same states. With `new_groups`, shares are drawn by the new name."""
    states = {k: s.model_copy(update={"strategies": tuple(_copied(t, name, new_groups) for t in s.strategies)})
              for k, s in item.environments.items()}
    fresh = {"name": name, "created_at": None, "archived_at": None, "completed_at": None, "completed_status": "",
             "completed_value": "", "stale": False}
    return checked(Feature, {**item.model_dump(), **fresh, "environments": {k: s.model_dump() for k, s in
                                                                            states.items()}})


def adopted(item: Feature, other: Feature) -> Feature:
    """As `other` says, but for when it was made and for the environments that `other` does not speak of."""
    return other.model_copy(update={
        **{name: getattr(item, name) for name in ("created_at", *_DECIDED)},
        "environments": {**item.environments, **other.environments}})


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


def about_of(item: Feature, environment: str = "") -> Any:
    """What an audit event keeps of a feature: one environment's state, or all but the states."""
    if environment:
        return item.at(environment).wire()
    return item.model_dump(by_alias=True, mode="json", exclude={"environments"})


def whole(item: Feature) -> Any:
    """What an audit event keeps of a feature that changed everywhere."""
    return item.model_dump(by_alias=True, mode="json")


def _copied(strategy: Strategy, name: str, new_groups: bool) -> Strategy:
    parameters = dict(strategy.parameters)
    if new_groups and "groupId" in parameters:
        parameters["groupId"] = name
    return strategy.model_copy(update={"id": str(uuid4()), "parameters": parameters})


def _says(strategy: Strategy) -> dict[str, Any]:
    return strategy.model_dump(exclude={"id", "sort_order"})
