"""A feature's state in an environment: on and off, strategies, variants."""

from typing import Any

from flask import Blueprint, Response, request
from pydantic import RootModel

from eastwind.db import Database
from eastwind.errors import Invalid, NotFound, Problem, msg
from eastwind.flags import FeatureEnvironment, Strategy, Variant
from eastwind.flags.model import Noun
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import feature_of, names_in, shown_state, shown_strategy, weighed
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_json, read_object
from eastwind.web.unleash.json_patch import patched
from eastwind.web.unleash.wire import Wire, route

_P = "/api/admin/projects/<project>"
_F = f"{_P}/features/<feature>"
_E = f"{_F}/environments/<environment>"
_S = f"{_E}/strategies/<strategy>"
_BULK = f"{_P}/bulk_features/environments/<environment>"


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    states, strategies, variants = _States(wire), _Strategies(wire), _Variants(wire)
    for rule, view in (
        (f"GET {_E}", states.get), (f"POST {_E}/on", states.on), (f"POST {_E}/off", states.off),
        (f"POST {_BULK}/on", states.all_on), (f"POST {_BULK}/off", states.all_off),
        (f"GET {_E}/strategies", strategies.all), (f"POST {_E}/strategies", strategies.add),
        (f"POST {_E}/strategies/set-sort-order", strategies.order), (f"GET {_S}", strategies.get),
        (f"PUT {_S}", strategies.put), (f"PATCH {_S}", strategies.patch), (f"DELETE {_S}", strategies.remove),
        (f"GET {_E}/variants", variants.all), (f"PUT {_E}/variants", variants.put),
        (f"PATCH {_E}/variants", variants.patch), (f"PUT {_F}/variants-batch", variants.put_in_many),
    ):
        route(blueprint, rule, view)


class _Part:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._most = wire.flags, wire.largest_body
        self._db: Database = wire.db

    def _state(self, project: str, feature: str, environment: str) -> FeatureEnvironment:
        self._flags.environment(environment)
        return feature_of(self._flags, project, feature).at(environment)


class _States(_Part):
    def get(self, project: str, feature: str, environment: str) -> Response:
        """The state."""
        state = self._state(project, feature, environment)
        return answer(shown_state(state, self._flags.environment(environment)))

    def on(self, project: str, feature: str, environment: str) -> Response:
        """Turn on, if the gate lets it."""
        feature_of(self._flags, project, feature)
        self._flags.switch(feature, environment, True, actor(), with_disabled=_with_disabled())
        return self.get(project, feature, environment)

    def off(self, project: str, feature: str, environment: str) -> Response:
        """Turn off. Nothing holds this back."""
        feature_of(self._flags, project, feature)
        self._flags.switch(feature, environment, False, actor())
        return self.get(project, feature, environment)

    def all_on(self, project: str, environment: str) -> Response:
        """Turn several on: all or, if the gate refuses one, none."""
        names = names_in(read_object(self._most))
        for name in names:
            feature_of(self._flags, project, name)
        with self._db.write() as tx:
            for name in names:
                self._flags.switch(name, environment, True, actor(), tx, _with_disabled())
        return empty(200)

    def all_off(self, project: str, environment: str) -> Response:
        """Turn several off, each for itself: one that does not exist keeps none of the others on."""
        missing: list[Problem] = []
        for name in names_in(read_object(self._most)):
            try:
                feature_of(self._flags, project, name)
                self._flags.switch(name, environment, False, actor())
            except NotFound as error:
                missing += error.problems
        if missing:
            raise NotFound(*missing)
        return empty(200)


class _Strategies(_Part):
    def all(self, project: str, feature: str, environment: str) -> Response:
        """All of them, in order."""
        return answer([shown_strategy(s) for s in self._state(project, feature, environment).strategies])

    def get(self, project: str, feature: str, environment: str, strategy: str) -> Response:
        """One of them."""
        return answer(shown_strategy(self._strategy(project, feature, environment, strategy)))

    def add(self, project: str, feature: str, environment: str) -> Response:
        """One more. A share without a group is drawn by the feature's name, as in Unleash."""
        feature_of(self._flags, project, feature)
        item = _complete(checked(Strategy, read_object(self._most)), feature)
        return answer(shown_strategy(self._flags.add_strategy(feature, environment, item, actor())))

    def put(self, project: str, feature: str, environment: str, strategy: str) -> Response:
        """Replace one."""
        before = self._strategy(project, feature, environment, strategy)
        return self._replaced(feature, environment, before, {"name": before.name} | read_object(self._most))

    def patch(self, project: str, feature: str, environment: str, strategy: str) -> Response:
        """Change one by JSON Patch."""
        before = self._strategy(project, feature, environment, strategy)
        return self._replaced(feature, environment, before, patched(before.wire(), read_json(self._most)))

    def remove(self, project: str, feature: str, environment: str, strategy: str) -> Response:
        """Remove one. Removing the last active one closes the feature."""
        self._strategy(project, feature, environment, strategy)
        self._flags.remove_strategy(feature, environment, strategy, actor())
        return empty(200)

    def order(self, project: str, feature: str, environment: str) -> Response:
        """Give them their places: `[{"id", "sortOrder"}]`."""
        feature_of(self._flags, project, feature)
        places = checked(_Places, read_json(self._most)).root
        self._flags.order_strategies(feature, environment, {p.id: p.sort_order for p in places}, actor())
        return empty(200)

    def _replaced(self, feature: str, environment: str, before: Strategy, data: Any) -> Response:
        item = _complete(checked(Strategy, data), feature)
        kept = {"id": before.id} | ({} if "sort_order" in item.model_fields_set else {"sort_order": before.sort_order})
        after = self._flags.update_strategy(feature, environment, item.model_copy(update=kept), actor())
        return answer(shown_strategy(after))

    def _strategy(self, project: str, feature: str, environment: str, strategy: str) -> Strategy:
        for found in self._state(project, feature, environment).strategies:
            if found.id == strategy:
                return found
        raise NotFound(Problem("strategy", msg("there is no such strategy")))


class _Variants(_Part):
    def all(self, project: str, feature: str, environment: str) -> Response:
        """All of them."""
        return _shown(self._state(project, feature, environment).variants)

    def put(self, project: str, feature: str, environment: str) -> Response:
        """Replace them all."""
        feature_of(self._flags, project, feature)
        return self._set(feature, environment, read_json(self._most))

    def patch(self, project: str, feature: str, environment: str) -> Response:
        """Change them by JSON Patch."""
        before = [v.wire() for v in self._state(project, feature, environment).variants]
        return self._set(feature, environment, patched(before, read_json(self._most)))

    def put_in_many(self, project: str, feature: str) -> Response:
        """Replace them all in several environments."""
        feature_of(self._flags, project, feature)
        data = read_object(self._most)
        places = names_in(data, "environments")
        if not places:
            raise Invalid(Problem("environments", msg("must name at least one")))
        for environment in places:
            response = self._set(feature, environment, data.get("variants"))
        return response

    def _set(self, feature: str, environment: str, data: Any) -> Response:
        variants = weighed(checked(_ManyVariants, data).root)
        return _shown(self._flags.set_variants(feature, environment, variants, actor()).at(environment).variants)


_ManyVariants = RootModel[tuple[Variant, ...]]


class _Place(Noun):
    id: str
    sort_order: int


_Places = RootModel[tuple[_Place, ...]]


def _shown(variants: tuple[Variant, ...]) -> Response:
    return answer({"version": 1, "variants": [v.wire() for v in variants]})


def _complete(item: Strategy, feature: str) -> Strategy:
    """With the parameters that a share needs, and variants that add up."""
    parameters = dict(item.parameters)
    if item.name == "flexibleRollout":
        parameters = {"rollout": "100", "stickiness": "default", "groupId": feature} | parameters
    return item.model_copy(update={"parameters": parameters, "variants": weighed(item.variants)})


def _with_disabled() -> bool:
    return request.args.get("shouldActivateDisabledStrategies", "").lower() == "true"
