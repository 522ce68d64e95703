"""Errors as answers: a page for people, `application/problem+json` for programs. Never a traceback."""

import logging
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from eastwind.errors import EastwindError, Message, Problem, msg
from eastwind.web.language import say

log = logging.getLogger(__name__)
_RETRY_AFTER = {429: "5", 503: "5"}
_HTTP_TITLES = {
    400: msg("The request is not valid"), 403: msg("You may not do this"), 404: msg("Not found"),
    405: msg("This cannot be done here"), 413: msg("Too large"), 415: msg("Wrong content type"),
}


def init(app: Flask) -> None:
    """Answer every error of ours, of the web library's, and every surprise."""
    app.register_error_handler(EastwindError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _surprise)


def body(title: Message, status: int, code: str, problems: tuple[Problem, ...]) -> dict[str, Any]:
    """The problem body: `{"type", "title", "status", "problems": [{"field", "reason"}]}`."""
    return {"type": f"urn:eastwind:{code}", "title": say(title), "status": status,
            "problems": [{"field": p.field, "reason": say(p.reason)} for p in problems]}


def _known(error: EastwindError) -> Response:
    return answer(error.title, error.status, error.code, error.problems)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    title = _HTTP_TITLES.get(status, msg("Something went wrong"))
    found = answer(title, status, "http", (Problem("", msg("{detail}", detail=error.description or "")),))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            found.headers[name] = value
    return found


def _surprise(error: Exception) -> Response:
    log.exception("unexpected error at %s %s", request.method, request.path, exc_info=error)
    return answer(EastwindError.title, 500, "error", (Problem("", msg("it was logged, and nothing was half done")),))


def answer(title: Message, status: int, code: str, problems: tuple[Problem, ...]) -> Response:
    """The problem in the form that the asker reads."""
    content = body(title, status, code, problems)
    if wants_json():
        response = jsonify(content)
        response.mimetype = "application/problem+json"
    else:
        response = Response(render_template("problem.html", problem=content), mimetype="text/html")
    response.status_code = status
    if status in _RETRY_AFTER:
        response.headers["Retry-After"] = _RETRY_AFTER[status]
    return response


def wants_json() -> bool:
    """Whether the asker is a program: an API path, or one that prefers JSON to HTML."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"])
    return request.path.startswith("/api/") or best != "text/html"
