"""What features live in: projects, environments and types."""

import re
from typing import Any

from flask import Blueprint, Response
from pydantic import RootModel

import eastwind
from eastwind.errors import NotFound, Problem, msg
from eastwind.flags import Environment, Project
from eastwind.flags.model import FEATURE_TYPES, Noun, Place
from eastwind.flags.places import Places
from eastwind.flags.playground import BUILT_IN
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import shown_feature
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_LIFETIME_DAYS = {"release": 40, "experiment": 40, "operational": 7}


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _World(wire)
    for rule, view in (
        ("GET /api/admin/projects", views.projects), ("POST /api/admin/projects", views.add_project),
        ("GET /api/admin/projects/<project>", views.project),
        ("GET /api/admin/environments", views.environments), ("POST /api/admin/environments", views.add_environment),
        ("GET /api/admin/environments/<environment>", views.environment),
        ("GET /api/admin/feature-types", views.types), ("GET /api/admin/ui-config", views.config),
        ("PUT /api/admin/environments/sort-order", views.order),
        ("POST /api/admin/environments/<environment>/on", views.on),
        ("POST /api/admin/environments/<environment>/off", views.off),
        ("GET /api/admin/environments/project/<project>", views.of_project),
        ("POST /api/admin/projects/<project>/environments", views.connect),
        ("DELETE /api/admin/projects/<project>/environments/<environment>", views.disconnect),
        ("GET /api/admin/strategies", views.strategies), ("GET /api/admin/addons", views.addons),
    ):
        route(blueprint, rule, view)


class _World:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._places, self._most = wire.flags, Places(wire.db), wire.largest_body

    def projects(self) -> Response:
        """All projects."""
        return answer({"version": 1, "projects": [p.wire() for p in self._flags.projects()]})

    def add_project(self) -> Response:
        """A new project. Without an id, its name is made into one."""
        data = read_object(self._most)
        made = checked(Project, {"id": _slug(data.get("name"))} | {k: v for k, v in data.items() if v is not None})
        self._flags.add_project(made, actor())
        return answer(made.wire(), 201, {"Location": f"/api/admin/projects/{made.id}"})

    def project(self, project: str) -> Response:
        """One project with its features."""
        for found in self._flags.projects():
            if found.id == project:
                places = self._places.of_project(project)
                features = [shown_feature(f, places) for f in self._flags.features(project)]
                return answer({"version": 1, **found.wire(), "features": features,
                               "environments": [{"environment": e.name} for e in places]})
        raise NotFound(Problem("project", msg("there is no project {name}", name=project)))

    def environments(self) -> Response:
        """All environments in their order."""
        return answer({"version": 1, "environments": [_place(e) for e in self._flags.environments()]})

    def add_environment(self) -> Response:
        """A new environment."""
        made = checked(Environment, read_object(self._most))
        self._flags.add_environment(made, actor())
        return answer(_place(made), 201, {"Location": f"/api/admin/environments/{made.name}"})

    def environment(self, environment: str) -> Response:
        """One environment."""
        return answer(_place(self._flags.environment(environment)))

    def on(self, environment: str) -> Response:
        """Turn a whole environment on."""
        self._places.switch(environment, True, actor())
        return empty(204)

    def off(self, environment: str) -> Response:
        """Turn a whole environment off, when nothing is on in it."""
        self._places.switch(environment, False, actor())
        return empty(204)

    def order(self) -> Response:
        """Give environments their places: `{name: place}`."""
        self._places.order(checked(_Order, read_object(self._most)).root, actor())
        return empty(200)

    def of_project(self, project: str) -> Response:
        """The environments of a project."""
        return answer({"version": 1, "environments": [_place(e) for e in self._places.of_project(project)]})

    def connect(self, project: str) -> Response:
        """Give a project an environment: `{environment}`."""
        self._places.connect(project, checked(_Named, read_object(self._most)).environment, actor())
        return empty(200)

    def disconnect(self, project: str, environment: str) -> Response:
        """Take one away, when nothing of the project is on in it."""
        self._places.disconnect(project, environment, actor())
        return empty(200)

    def strategies(self) -> Response:
        """The strategies that every SDK has."""
        return answer({"version": 1, "strategies": [
            {"name": name, "displayName": name, "description": "", "editable": False, "deprecated": name.startswith(
                "gradual"), "parameters": []} for name in BUILT_IN]})

    def addons(self) -> Response:
        """There are none."""
        return answer({"addons": [], "providers": []})

    def types(self) -> Response:
        """Unleash's types of features, with the days that one of a type usually lives."""
        return answer({"version": 1, "types": [
            {"id": name, "name": name.capitalize().replace("-", " "), "description": "",
             "lifetimeDays": _LIFETIME_DAYS.get(name)} for name in FEATURE_TYPES]})

    def config(self) -> Response:
        """What tools ask for to see whom they talk to."""
        return answer({"name": "Eastwind", "version": eastwind.__version__, "environment": "", "unleashUrl": "",
                       "flags": {}, "segmentValuesLimit": 20_000, "strategySegmentsLimit": 100,
                       "versionInfo": {"current": {"oss": eastwind.__version__}}})


def _slug(name: Any) -> str:
    """A name as an id; "" where nothing of it can be one, which is then refused."""
    return re.sub(r"[^a-z0-9._~-]+", "-", str(name or "").lower()).strip("-.")[:100]


class _Named(Noun):
    environment: str


_Order = RootModel[dict[str, Place]]


def _place(item: Environment) -> dict[str, Any]:
    return item.wire() | {"protected": False}
