"""Making, describing, archiving and reviving features, and what they depend on."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import Conflict, NotFound, Problem, msg
from eastwind.flags import Dependency, Feature
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import feature_of, names_in, only, shown_feature
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_json, read_object
from eastwind.web.unleash.json_patch import patched
from eastwind.web.unleash.wire import Wire, route

_P = "/api/admin/projects/<project>"
_F = f"{_P}/features/<feature>"
_ABOUT = ("type", "description", "stale", "impressionData")


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Features(wire)
    for rule, view in (
        (f"GET {_P}/features", views.all), (f"POST {_P}/features", views.create),
        (f"GET {_F}", views.get), (f"PUT {_F}", views.put), (f"PATCH {_F}", views.patch),
        (f"DELETE {_F}", views.archive), (f"POST {_P}/stale", views.stale),
        (f"POST {_P}/archive", views.archive_many), (f"POST {_P}/revive", views.revive_many),
        ("POST /api/admin/archive/revive/<feature>", views.revive),
        ("GET /api/admin/archive/features", views.archived),
        ("GET /api/admin/archive/features/<project>", views.archived),
        ("POST /api/admin/features/validate", views.validate),
        (f"POST {_F}/dependencies", views.depend), (f"DELETE {_F}/dependencies", views.depend_on_nothing),
        (f"DELETE {_F}/dependencies/<parent>", views.stop_depending),
    ):
        route(blueprint, rule, view)


class _Features:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._most = wire.flags, wire.largest_body

    def all(self, project: str) -> Response:
        """The project's features."""
        places = self._flags.environments()
        return answer({"version": 2, "features": [shown_feature(f, places) for f in self._flags.features(project)]})

    def create(self, project: str) -> Response:
        """A new feature, off everywhere."""
        item = checked(Feature, only(read_object(self._most), "name", *_ABOUT) | {"project": project})
        made = self._flags.create(item, actor())
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

    def archive_many(self, project: str) -> Response:
        """Take several out of use, in turn, up to one that others depend on."""
        for name in self._named(project):
            self._flags.archive(name, actor())
        return empty(202)

    def revive_many(self, project: str) -> Response:
        """Bring several back, off."""
        for name in self._named(project):
            self._flags.revive(name, actor())
        return empty(200)

    def revive(self, feature: str) -> Response:
        """Bring a feature back, off."""
        self._flags.revive(feature, actor())
        return empty(200)

    def stale(self, project: str) -> Response:
        """Mark features as stale, or no longer."""
        data = read_object(self._most)
        for name in names_in(data):
            feature_of(self._flags, project, name)
            self._flags.describe(name, self._about(name, {"stale": data.get("stale")}), actor())
        return empty(202)

    def archived(self, project: str | None = None) -> Response:
        """The features out of use."""
        found = self._flags.features(project, archived=True)
        return answer({"version": 2, "features": [shown_feature(f, ()) for f in found]})

    def validate(self) -> Response:
        """Whether a name can be given to a new feature."""
        item = checked(Feature, only(read_object(self._most), "name"))
        try:
            self._flags.feature(item.name)
        except NotFound:
            return answer({"valid": True, "name": item.name})
        raise Conflict(Problem("name", msg("{name} is taken; names are never used twice", name=item.name)))

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

    def _named(self, project: str) -> list[str]:
        names = names_in(read_object(self._most))
        for name in names:
            feature_of(self._flags, project, name)
        return names

    def _shown(self, item: Feature, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        return answer(shown_feature(item, self._flags.environments()), status, headers)
