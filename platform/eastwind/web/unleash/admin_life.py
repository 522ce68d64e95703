"""The end of features: decided, archived, brought back, forgotten."""

from typing import Annotated, Any, Literal

from flask import Blueprint, Response
from pydantic import Field

from eastwind.flags import Feature
from eastwind.flags.model import Noun
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import feature_of, moment, names_in, shown_feature
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_P = "/api/admin/projects/<project>"
_L = f"{_P}/features/<feature>/lifecycle"
_A = "/api/admin/archive"


class _Completed(Noun):
    status: Literal["kept", "discarded"]
    status_value: Annotated[str, Field(max_length=100)] | None = None


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Life(wire)
    for rule, view in (
        (f"GET {_L}", views.stages), (f"POST {_L}/complete", views.complete),
        (f"POST {_L}/uncomplete", views.uncomplete),
        (f"POST {_P}/archive/validate", views.may_archive), (f"POST {_P}/archive", views.archive_many),
        (f"POST {_P}/revive", views.revive_many), (f"POST {_P}/delete", views.delete_many),
        (f"POST {_A}/revive/<feature>", views.revive), (f"DELETE {_A}/<feature>", views.delete),
        (f"GET {_A}/features", views.archived), (f"GET {_A}/features/<project>", views.archived),
    ):
        route(blueprint, rule, view)


class _Life:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._db, self._most = wire.flags, wire.db, wire.largest_body

    def stages(self, project: str, feature: str) -> Response:
        """What it went through, oldest first."""
        return answer(_stages(feature_of(self._flags, project, feature)))

    def complete(self, project: str, feature: str) -> Response:
        """Say how it was decided: `{status: kept | discarded, statusValue?}`."""
        feature_of(self._flags, project, feature)
        asked = checked(_Completed, read_object(self._most))
        self._flags.complete(feature, asked.status, asked.status_value or "", actor())
        return empty(200)

    def uncomplete(self, project: str, feature: str) -> Response:
        """Say that it is not decided after all."""
        feature_of(self._flags, project, feature)
        self._flags.complete(feature, "", "", actor())
        return empty(200)

    def may_archive(self, project: str) -> Response:
        """Which of the features others depend on, others that would stay."""
        names = self._named(project)
        parents = [name for name in names if set(self._flags.dependents(name)) - set(names)]
        used = any(self._flags.feature(name).dependencies for name in names)
        return answer({"parentsWithChildFeatures": parents, "hasDeletedDependencies": used})

    def archive_many(self, project: str) -> Response:
        """Take several out of use: all or, if others depend on one of them, none."""
        self._flags.archive_all(self._named(project), actor())
        return empty(202)

    def revive_many(self, project: str) -> Response:
        """Bring several back, off: all or none."""
        names = self._named(project)
        with self._db.write() as tx:
            for name in names:
                self._flags.revive(name, actor(), tx)
        return empty(200)

    def revive(self, feature: str) -> Response:
        """Bring one back, off."""
        self._flags.revive(feature, actor())
        return empty(200)

    def delete_many(self, project: str) -> Response:
        """Forget several archived ones: all or none. Their names stay taken."""
        names = self._named(project)
        with self._db.write() as tx:
            for name in names:
                self._flags.delete(name, actor(), tx)
        return empty(200)

    def delete(self, feature: str) -> Response:
        """Forget an archived one. Its name stays taken."""
        self._flags.delete(feature, actor())
        return empty(200)

    def archived(self, project: str | None = None) -> Response:
        """The features out of use."""
        found = self._flags.features(project, archived=True)
        return answer({"version": 2, "features": [shown_feature(f, ()) for f in found]})

    def _named(self, project: str) -> list[str]:
        names = list(dict.fromkeys(names_in(read_object(self._most))))
        for name in names:
            feature_of(self._flags, project, name)
        return names


def _stages(item: Feature) -> list[dict[str, Any]]:
    times = (("initial", item.created_at), ("completed", item.completed_at), ("archived", item.archived_at))
    stages: list[dict[str, Any]] = [{"stage": name, "enteredStageAt": moment(at)} for name, at in times if at]
    for stage in stages:
        if stage["stage"] == "completed":
            stage |= {"status": item.completed_status, "statusValue": item.completed_value or None}
    return stages
