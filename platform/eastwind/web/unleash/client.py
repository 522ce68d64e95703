"""`/api/client`: what backend SDKs and Edge ask for and report."""

from flask import Blueprint, Response, g, request

from eastwind.arrivals import Instance
from eastwind.clock import now
from eastwind.errors import NotFound, Problem, msg
from eastwind.people import Token
from eastwind.validation import checked
from eastwind.web.unleash.answers import answer, empty, errors_of, nowhere
from eastwind.web.unleash.auth import authenticate, bare
from eastwind.web.unleash.body import expect_json, read_object
from eastwind.web.unleash.history import History, events
from eastwind.web.unleash.payload import Scope, inlined, scope_of
from eastwind.web.unleash.polls import Polls
from eastwind.web.unleash.reports import Bulk, Metrics, Registration, asker, behind_edge, counted, sdk
from eastwind.web.unleash.streaming import Streams
from eastwind.web.unleash.wire import Wire, route

PROTOCOL = "8.1.0"  # the Unleash release whose wire this is


def blueprint(wire: Wire) -> Blueprint:
    """All routes below `/api/client`."""
    made = Blueprint("unleash_client", __name__)
    errors_of(made)

    @made.before_request
    def _enter() -> None:
        authenticate(wire.keyring, "backend")
        expect_json()

    history = History(wire.publisher)
    reads = _Reads(wire, history, Streams(wire, history))
    route(made, "GET /api/client/features", reads.features)
    route(made, "GET /api/client/features/<name>", reads.feature)
    route(made, "GET /api/client/delta", reads.delta)
    route(made, "GET /api/client/streaming", reads.streaming)
    reports = Reports(wire, accepted=202)
    route(made, "POST /api/client/register", reports.register)
    route(made, "POST /api/client/metrics", reports.metrics)
    route(made, "POST /api/client/metrics/bulk", reports.bulk)
    made.add_url_rule("/api/client/<path:rest>", endpoint="nowhere", view_func=nowhere,
                      methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return made


class _Reads:
    """What goes out to SDKs."""

    def __init__(self, wire: Wire, history: History, streams: Streams) -> None:
        self._wire, self._polls, self._history, self._streams = wire, Polls(wire), history, streams

    def features(self) -> Response:
        """All flags of the scope, or 304 if the asker has them."""
        token: Token = g.token
        status, headers, body = self._polls.answer(scope_of(token), asker(request.environ, token), request.environ)
        return empty(304) if status.startswith("304") else Response(body, 200, headers)

    def feature(self, name: str) -> Response:
        """One flag."""
        scope = scope_of(g.token)
        snapshot = self._wire.publisher.current(scope.environment)
        found = [f for f in snapshot.features if f["name"] == name and scope.admits(f)]
        if not found:
            raise NotFound(Problem("feature", msg("there is no feature {name}", name=name)))
        return answer((found if scope.apart else inlined(found, {s["id"]: s for s in snapshot.segments}))[0])

    def delta(self) -> Response:
        """What changed since the revision that the asker names, or everything."""
        token: Token = g.token
        scope = Scope(token.environment, token.projects)
        held = request.headers.get("If-None-Match", "").removeprefix("W/").strip('"')
        before, newest = self._history.now(
            scope.environment, int(held) if held.isascii() and held.isdigit() and len(held) < 19 else None)
        if before is newest:
            return empty(304)
        content = [event for message in events(scope.covers, before, newest) for event in message]
        return answer({"events": content}, headers={"ETag": f'"{newest.revision}"'})

    def streaming(self) -> Response:
        """A stream of changes."""
        token: Token = g.token
        secret = bare(request.headers["Authorization"])
        return self._streams.open(token, secret, asker(request.environ, token), sdk(request.environ))


class Reports:
    """What comes in from SDKs, backend ones and browsers."""

    def __init__(self, wire: Wire, accepted: int) -> None:
        self._wire, self._accepted = wire, accepted

    def register(self) -> Response:
        """An SDK started."""
        report = checked(Registration, read_object(self._wire.largest_body))
        self._started(report, asker(request.environ, g.token, report))
        return empty(self._accepted, {"X-Unleash-Version": PROTOCOL})

    def metrics(self) -> Response:
        """An SDK counted."""
        report = checked(Metrics, read_object(self._wire.largest_body))
        who = asker(request.environ, g.token, report)
        if who is not None and report.bucket is not None and g.token.type == "backend":
            self._wire.arrivals.metrics(who, counted(report.bucket, now()), sdk(request.environ, report))
        return empty(self._accepted)

    def bulk(self) -> Response:
        """Edge passes on what its clients reported; what is of another environment is dropped."""
        report = checked(Bulk, read_object(self._wire.largest_body))
        for application in report.applications:
            self._started(application, behind_edge(g.token, application))
        return empty(self._accepted)

    def _started(self, report: Registration, who: Instance | None) -> None:
        if who is not None and g.token.type == "backend":  # browsers come and go by the thousand
            self._wire.arrivals.registered(who, sdk(request.environ, report))
