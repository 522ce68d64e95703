"""What features live in: projects, environments, types, and the events that tell of every change."""

from typing import Any

from flask import Blueprint, Response, request

import eastwind
from eastwind.audit import Audit, Event
from eastwind.errors import NotFound, Problem, msg
from eastwind.flags import Environment, Project
from eastwind.flags.model import FEATURE_TYPES
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import moment, shown_feature
from eastwind.web.unleash.answers import answer
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
        ("GET /api/admin/events", views.events), ("GET /api/admin/events/<feature>", views.events),
    ):
        route(blueprint, rule, view)


class _World:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._audit, self._most = wire.flags, Audit(wire.db), wire.largest_body

    def projects(self) -> Response:
        """All projects."""
        return answer({"version": 1, "projects": [p.wire() for p in self._flags.projects()]})

    def add_project(self) -> Response:
        """A new project."""
        made = checked(Project, read_object(self._most))
        self._flags.add_project(made, actor())
        return answer(made.wire(), 201, {"Location": f"/api/admin/projects/{made.id}"})

    def project(self, project: str) -> Response:
        """One project with its features."""
        for found in self._flags.projects():
            if found.id == project:
                places = self._flags.environments()
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

    def events(self, feature: str = "") -> Response:
        """The newest events first. `limit`, and `before` an id for the page after."""
        before, limit = (_number(request.args.get(name, "")) for name in ("before", "limit"))
        found = self._audit.history(subject=feature, before=before, limit=min(limit or 100, 1000))
        return answer({"version": 1, "events": [_event(e) for e in found], "totalEvents": len(found)})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _place(item: Environment) -> dict[str, Any]:
    return item.wire() | {"protected": False}


def _event(event: Event) -> dict[str, Any]:
    shown = {
        "id": event.id, "type": event.act, "createdBy": event.actor, "createdAt": moment(event.at),
        "project": event.project, "environment": event.environment, "data": event.after, "preData": event.before,
        "tags": [],
    }
    return shown | ({"featureName": event.subject} if event.act.startswith(("feature", "strategy")) else {
        "label": event.subject})
