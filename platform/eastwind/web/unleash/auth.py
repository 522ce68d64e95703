"""Tokens on the wire: who asks, and for which environment and projects."""

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask import g, request

from eastwind.audit import Actor
from eastwind.clock import Clock, now
from eastwind.errors import Forbidden, Problem, Unauthenticated, Unavailable, msg
from eastwind.people import People, Token

Family = Literal["backend", "frontend", "admin"]
_FRESH = 1.0  # seconds for which a look-up is believed
_PATIENCE = 0.3  # seconds to wait for somebody else's look-up of the same token
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token | None
    at: float


class Keyring:
    """Tokens by their secret, believed for a second, so that polls do not each ask the database.

    While the database is away, a token that was good stays good: an SDK that hears 401 stops asking for ever.
    """

    def __init__(self, people: People, clock: Clock = now) -> None:
        self._people, self._clock = people, clock
        self._held: dict[bytes, _Held] = {}
        self._asked: set[bytes] = set()
        self._answered = threading.Condition()

    def token(self, secret: str) -> Token | None:
        """The live token with this secret. Raises `Unavailable` for one never seen while the database is away."""
        key = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        held = self._held.get(key)
        if held is None or time.monotonic() - held.at > _FRESH:
            held = self._look_up(key, secret, held)
        token = held.token
        return token if token is not None and not token.expired(self._clock()) else None

    def _look_up(self, key: bytes, secret: str, held: _Held | None) -> _Held:
        with self._answered:
            if held is not None and key in self._asked:  # one asks for all, and a database that hangs holds up one
                self._answered.wait_for(lambda: key not in self._asked, _PATIENCE)
                return self._held.get(key, held)
            self._asked.add(key)
        try:
            found = self._ask(secret, held)
            if len(self._held) >= _MOST:
                self._held.clear()
            self._held[key] = found
        finally:
            with self._answered:
                self._asked.discard(key)
                self._answered.notify_all()
        return found

    def _ask(self, secret: str, held: _Held | None) -> _Held:
        try:
            return _Held(self._people.token(secret), time.monotonic())
        except Unavailable:
            if held is None or held.token is None:
                raise
            return _Held(held.token, time.monotonic())


def bare(authorization: str) -> str:
    """The token in an Authorization header, bare or after `Bearer`; "" if there is none."""
    text = as_text(authorization).strip()
    return text[7:].strip() if text[:7].lower() == "bearer " else text


def said(environ: Mapping[str, Any], name: str) -> str:
    """A request header (`UNLEASH_SDK`) as UTF-8, "" if absent."""
    return as_text(environ.get(f"HTTP_{name}", ""))


def as_text(value: str) -> str:
    """A header's value: WSGI hands bytes over as Latin-1, and clients mean UTF-8."""
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def authenticate(keyring: Keyring, family: Family) -> Token:
    """The request's token, kept in `g.token`. `Unauthenticated` without a live one, `Forbidden` for another family."""
    secret = bare(request.headers.get("Authorization", ""))
    if not secret:
        raise Unauthenticated(Problem("Authorization", msg("a token is missing")))
    token = keyring.token(secret)
    if token is None and secret.startswith("user:"):
        raise Forbidden(Problem("Authorization", msg("personal tokens are not accepted here")))
    if token is None:
        raise Unauthenticated(Problem("Authorization", msg("the token is unknown, revoked or expired")))
    if token.type != family:
        raise Forbidden(Problem("Authorization", msg("this needs a token of type {type}", type=family)))
    g.token = token
    return token


def actor() -> Actor:
    """Who acts, for the audit trail: the request's token."""
    token: Token = g.token
    return token.actor
