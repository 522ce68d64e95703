"""`/health`, `/ready` and `/edge/validate`: for those who look after servers."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import EastwindError, Invalid, Problem, msg
from eastwind.people import Token
from eastwind.web.unleash.answers import answer, errors_of
from eastwind.web.unleash.body import expect_json, read_object
from eastwind.web.unleash.wire import Wire, route

_MOST_TOKENS = 100


def blueprint(wire: Wire) -> Blueprint:
    """Routes that need no token."""
    made = Blueprint("unleash_health", __name__)
    errors_of(made)
    made.before_request(expect_json)
    views = _Views(wire)
    route(made, "GET /health", views.health)
    route(made, "GET /ready", views.ready)
    route(made, "POST /edge/validate", views.validate)
    return made


class _Views:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def health(self) -> Response:
        """Whether the process lives, which an answer proves, and what it thinks of its storage."""
        try:
            storage = self._wire.db.verdict()
        except EastwindError as error:
            storage = {"sound": False, "why": str(error)}
        return answer({"health": "GOOD", "storage": storage})

    def ready(self) -> Response:
        """200 if flags can be served and written; 503 with the reason if not."""
        try:
            for environment in self._wire.flags.environments():
                if environment.enabled:
                    self._wire.publisher.current(environment.name)
        except EastwindError as error:
            return answer({"health": "BAD", "reason": str(error)}, 503, {"Retry-After": "5"})
        return answer({"health": "GOOD"})

    def validate(self) -> Response:
        """Which of these tokens are good, and for what. Edge asks before it serves anybody."""
        asked = read_object(self._wire.largest_body).get("tokens")
        if not isinstance(asked, list) or len(asked) > _MOST_TOKENS or not all(isinstance(t, str) for t in asked):
            raise Invalid(Problem("tokens", msg("must be a list of at most {most} texts", most=_MOST_TOKENS)))
        found = ((secret, self._wire.keyring.token(secret)) for secret in asked)
        return answer({"tokens": [_shown(secret, token) for secret, token in found if token is not None]})


def _shown(secret: str, token: Token) -> dict[str, Any]:
    # Edge knows the older name of the type, in every release.
    kind = "client" if token.type == "backend" else token.type
    return {"token": secret, "type": kind, "projects": list(token.projects), "environment": token.environment}
