"""Reading a request's JSON: bounded in bytes and depth, and only what every engine and database can hold."""

import json
import math
import zlib
from typing import Any

from flask import request

from eastwind.errors import Invalid, Message, NotFound, Problem, TooLarge, WrongType, msg

_DEEPEST = 32
_CHUNK = 64 * 1024


def expect_json() -> None:
    """Refuse a body of another type. A request without a body need not say its type.

    An address with a zero character is nothing's: PostgreSQL would not even look for it.
    """
    if "\0" in request.path:
        raise NotFound(Problem("", msg("there is nothing at this address")))
    if request.method not in ("POST", "PUT", "PATCH") or not _has_body():
        return
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise WrongType(Problem("Content-Type", msg("must be application/json")))


def read_json(most: int) -> Any:
    """The body's JSON. At most `most` bytes, unpacked as well as packed, and 32 levels deep.

    Raises `TooLarge`, `WrongType` for an unknown packing, `Invalid` for what is not JSON, NaN and infinite numbers,
    zero characters and half surrogates: stored once, they would break every reader.
    """
    return parsed(read_bytes(most))


def read_bytes(most: int) -> bytes:
    """The body, unpacked: at most `most` bytes, as they came and after."""
    return _unpacked(_bounded(most), most)


def parsed(raw: bytes) -> Any:
    """Its JSON, as `read_json` checks it."""
    try:
        data = json.loads(raw, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise _invalid(msg("is nested too deeply")) from None
    except ValueError as error:
        raise Invalid(Problem("", msg("is not valid JSON: {detail}", detail=str(error)[:200]))) from None
    _check(data, escapes=b"\\u" in raw)
    return data


def read_object(most: int) -> dict[str, Any]:
    """The body's JSON, which must be an object."""
    return object_in(read_bytes(most))


def object_in(raw: bytes) -> dict[str, Any]:
    """The JSON of a body, which must be an object."""
    data = parsed(raw)
    if not isinstance(data, dict):
        raise _invalid(msg("must be a JSON object"))
    return data


def _has_body() -> bool:
    return bool(request.content_length) or "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def _bounded(most: int) -> bytes:
    if (request.content_length or 0) > most:
        raise _too_large(most)
    raw = request.stream.read(most + 1)
    if len(raw) > most:
        raise _too_large(most)
    return raw


def _unpacked(raw: bytes, most: int) -> bytes:
    packing = request.headers.get("Content-Encoding", "identity").lower()
    if packing == "identity":
        return raw
    if packing != "gzip":
        raise WrongType(Problem("Content-Encoding", msg("must be gzip or identity")))
    machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = machine.decompress(raw, most + 1)
    except zlib.error:
        raise _invalid(msg("is not valid gzip")) from None
    if len(data) > most:
        raise _too_large(most)
    if not machine.eof:
        raise _invalid(msg("is not valid gzip"))
    return data


def _check(data: Any, escapes: bool) -> None:
    """Walk without recursion. Texts need a look only where escapes could hide what UTF-8 itself does not carry."""
    level = [data]
    for _ in range(_DEEPEST + 1):
        if escapes:
            for item in level:
                _check_texts(item)
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise _invalid(msg("is nested too deeply"))


def _children(item: Any) -> Any:
    if isinstance(item, dict):
        return [v for v in item.values() if isinstance(v, dict | list | str)]
    return [v for v in item if isinstance(v, dict | list | str)] if isinstance(item, list) else ()


def _check_texts(item: Any) -> None:
    for text in item if isinstance(item, dict) else [item]:
        if isinstance(text, str) and ("\0" in text or any("\ud800" <= c <= "\udfff" for c in text)):
            raise _invalid(msg("holds a character that cannot be stored"))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def _invalid(reason: Message) -> Invalid:
    return Invalid(Problem("", reason))


def _too_large(most: int) -> TooLarge:
    return TooLarge(Problem("", msg("the body may have at most {most} bytes", most=most)))
