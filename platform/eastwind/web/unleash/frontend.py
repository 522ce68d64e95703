"""`/api/frontend`: for browsers and phones, which hear what is on for them and nothing else."""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, request

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags import Evaluator
from eastwind.flags.evaluate import context_for_engine
from eastwind.people import Token
from eastwind.web.unleash.answers import answer, empty, errors_of, nowhere
from eastwind.web.unleash.auth import authenticate
from eastwind.web.unleash.body import expect_json, read_object
from eastwind.web.unleash.client import Reports
from eastwind.web.unleash.wire import Wire, route

_PROPERTY = re.compile(r"properties\[(.{1,100})\]", re.DOTALL)
_CORS = {
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
        response.headers.update(_CORS)
        return response

    views = _Views(wire)
    route(made, "GET /api/frontend", views.by_query)
    route(made, "POST /api/frontend", views.by_body)
    reports = Reports(wire, accepted=200)
    route(made, "POST /api/frontend/client/metrics", reports.metrics)
    route(made, "POST /api/frontend/client/register", reports.register)
    for path in ("client/features", "health", "internal-backstage/prometheus"):
        route(made, f"GET /api/frontend/{path}", _not_here)
    made.add_url_rule("/api/frontend/<path:rest>", endpoint="nowhere", view_func=nowhere,
                      methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return made


class _Views:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        # The engine is native and lets go of the interpreter at each call. Threads that take turns at every flag are
        # three times slower together than one after the other.
        self._evaluating = threading.Lock()

    def by_query(self) -> Response:
        """What is on for the context in the query; a key that is not Unleash's is a property."""
        context: dict[str, Any] = {"properties": {}}
        for key, value in request.args.items():
            found = _PROPERTY.fullmatch(key)
            if found:
                context["properties"][found[1]] = value
            elif key != "properties":
                context[key] = value
        return self._toggles(context)

    def by_body(self) -> Response:
        """What is on for the context in the body."""
        context = read_object(self._wire.largest_body).get("context", {})
        if not isinstance(context, dict) or not isinstance(context.get("properties", {}), dict):
            raise Invalid(Problem("context", msg("must be an object, and so its properties")))
        return self._toggles(context)

    def _toggles(self, given: Mapping[str, Any]) -> Response:
        token: Token = g.token
        context = context_for_engine({
            "sessionId": secrets.token_hex(8), "remoteAddress": request.remote_addr,
            **{k: v for k, v in given.items() if v is not None}, "environment": token.environment})
        with self._evaluating:
            found = toggles(self._wire.evaluator, token, context)
        body = json.dumps({"toggles": found}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        etag = f'W/"{len(body):x}-{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if etag.removeprefix("W/") in request.headers.get("If-None-Match", ""):
            return empty(304, headers)
        return Response(body, 200, headers, content_type="application/json; charset=utf-8")


def toggles(evaluator: Evaluator, token: Token, context: dict[str, Any]) -> list[dict[str, Any]]:
    """The flags within the token's projects that are on for this context. Names of others are never told."""
    loaded = evaluator.at(token.environment)
    found = []
    for feature in loaded.snapshot.features:
        if feature["enabled"] and token.covers(feature["project"]):
            variant = loaded.engine.check_variant(feature["name"], context).variant
            if variant.feature_enabled:
                found.append({"name": feature["name"], "enabled": True, "variant": _variant(variant),
                              "impressionData": feature["impressionData"]})
    return found


def _variant(variant: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": variant.name, "enabled": variant.enabled}
    return shown | ({"payload": variant.payload} if variant.payload else {}) | {"feature_enabled": True}


def _not_here() -> Response:
    return answer({"id": "", "name": "NotImplementedError", "message": "not served to browsers",
                   "details": [{"message": "not served to browsers"}]}, 405)
