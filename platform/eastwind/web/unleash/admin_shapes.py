"""How the admin API shows flags, and how it reads them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eastwind.errors import Invalid, NotFound, Problem, msg
from eastwind.flags import Environment, Feature, FeatureEnvironment, Flags, Strategy, Variant
from eastwind.flags.model import WHOLE, Tag


def feature_of(flags: Flags, project: str, name: str) -> Feature:
    """The feature, if it is in this project. Raises `NotFound`."""
    found = flags.feature(name)
    if found.project != project:
        raise NotFound(Problem("feature", msg("there is no feature {name} in {project}", name=name, project=project)))
    return found


def shown_feature(item: Feature, environments: Sequence[Environment], children: Sequence[str] = ()) -> dict[str, Any]:
    """A feature with its state in every environment."""
    shown: dict[str, Any] = {
        "name": item.name, "type": item.type, "project": item.project, "description": item.description,
        "stale": item.stale, "archived": item.archived_at is not None, "impressionData": item.impression_data,
        "createdAt": moment(item.created_at), "dependencies": [d.wire() for d in item.dependencies],
        "children": list(children), "environments": [shown_state(item.at(e.name), e) for e in environments],
        "variants": [], "tags": [shown_tag(t) for t in item.tags],
    }
    return shown | ({"archivedAt": moment(item.archived_at)} if item.archived_at else {})


def shown_tag(item: Tag) -> dict[str, Any]:
    """A tag."""
    return item.wire()


def shown_state(state: FeatureEnvironment, environment: Environment) -> dict[str, Any]:
    """A feature's state in one environment."""
    return {
        "name": environment.name, "environment": environment.name, "type": environment.type, "enabled": state.enabled,
        "sortOrder": environment.sort_order, "variantCount": len(state.variants),
        "strategies": [shown_strategy(s) for s in state.strategies], "variants": [v.wire() for v in state.variants],
        "hasStrategies": bool(state.strategies), "hasEnabledStrategies": bool(state.active),
    }


def shown_strategy(item: Strategy) -> dict[str, Any]:
    """A strategy with its id."""
    return {**item.wire(), "strategyName": item.name}


def weighed(variants: Sequence[Variant], at: str = "variants") -> tuple[Variant, ...]:
    """The variants with what fixed weights leave shared among the variable ones, so that they add up to 1000.

    Raises `Invalid` for a name that comes twice and for weights that cannot add up.
    """
    if not variants:
        return ()
    if len({v.name for v in variants}) < len(variants):
        raise Invalid(Problem(at, msg("two variants have the same name")))
    variable = [v.name for v in variants if v.weight_type == "variable"]
    rest = WHOLE - sum(v.weight for v in variants if v.weight_type == "fix")
    if rest < 0 or (rest and not variable):
        raise Invalid(Problem(at, msg("fixed weights must add up to 1000, or to less beside a variable one")))
    share, odd = divmod(rest, len(variable)) if variable else (0, 0)
    weights = {name: share + (place < odd) for place, name in enumerate(variable)}
    return tuple(v.model_copy(update={"weight": weights.get(v.name, v.weight)}) for v in variants)


def only(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those fields of a body that a call may set, if they are there."""
    return {name: data[name] for name in names if name in data}


def moment(at: datetime | None) -> str | None:
    """As Unleash writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def names_in(data: Mapping[str, Any], field: str = "features") -> list[str]:
    """A list of texts in a body. Raises `Invalid`."""
    found = data.get(field)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise Invalid(Problem(field, msg("must be a list of names")))
    return found
