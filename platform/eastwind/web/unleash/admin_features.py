"""Making and describing features, and what they depend on."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import Conflict, Problem, msg
from eastwind.flags import Dependency, Feature
from eastwind.flags.model import Name, Noun
from eastwind.flags.places import Places
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import feature_of, only, shown_feature
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_json, read_object
from eastwind.web.unleash.json_patch import patched
from eastwind.web.unleash.wire import Wire, route

_P = "/api/admin/projects/<project>"
_F = f"{_P}/features/<feature>"
_ABOUT = ("type", "description", "stale", "impressionData")
_NEW = ("name", "tags", *_ABOUT)


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Features(wire)
    for rule, view in (
        (f"GET {_P}/features", views.all), (f"POST {_P}/features", views.create),
        (f"GET {_F}", views.get), (f"PUT {_F}", views.put), (f"PATCH {_F}", views.patch),
        (f"DELETE {_F}", views.archive), (f"POST {_P}/stale", views.stale), (f"POST {_F}/clone", views.clone),
        ("POST /api/admin/features/validate", views.validate),
        (f"POST {_F}/dependencies", views.depend), (f"DELETE {_F}/dependencies", views.depend_on_nothing),
        (f"DELETE {_F}/dependencies/<parent>", views.stop_depending),
    ):
        route(blueprint, rule, view)


class _Features:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._most = wire.flags, wire.largest_body
        self._places, self._db = Places(wire.db), wire.db

    def all(self, project: str) -> Response:
        """The project's features."""
        places = self._places.of_project(project)
        return answer({"version": 2, "features": [shown_feature(f, places) for f in self._flags.features(project)]})

    def create(self, project: str) -> Response:
        """A new feature, off everywhere."""
        item = checked(Feature, _set(only(read_object(self._most), *_NEW)) | {"project": project})
        made = self._flags.create(item, actor())
        return self._shown(made, 201, {"Location": f"/api/admin/projects/{project}/features/{made.name}"})

    def clone(self, project: str, feature: str) -> Response:
        """A copy under another name, off everywhere: `{name, replaceGroupId?}`."""
        feature_of(self._flags, project, feature)
        asked = checked(_Clone, read_object(self._most))
        made = self._flags.clone(feature, asked.name, actor(), asked.replace_group_id)
        return self._shown(made, 201, {"Location": f"/api/admin/projects/{project}/features/{made.name}"})

    def get(self, project: str, feature: str) -> Response:
        """One feature."""
        return self._shown(feature_of(self._flags, project, feature))

    def put(self, project: str, feature: str) -> Response:
        """Describe a feature anew; what is not said stays."""
        feature_of(self._flags, project, feature)
        return self._described(feature, only(read_object(self._most), *_ABOUT))

    def patch(self, project: str, feature: str) -> Response:
        """Change a description by JSON Patch."""
        before = shown_feature(feature_of(self._flags, project, feature), ())
        return self._described(feature, only(patched(before, read_json(self._most)), *_ABOUT))

    def archive(self, project: str, feature: str) -> Response:
        """Take a feature out of use."""
        feature_of(self._flags, project, feature)
        self._flags.archive(feature, actor())
        return empty(202)

    def stale(self, project: str) -> Response:
        """Mark features as stale, or no longer: all or none."""
        asked = checked(_Stale, read_object(self._most))
        for name in asked.features:
            feature_of(self._flags, project, name)
        with self._db.write() as tx:
            for name in asked.features:
                self._flags.mark_stale(name, asked.stale, actor(), tx)
        return empty(202)

    def validate(self) -> Response:
        """Whether a name can be given to a new feature."""
        item = checked(Feature, only(read_object(self._most), "name"))
        taken = self._flags.name_taken(item.name)
        if taken:
            raise Conflict(Problem("name", msg("{name} is taken; names are never used twice", name=taken)))
        return answer({"valid": True, "name": item.name})

    def depend(self, project: str, feature: str) -> Response:
        """Make a feature depend on a parent, in place of what it had to do with that parent before."""
        found = feature_of(self._flags, project, feature)
        made = checked(Dependency, read_object(self._most))
        rest = tuple(d for d in found.dependencies if d.feature != made.feature)
        self._flags.set_dependencies(feature, (*rest, made), actor())
        return answer(made.wire())

    def depend_on_nothing(self, project: str, feature: str) -> Response:
        """Remove all parents."""
        feature_of(self._flags, project, feature)
        self._flags.set_dependencies(feature, (), actor())
        return empty(200)

    def stop_depending(self, project: str, feature: str, parent: str) -> Response:
        """Remove one parent."""
        found = feature_of(self._flags, project, feature)
        self._flags.set_dependencies(feature, tuple(d for d in found.dependencies if d.feature != parent), actor())
        return empty(200)

    def _described(self, feature: str, changes: dict[str, Any]) -> Response:
        return self._shown(self._flags.describe(feature, self._about(feature, changes), actor()))

    def _about(self, feature: str, changes: dict[str, Any]) -> dict[str, Any]:
        item = checked(Feature, {"name": feature} | changes)
        return {name: getattr(item, name) for name in item.model_fields_set}

    def _shown(self, item: Feature, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        places = self._places.of_project(item.project)
        return answer(shown_feature(item, places, self._flags.dependents(item.name)), status, headers)


class _Clone(Noun):
    name: Name
    replace_group_id: bool = True


class _Stale(Noun):
    features: tuple[str, ...]
    stale: bool


def _set(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is null: Unleash's own clients send that for "not said"."""
    return {name: value for name, value in data.items() if value is not None}
