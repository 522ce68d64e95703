"""What comes in from SDKs, backend ones and browsers: that they started, and what they counted."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, g, request

from eastwind.arrivals import Instance
from eastwind.clock import now
from eastwind.people import Token
from eastwind.web.unleash.body import read_bytes
from eastwind.web.unleash.plain import Plain
from eastwind.web.unleash.reports import (
    Bulk,
    Metrics,
    Registration,
    asker,
    aware,
    began,
    behind_edge,
    measured,
    read,
    sdk,
)
from eastwind.web.unleash.wire import Wire

PROTOCOL = "8.1.0"  # the Unleash release whose wire this is
Environ = Mapping[str, Any]


class Intake:
    """Takes reports. Every method raises `Invalid` for a bad body, `Busy` or `Unavailable` if it must come again."""

    def __init__(self, wire: Wire, accepted: str) -> None:
        """`accepted` is the status line of the answer."""
        self._wire = wire
        self._accepted = Plain(accepted, [("Content-Length", "0")])
        self._registered = Plain(accepted, [("Content-Length", "0"), ("X-Unleash-Version", PROTOCOL)])

    def register(self, token: Token, raw: bytes, environ: Environ) -> Plain:
        """An SDK started."""
        report = read(Registration, raw)
        self._started(token, report, asker(environ, token, report), sdk(environ, report))
        return self._registered

    def metrics(self, token: Token, raw: bytes, environ: Environ) -> Plain:
        """An SDK counted. Series are durable when this returns, counts of flags within a second."""
        report, usage = read(Metrics, raw), self._wire.usage
        if report.impact_metrics:  # first, for it may be refused, and then nothing must have been counted
            usage.measured(token.environment, report.app_name, measured(report.impact_metrics))
        self._wire.tally.add("reports")
        name = sdk(environ, report)
        if token.type == "backend":
            usage.registered(token.environment, report.app_name, name)
        if report.bucket is not None:
            began_at = began(report.bucket, now())
            usage.counted(token.environment, report.app_name, began_at, report.bucket.toggles)
            who = asker(environ, token, report) if token.type == "backend" else None
            if who is not None:
                self._wire.arrivals.metrics(who, began_at, report.bucket.toggles, name)
        return self._accepted

    def bulk(self, token: Token, raw: bytes, environ: Environ) -> Plain:
        """Edge passes on what its clients reported; what is of another environment is dropped."""
        report, usage = read(Bulk, raw), self._wire.usage
        if report.impact_metrics:
            usage.measured(token.environment, "edge", measured(report.impact_metrics))
        for application in report.applications:
            if application.environment in (None, "", token.environment):
                self._started(token, application, behind_edge(token, application), sdk(environ, application))
        for item in report.metrics:
            if item.environment == token.environment:
                usage.counted(token.environment, item.app_name, aware(item.timestamp), {item.feature_name: item})
        return self._accepted

    def _started(self, token: Token, report: Registration, who: Instance | None, name: str) -> None:
        if token.type == "backend":  # browsers come and go by the thousand
            self._wire.usage.registered(token.environment, report.app_name, name, report.strategies)
            if who is not None:
                self._wire.arrivals.registered(who, name)


def view(wire: Wire, take: Callable[[Token, bytes, Environ], Plain]) -> Callable[[], Response]:
    """A method of `Intake` as Flask's view."""
    def answer() -> Response:
        return take(g.token, read_bytes(wire.largest_body), request.environ).response()

    return answer

