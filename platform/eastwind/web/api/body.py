"""From the bytes of a request to JSON, strictly: what two readers could read differently is not read at all."""

import json
import math
import re
from typing import Any

from flask import current_app, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from eastwind.errors import Invalid, Problem, TooLarge, WrongType, msg

DEEPEST = 16
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")


def read_object() -> dict[str, Any]:
    """The request's body, which must be one JSON object in UTF-8.

    Raises `WrongType`, `TooLarge`, or `Invalid`: not UTF-8, not JSON, NaN or Infinity, a name given twice, nested
    more than 16 deep, not an object.
    """
    if not request.is_json:
        raise WrongType(Problem("Content-Type", msg("must be application/json, not {type}",
                                                    type=request.mimetype[:100] or "nothing")))
    try:
        return parse_object(_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise _wrong("is not UTF-8 text") from None


def parse_object(text: str) -> dict[str, Any]:
    """`text` as a JSON object; see `read_object`."""
    if _depth(text) > DEEPEST:
        raise Invalid(Problem("body", msg("must not be nested more than {most} deep", most=DEEPEST)))
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _wrong("is not valid JSON") from None
    if not isinstance(found, dict):
        raise _wrong("must be a JSON object")
    return found


def _bytes() -> bytes:
    most = current_app.config["MAX_CONTENT_LENGTH"]
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(Problem("body", msg("must have at most {kb} kB", kb=most // 1024))) from None
    except ClientDisconnected:
        raise _wrong("did not arrive whole") from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_constant(constant: str) -> float:
    raise Invalid(Problem("body", msg("{constant} is not a number in JSON", constant=constant)))


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        _no_constant(literal[:40])
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(Problem(name[:100], msg("is given twice")))
        found[name] = value
    return found


def _wrong(template: str) -> Invalid:
    return Invalid(Problem("body", msg(template)))
