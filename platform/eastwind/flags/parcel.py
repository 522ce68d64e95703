"""Features on their way between servers: read from, and written as, Unleash's export or a client-features document.

Nothing is dropped in silence. What cannot be kept is a problem, and all problems are found before anything is done.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eastwind.errors import EastwindError, Invalid, Problem, gather, msg
from eastwind.flags.edit import switched
from eastwind.flags.model import ContextField, Feature, FeatureEnvironment, Segment, Strategy, TagType, Variant
from eastwind.validation import checked

Row = dict[str, Any]

# Told by Unleash about a thing, and not a part of it: a server says its own.
_INCIDENTAL = {"lastSeenAt", "createdBy", "createdByUserId", "archived", "archivedAt", "favorite", "usedInFeatures",
               "usedInProjects", "createdAt", "strategyName"}
_FEATURE = ("name", "type", "description", "stale", "impressionData", "createdAt")
_STRATEGY = ("id", "name", "title", "parameters", "constraints", "segments", "variants", "disabled", "sortOrder")
_SEGMENT = ("id", "name", "description", "project", "constraints")
_KNOWN_LISTS = ("features", "featureStrategies", "featureEnvironments", "featureTags", "segments", "tagTypes",
                "contextFields", "dependencies")


@dataclass(frozen=True)
class Parcel:
    """Features with their state in one environment and all that they refer to. Segment numbers hold within it."""

    features: tuple[Feature, ...]
    segments: tuple[Segment, ...] = ()
    named: frozenset[int] = frozenset()  # segments of which only the name came along: the server must know them
    tag_types: tuple[TagType, ...] = ()
    fields: tuple[ContextField, ...] = ()


def opened(data: Any, project: str, environment: str) -> Parcel:
    """Read either form into a project and an environment. Raises `Invalid` with every problem."""
    if not isinstance(data, dict):
        raise Invalid(Problem("", msg("must be a JSON object")))
    reader = _Reader(project, environment)
    if any(name in data for name in ("featureStrategies", "featureEnvironments")):
        parcel = reader.export(data)
    elif "version" in data:
        parcel = reader.client_features(data)
    else:
        raise Invalid(Problem("", msg("is neither an Unleash export nor a client-features document")))
    gather(reader.problems)
    return parcel


def export_of(parcel: Parcel, environment: str) -> Row:
    """As Unleash exports."""
    states = [(f, f.at(environment)) for f in parcel.features]
    return {
        "features": [_about(f) for f in parcel.features],
        "featureStrategies": [_strategy(f, s) for f, at in states for s in at.strategies],
        "featureEnvironments": [
            {"name": f.name, "featureName": f.name, "environment": environment, "enabled": at.enabled,
             "variants": [v.wire() for v in at.variants]} for f, at in states],
        "featureTags": [{"featureName": f.name, "tagType": t.type, "tagValue": t.value}
                        for f in parcel.features for t in f.tags],
        "segments": [s.wire() for s in parcel.segments], "tagTypes": [t.wire() for t in parcel.tag_types],
        "contextFields": [c.wire() for c in parcel.fields],
        "dependencies": [{"feature": f.name, "dependencies": [d.wire() for d in f.dependencies]}
                         for f in parcel.features if f.dependencies],
    }


class _Reader:
    def __init__(self, project: str, environment: str) -> None:
        self.project, self.environment = project, environment
        self.problems: list[Problem] = []

    def export(self, data: Row) -> Parcel:
        """Unleash's export."""
        for name in set(data) - {*_KNOWN_LISTS}:
            self._lost(data[name], name)
        segments = self._rows(data, "segments")
        parts = {name: self._by_feature(data, name, key) for name, key in (
            ("featureStrategies", "featureName"), ("featureEnvironments", "featureName"),
            ("featureTags", "featureName"), ("dependencies", "feature"))}
        features = [self._exported(row, f"features.{n}", parts) for n, row in self._rows(data, "features")]
        self._unclaimed(parts, {f.name for f in features if f})
        return Parcel(
            self._distinct(features), tuple(self._segment(row, f"segments.{n}") for n, row in segments),
            frozenset(row["id"] for _, row in segments if "constraints" not in row and isinstance(row.get("id"), int)),
            tuple(self._made(TagType, row, f"tagTypes.{n}") for n, row in self._rows(data, "tagTypes")),
            tuple(self._made(ContextField, row, f"contextFields.{n}") for n, row in self._rows(data, "contextFields")))

    def client_features(self, data: Row) -> Parcel:
        """What SDKs poll."""
        for name in set(data) - {"version", "features", "segments", "query", "meta"}:
            self._lost(data[name], name)
        segments = tuple(self._segment({"name": f"segment-{row.get('id')}"} | row, f"segments.{n}")
                         for n, row in self._rows(data, "segments"))
        return Parcel(self._distinct([self._polled(row, f"features.{n}")
                                      for n, row in self._rows(data, "features")]), segments)

    def _exported(self, row: Row, at: str, parts: Mapping[str, Mapping[str, list[Row]]]) -> Feature | None:
        name = str(row.get("name"))
        states, tags = parts["featureEnvironments"].get(name, []), parts["featureTags"].get(name, [])
        if len(states) > 1:
            self._say(at, msg("has more than one environment; export one at a time"))
        if row.get("archived"):
            self._say(f"{at}.archived", msg("is archived; revive it before the export"))
        self._rest(row, {*_FEATURE, "project"}, at)
        for tag in tags:
            self._rest(tag, {"featureName", "tagType", "tagValue", "type", "value"}, f"{at}.tags")
        for state in states:
            self._rest(state, {"name", "featureName", "environment", "enabled", "variants"}, f"{at}.environments")
        strategies = parts["featureStrategies"].get(name, [])
        for strategy in strategies:
            self._rest(strategy, {*_STRATEGY, "featureName", "projectId", "environment"}, f"{at}.strategies")
        about = {key: row[key] for key in _FEATURE if row.get(key) is not None}
        about["tags"] = [{"type": t.get("tagType"), "value": t.get("tagValue")} for t in tags]
        about["dependencies"] = [d for part in parts["dependencies"].get(name, [])
                                 for _, d in self._rows(part, "dependencies")]
        state = states[0] if states else {}
        return self._feature(about, state.get("enabled", False), strategies, state.get("variants"), at)

    def _polled(self, row: Row, at: str) -> Feature | None:
        known = {*_FEATURE, "project", "enabled", "strategies", "variants", "dependencies"}
        self._rest(row, known, at)
        strategies = [part for _, part in self._rows(row, "strategies", at)]
        for strategy in strategies:
            self._rest(strategy, set(_STRATEGY), f"{at}.strategies")
        about = {key: row[key] for key in (*_FEATURE, "dependencies") if row.get(key) is not None}
        made = self._feature(about, row.get("enabled"), strategies, row.get("variants"), at)
        state = made.at(self.environment) if made else None
        # On without a strategy means everybody to an SDK, and must go on to.
        return switched(made, self.environment, True, False) if made and state and state.enabled else made

    def _feature(self, about: Row, enabled: Any, strategies: list[Row], variants: Any, at: str) -> Feature | None:
        numbered = [{k: v for k, v in {"id": str(n), "sortOrder": n, **s}.items() if v is not None}
                    for n, s in enumerate(strategies)]
        state = {"environment": self.environment, "enabled": enabled, "strategies": numbered,
                 "variants": variants or []}
        found = self._made(Feature, {**about, "project": self.project, "environments": {self.environment: state}}, at)
        return found if found is None else found.with_state(_in_order(found.at(self.environment)))

    def _segment(self, row: Row, at: str) -> Any:
        self._rest(row, set(_SEGMENT), at)
        if not isinstance(row.get("id"), int):
            self._say(f"{at}.id", msg("must be a whole number"))
        return self._made(Segment, row, at)

    def _by_feature(self, data: Row, name: str, key: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for _, row in self._rows(data, name):
            found[str(row.get(key))].append(row)
        return found

    def _unclaimed(self, parts: Mapping[str, Mapping[str, list[Row]]], names: set[str]) -> None:
        for part, by_name in parts.items():
            for name in by_name.keys() - names:
                self._say(part, msg("speaks of {name}, which is not among the features", name=name))

    def _distinct(self, features: Iterable[Feature | None]) -> tuple[Feature, ...]:
        found = tuple(f for f in features if f is not None)
        for name in {f.name for f in found if [g.name for g in found].count(f.name) > 1}:
            self._say("features", msg("has {name} twice", name=name))
        return found

    def _rows(self, data: Row, name: str, at: str = "") -> list[tuple[int, Row]]:
        found = data.get(name) or []
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            self._say(f"{at}.{name}" if at else name, msg("must be a list of objects"))
            return []
        return list(enumerate(found))

    def _made(self, shape: Any, row: Row, at: str) -> Any:
        try:
            return checked(shape, row, at)
        except EastwindError as error:
            self.problems += error.problems
            return None

    def _rest(self, row: Row, known: set[str], at: str) -> None:
        for name in row.keys() - known - _INCIDENTAL:
            self._lost(row[name], f"{at}.{name}")

    def _lost(self, value: Any, at: str) -> None:
        if value not in (None, "", [], {}, False):
            self._say(at, msg("is not known here, and would be lost"))

    def _say(self, at: str, reason: Any) -> None:
        self.problems.append(Problem(at, reason))


def numbered(parcel: Parcel, numbers: Mapping[int, int]) -> Parcel:
    """With other numbers for its segments. Numbers that `numbers` does not know are left, for the flags to refuse."""
    return Parcel(tuple(_renumbered(f, numbers) for f in parcel.features),
                  tuple(s.model_copy(update={"id": numbers[s.id]}) for s in parcel.segments), parcel.named,
                  parcel.tag_types, parcel.fields)


def _renumbered(item: Feature, numbers: Mapping[int, int]) -> Feature:
    for state in item.environments.values():
        strategies = tuple(s.model_copy(update={"segments": tuple(numbers[n] for n in s.segments)})
                           for s in state.strategies)
        item = item.with_state(state.model_copy(update={"strategies": strategies}))
    return item


def words_of(parcel: Parcel) -> tuple[set[str], set[str]]:
    """The types of its tags, and the context fields that its constraints and draws name."""
    states = [s for f in parcel.features for s in f.environments.values()]
    ways: list[Strategy] = [way for s in states for way in s.strategies]
    variants: list[Variant] = [v for s in states for v in s.variants] + [v for way in ways for v in way.variants]
    constraints = [c for way in ways for c in way.constraints] + [c for s in parcel.segments for c in s.constraints]
    fields = {c.context_name for c in constraints} | {v.stickiness for v in variants}
    fields |= {o.context_name for v in variants for o in v.overrides or ()}
    return ({t.type for f in parcel.features for t in f.tags},
            fields | {way.parameters.get("stickiness", "") for way in ways})


def _in_order(state: FeatureEnvironment) -> FeatureEnvironment:
    return state.model_copy(update={"strategies": tuple(sorted(state.strategies, key=lambda s: s.sort_order))})


def _about(item: Feature) -> Row:
    shown = item.model_dump(mode="json", by_alias=True, include={
        "name", "type", "description", "project", "stale", "impression_data"})
    made = item.created_at.isoformat().replace("+00:00", "Z") if item.created_at else None
    return shown | {"archived": False, "createdAt": made}


def _strategy(item: Feature, strategy: Strategy) -> Row:
    return {"featureName": item.name, **strategy.wire()}
