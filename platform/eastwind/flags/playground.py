"""What would happen for this context? Asked of the SDKs' own engine, feature by feature and strategy by strategy.

A feature's verdict comes from what is served. Each strategy, segment and constraint is put to the same engine as a
feature of its own, so that it shows which of them let somebody in.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yggdrasil_engine.engine import UnleashEngine

from eastwind.errors import Invalid, Problem, Unavailable, msg
from eastwind.flags.evaluate import context_for_engine
from eastwind.flags.model import Constraint, Feature, Segment, Strategy
from eastwind.flags.publish import Publisher
from eastwind.flags.service import Flags

Row = dict[str, Any]
BUILT_IN = ("default", "userWithId", "flexibleRollout", "remoteAddress", "applicationHostname", "gradualRolloutUserId",
            "gradualRolloutSessionId", "gradualRolloutRandom")
_MOST = 5000


class Playground:
    """Answers for features of some projects, in one environment at a time."""

    def __init__(self, flags: Flags, publisher: Publisher) -> None:
        self._flags, self._publisher = flags, publisher

    def play(self, environment: str, projects: Sequence[str] | None, contexts: Sequence[Row]) -> list[list[Row]]:
        """For each context the features of `projects` (None: of all), by name.

        Raises `NotFound` for an unknown environment, `Invalid` when it is too much at once.
        """
        features = [f for f in self._flags.features() if projects is None or f.project in projects]
        if len(features) * len(contexts) > _MOST:
            raise Invalid(Problem("context", msg("asks for more than {most} answers; ask for fewer projects",
                                                 most=_MOST)))
        board = _Board(environment, features, {s.id: s for s in self._flags.segments()},
                       self._publisher.current(environment).document())
        return [list(board.answers(context_for_engine({**c, "environment": environment}))) for c in contexts]


def combinations(context: Mapping[str, Any]) -> list[Row]:
    """Each context that a context with commas in its values stands for. Raises `Invalid` when there are too many."""
    keys = [k for k, v in context.items() if k != "properties" and isinstance(v, str | int | float)]
    choices = [[part.strip() for part in str(context[k]).split(",")] for k in keys]
    count = 1
    for found in choices:
        count *= len(found)
        if count > _MOST:
            raise Invalid(Problem("context", msg("asks for more than {most} answers; ask for fewer projects",
                                                 most=_MOST)))
    rest = {k: v for k, v in context.items() if k not in keys}
    return [rest | dict(zip(keys, values, strict=True)) for values in itertools.product(*choices)]


class _Board:
    def __init__(self, environment: str, features: Sequence[Feature], segments: Mapping[int, Segment],
                 document: Row) -> None:
        self._environment, self._features, self._segments = environment, features, segments
        self._probes: dict[str, Row] = {}
        self._shown = {f.name: [self._strategy(f, n, s) for n, s in enumerate(f.at(environment).strategies)]
                       for f in features}
        self._engine = UnleashEngine()
        self._engine.take_state(json.dumps(
            {**document, "features": [*document["features"], *self._probes.values()]}, allow_nan=False))
        known = {t.name for t in self._engine.list_known_toggles()}
        if not self._probes.keys() <= known:
            raise Unavailable(Problem("", msg("the engine refuses what is stored; look at the quarantined features")))

    def answers(self, context: Row) -> Iterator[Row]:
        """Every feature's answer for one context."""
        for item in self._features:
            state = item.at(self._environment)
            ways = [self._said(way, context) for way in self._shown[item.name]]
            on = self._is_on(item.name, context)
            variant = self._engine.check_variant(item.name, context).variant
            yield {
                "name": item.name, "projectId": item.project, "isEnabled": on,
                "isEnabledInCurrentEnvironment": state.enabled,
                "hasUnsatisfiedDependency": bool(item.dependencies) and not on and state.enabled and any(
                    w["result"]["enabled"] is True for w in ways),
                "strategies": {"result": on if on or "unknown" not in [w["result"]["enabled"] for w in ways if not w[
                    "disabled"]] else "unknown", "data": ways},
                "variant": _variant(variant, on), "variants": [v.wire() for v in state.variants],
            }

    def _strategy(self, item: Feature, place: int, strategy: Strategy) -> Row:
        at = f"strategy/{item.name}/{place}"
        wire = strategy.wire()
        parameters = {"groupId": item.name} | wire["parameters"]
        self._probe(at, {"name": strategy.name, "parameters": parameters, "constraints": wire["constraints"],
                         "segments": wire["segments"]})
        used = [self._segments[n] for n in strategy.segments if n in self._segments]
        return {
            "name": strategy.name, "id": strategy.id, "title": strategy.title, "disabled": strategy.disabled,
            "parameters": wire["parameters"], "probe": at,
            "constraints": self._constraints(at, strategy.constraints),
            "segments": [{"id": s.id, "name": s.name, "constraints": self._constraints(
                f"segment/{s.id}", s.constraints), "probe": self._probe(f"segment/{s.id}", {
                    "name": "default", "segments": [s.id]})} for s in used],
        }

    def _constraints(self, at: str, constraints: Sequence[Constraint]) -> list[Row]:
        return [c.wire() | {"probe": self._probe(f"{at}/constraint/{n}", {
            "name": "default", "constraints": [c.wire()]})} for n, c in enumerate(constraints)]

    def _probe(self, name: str, strategy: Row) -> str:
        self._probes[name] = {"name": name, "enabled": True, "strategies": [{"parameters": {}} | strategy]}
        return name

    def _said(self, shown: Row, context: Row) -> Row:
        """A strategy as shown, with what the engine says of it and of its parts in place of the probes."""
        said = {key: value for key, value in shown.items() if key != "probe"}
        said["constraints"] = [self._part(c, context) for c in shown["constraints"]]
        said["segments"] = [self._part(s, context) | {"constraints": [self._part(c, context) for c in s[
            "constraints"]]} for s in shown["segments"]]
        return said | {"result": self._result(shown, context)}

    def _result(self, shown: Row, context: Row) -> Row:
        if shown["disabled"]:
            return {"enabled": "unknown", "evaluationStatus": "unevaluated"}
        if shown["name"] not in BUILT_IN:  # only the services that have it can tell
            return {"enabled": "unknown", "evaluationStatus": "incomplete"}
        on = self._is_on(shown["probe"], context)
        variant = self._engine.check_variant(shown["probe"], context).variant if on else None
        return {"enabled": on, "evaluationStatus": "complete"} | (
            {"variant": _variant(variant, on)} if variant is not None else {})

    def _part(self, part: Row, context: Row) -> Row:
        return {k: v for k, v in part.items() if k != "probe"} | {"result": self._is_on(part["probe"], context)}

    def _is_on(self, name: str, context: Row) -> bool:
        return bool(self._engine.check_enabled(name, context).is_enabled)


def _variant(found: Any, on: bool) -> Row:
    known = found if isinstance(found, Mapping) else getattr(found, "__dict__", {})
    shown = {"name": known.get("name") or "disabled", "enabled": bool(known.get("enabled")), "feature_enabled": on}
    payload = known.get("payload")
    return shown | ({"payload": payload} if isinstance(payload, Mapping) else {})
