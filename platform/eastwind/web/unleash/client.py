"""`/api/client`: what backend SDKs and Edge ask for and report."""

from flask import Blueprint, Response, g, request

from eastwind.errors import NotFound, Problem, msg
from eastwind.people import Token
from eastwind.web.unleash.answers import answer, empty, errors_of, nowhere
from eastwind.web.unleash.auth import authenticate, bare
from eastwind.web.unleash.body import expect_json
from eastwind.web.unleash.history import History, events
from eastwind.web.unleash.intake import Intake, view
from eastwind.web.unleash.payload import Scope, inlined, scope_of
from eastwind.web.unleash.polls import Polls
from eastwind.web.unleash.reports import asker, sdk
from eastwind.web.unleash.streaming import Streams
from eastwind.web.unleash.wire import Wire, route


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
    intake = Intake(wire, "202 Accepted")
    route(made, "POST /api/client/register", view(wire, intake.register))
    route(made, "POST /api/client/metrics", view(wire, intake.metrics))
    route(made, "POST /api/client/metrics/bulk", view(wire, intake.bulk))
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
        return self._polls.answer(scope_of(token), asker(request.environ, token), request.environ).response()

    def feature(self, name: str) -> Response:
        """One flag."""
        scope = scope_of(g.token)
        snapshot = self._wire.publisher.current(scope.environment)
        found = [f for f in snapshot.features if f["name"] == name and scope.admits(f, snapshot.tags)]
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

