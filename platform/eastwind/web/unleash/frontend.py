"""`/api/frontend`: for browsers and phones, which hear what is on for them and nothing else."""

from flask import Blueprint, Response, g, request

from eastwind.web.unleash.answers import answer, empty, errors_of, nowhere
from eastwind.web.unleash.auth import authenticate
from eastwind.web.unleash.body import expect_json, read_object
from eastwind.web.unleash.intake import Intake, view
from eastwind.web.unleash.toggles import Toggles, context_in_body, context_in_query
from eastwind.web.unleash.wire import Wire, route

CORS = {
    "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag", "Vary": "Origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400",
    "Access-Control-Allow-Headers": "accept, authorization, content-type, if-none-match, unleash-appname, "
                                    "unleash-connection-id, unleash-instanceid, unleash-sdk",
}


def blueprint(wire: Wire) -> Blueprint:
    """All routes below `/api/frontend`."""
    made = Blueprint("unleash_frontend", __name__)
    errors_of(made)

    @made.before_request
    def _enter() -> Response | None:
        if request.method == "OPTIONS":
            return empty(204, _PREFLIGHT)
        authenticate(wire.keyring, "frontend")
        expect_json()
        return None

    @made.after_request
    def _open_to_browsers(response: Response) -> Response:
        response.headers.update(CORS)
        return response

    views = _Views(wire)
    route(made, "GET /api/frontend", views.by_query)
    route(made, "POST /api/frontend", views.by_body)
    intake = Intake(wire, "200 OK")
    route(made, "POST /api/frontend/client/metrics", view(wire, intake.metrics))
    route(made, "POST /api/frontend/client/register", view(wire, intake.register))
    for path in ("client/features", "health", "internal-backstage/prometheus"):
        route(made, f"GET /api/frontend/{path}", _not_here)
    made.add_url_rule("/api/frontend/<path:rest>", endpoint="nowhere", view_func=nowhere,
                      methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return made


class _Views:
    def __init__(self, wire: Wire) -> None:
        self._most, self._toggles = wire.largest_body, Toggles(wire.evaluator)

    def by_query(self) -> Response:
        """What is on for the context in the query."""
        found = self._toggles.answer(g.token, context_in_query(request.environ.get("QUERY_STRING", "")),
                                     request.environ)
        return found.response()

    def by_body(self) -> Response:
        """What is on for the context in the body."""
        found = self._toggles.answer(g.token, context_in_body(read_object(self._most)), request.environ)
        return found.response()


def _not_here() -> Response:
    return answer({"id": "", "name": "NotImplementedError", "message": "not served to browsers",
                   "details": [{"message": "not served to browsers"}]}, 405)
