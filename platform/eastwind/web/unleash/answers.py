"""Answers in Unleash's shape: JSON, and errors as `{id, name, message, details: [{message}]}`."""

import json
import logging
import random
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from eastwind.errors import EastwindError, NotFound, Problem, msg

log = logging.getLogger(__name__)
_NAMES = {
    400: "BadDataError", 401: "AuthenticationRequired", 403: "NoAccessError", 404: "NotFoundError",
    405: "NotImplementedError", 409: "ConflictError", 413: "ContentTooLargeError", 415: "ContentTypeError",
    429: "RateLimitError", 503: "UnavailableError",
}


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(body.encode("utf-8"), status, headers, content_type="application/json; charset=utf-8")


def empty(status: int, headers: dict[str, str] | None = None) -> Response:
    """No body, and so no type of one."""
    response = Response(b"", status, headers)
    response.headers.pop("Content-Type", None)
    return response


def errors_of(blueprint: Blueprint) -> None:
    """Answer what goes wrong under `blueprint`, surprises included, in Unleash's shape."""
    blueprint.register_error_handler(EastwindError, _known)
    blueprint.register_error_handler(HTTPException, _http)
    blueprint.register_error_handler(Exception, _surprise)


def nowhere(**_path: str) -> Response:
    """For every path below ours that there is nothing at."""
    raise NotFound(Problem("", msg("there is nothing at this address")))


def _known(error: EastwindError) -> Response:
    said = [_said(problem) for problem in error.problems] or [str(error.title)]
    return _failure(error.status, error.code, "; ".join(said), said)


def _http(error: HTTPException) -> Response:
    said = error.description or error.name
    return _failure(error.code or 500, "http", said, [said])


def _surprise(error: Exception) -> Response:
    said = "something went wrong; it was logged, and nothing was half done"
    response = _failure(500, "error", said, [said])
    log.exception("unexpected error at %s %s", request.method, request.path, exc_info=error)
    return response


def _failure(status: int, code: str, message: str, details: list[str]) -> Response:
    if status in (401, 403) and request.path.startswith(("/api/client", "/api/frontend")):
        return answer({"message": message}, status)
    # Told to come back, everybody comes back at another time.
    headers = {"Retry-After": str(random.randint(1, 30))} if status in (429, 503) else None  # noqa: S311
    name = "ReadinessRefusedError" if code == "refused" else _NAMES.get(status, "InternalError")
    return answer({"id": str(uuid4()), "name": name, "message": message,
                   "details": [{"message": text} for text in details]}, status, headers)


def _said(problem: Problem) -> str:
    return f"{problem.field}: {problem.reason}" if problem.field else str(problem.reason)
