"""What services count, for those who look after flags: usage by the hour, and the applications behind it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from eastwind.clock import now
from eastwind.errors import NotFound, Problem, msg
from eastwind.usage import Application, Hour
from eastwind.web.unleash.admin_shapes import moment
from eastwind.web.unleash.answers import answer, errors_of
from eastwind.web.unleash.auth import authenticate
from eastwind.web.unleash.wire import Wire, route

_MOST_HOURS = 24 * 90


def blueprint(wire: Wire) -> Blueprint:
    """The routes below `/api/admin` that tell of usage."""
    made = Blueprint("unleash_metrics", __name__)
    errors_of(made)

    @made.before_request
    def _enter() -> None:
        authenticate(wire.keyring, "admin")

    views = _Metrics(wire)
    for rule, view in (
        ("GET /api/admin/client-metrics/features/<feature>", views.feature),
        ("GET /api/admin/client-metrics/features/<feature>/raw", views.raw),
        ("GET /api/admin/metrics/applications", views.applications),
        ("GET /api/admin/metrics/applications/<app>", views.application),
        ("GET /api/admin/metrics/applications/<app>/overview", views.overview),
    ):
        route(made, rule, view)
    return made


class _Metrics:
    def __init__(self, wire: Wire) -> None:
        self._wire, self._usage = wire, wire.usage

    def feature(self, feature: str) -> Response:
        """A flag's counts of the last hour in each environment, and who counted them within a day."""
        found, at = self._hours(feature, 24), now()
        last = [h for h in found if h.hour > at - timedelta(hours=2)]
        places = {(h.environment, h.hour) for h in last}
        return answer({
            "version": 1, "maturity": "stable", "featureName": feature,
            "lastHourUsage": [_sum(environment, hour, last) for environment, hour in sorted(places)],
            "seenApplications": sorted({h.app for h in found})})

    def raw(self, feature: str) -> Response:
        """A flag's counts by environment, application and hour, newest first. `hoursBack`: 1 to 2160, or else 24."""
        text = request.args.get("hoursBack", "")
        back = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 24
        found = self._hours(feature, min(max(back, 1), _MOST_HOURS))
        return answer({"version": 1, "maturity": "stable", "featureName": feature, "data": [
            {"featureName": h.feature, "appName": h.app, "environment": h.environment, "timestamp": moment(h.hour),
             "yes": h.yes, "no": h.no, "variants": dict(h.variants)} for h in found]})

    def applications(self) -> Response:
        """All applications seen within three months, by name."""
        grouped: dict[str, list[Application]] = {}
        for item in self._usage.applications():
            grouped.setdefault(item.app, []).append(item)
        return answer({"total": len(grouped), "applications": [
            _application(items) | {"usage": [{"project": "*", "environments": [i.environment for i in items]}]}
            for items in grouped.values()]})

    def application(self, app: str) -> Response:
        """One application with its flags and the instances of the last hour."""
        items = self._found(app)
        flags = [name for name, _ in self._usage.features_of(app)]
        return answer(_application(items) | {
            "seenToggles": [{"name": name, "notFound": False} for name in dict.fromkeys(flags)],
            "instances": self._instances(items), "links": {"self": f"/api/applications/{app}"}})

    def overview(self, app: str) -> Response:
        """One application by environment: how many instances, on which SDKs, lately seen when."""
        items, flags = self._found(app), self._usage.features_of(app)
        instances = self._instances(items)
        return answer({
            "projects": sorted({project for name, _ in flags for project in self._projects(name)}),
            "featureCount": len({name for name, _ in flags}),
            "environments": [_place(item, [i for i in instances if i["environment"] == item.environment])
                             for item in items],
            "issues": {"missingStrategies": []}})

    def _hours(self, feature: str, back: int) -> list[Hour]:
        first = (now() - timedelta(hours=back)).replace(minute=0, second=0, microsecond=0)
        return self._usage.hours(feature, first)

    def _found(self, app: str) -> list[Application]:
        items = self._usage.applications(app)
        if not items:
            raise NotFound(Problem("appName", msg("there is no application {name}", name=app)))
        return items

    def _instances(self, items: Iterable[Application]) -> list[dict[str, Any]]:
        return [{"instanceId": t.who.instance, "appName": t.who.app, "environment": t.who.environment,
                 "sdkVersion": t.sdk, "clientIp": "", "createdAt": moment(t.first_seen),
                 "lastSeen": moment(t.last_seen)}
                for item in items for t in self._wire.arrivals.instances(item.environment) if t.who.app == item.app]

    def _projects(self, feature: str) -> list[str]:
        try:
            return [self._wire.flags.feature(feature).project]
        except NotFound:
            return []  # a service may count a flag that nobody made


def _sum(environment: str, hour: datetime, found: list[Hour]) -> dict[str, Any]:
    same = [h for h in found if (h.environment, h.hour) == (environment, hour)]
    return {"environment": environment, "timestamp": moment(hour), "yes": sum(h.yes for h in same),
            "no": sum(h.no for h in same)}


def _application(items: list[Application]) -> dict[str, Any]:
    strategies = sorted({name for item in items for name in item.strategies})
    return {"appName": items[0].app, "createdAt": moment(min(i.first_seen for i in items)),
            "updatedAt": moment(max(i.last_seen for i in items)), "description": "", "strategies": strategies,
            "url": "", "color": "", "icon": ""}


def _place(item: Application, instances: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": item.environment, "instanceCount": len({i["instanceId"] for i in instances}),
            "sdks": sorted({i["sdkVersion"] for i in instances if i["sdkVersion"]} or {item.sdk} - {""}),
            "lastSeen": moment(item.last_seen), "issues": {"missingFeatures": [], "outdatedSdks": []}}
