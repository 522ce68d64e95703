"""The two hot reads, full poll and 304, in a thin layer in front of Flask: they outnumber all else by far.

It answers only what it can answer with a few look-ups; whatever is unusual about a request goes on to Flask, whose view
answers the same way. So nothing is decided here that is not decided there.
"""

from collections.abc import Callable, Iterable
from typing import Any

from eastwind.arrivals import Instance
from eastwind.errors import EastwindError
from eastwind.web.unleash.auth import bare, said
from eastwind.web.unleash.payload import Scope, reads_segments
from eastwind.web.unleash.reports import asker
from eastwind.web.unleash.wire import Wire

Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
_COMMON = [("Content-Type", "application/json; charset=utf-8"), ("Vary", "Accept-Encoding"),
           ("X-Content-Type-Options", "nosniff")]
Answer = tuple[str, list[tuple[str, str]], bytes]
_SAME: Answer = ("304 Not Modified", [], b"")


class Polls:
    """Answers polls of a scope, and notes who asked."""

    def __init__(self, wire: Wire) -> None:
        self._arrivals, self._payloads = wire.arrivals, wire.payloads

    def answer(self, scope: Scope, who: Instance | None, environ: Environ) -> Answer:
        """Status, headers and body. Raises `NotFound` for an unknown environment."""
        payload = self._payloads.of(scope)
        etag: str = environ.get("HTTP_IF_NONE_MATCH", "")
        if who is not None:
            self._arrivals.polled(who, payload.held(etag) if etag else None, said(environ, "UNLEASH_SDK"))
        if etag and etag.removeprefix("W/") == payload.etag:
            return _SAME
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body, packing = payload.zipped, [("Content-Encoding", "gzip")]
        else:
            body, packing = payload.body, []
        return "200 OK", [*_COMMON, *packing, ("ETag", payload.etag), ("Content-Length", str(len(body)))], body


def in_front(behind: Wsgi, wire: Wire) -> Wsgi:
    """A WSGI application that answers plain polls itself and leaves the rest to the one behind it."""
    return _InFront(behind, wire)


class _InFront:
    def __init__(self, behind: Wsgi, wire: Wire) -> None:
        self._behind, self._keyring, self._polls = behind, wire.keyring, Polls(wire)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        plain = (environ["PATH_INFO"] == "/api/client/features" and environ["REQUEST_METHOD"] == "GET"
                 and not environ.get("QUERY_STRING"))
        answered = self._answered(environ) if plain else None
        if answered is None:
            return self._behind(environ, start_response)
        status, headers, body = answered
        start_response(status, headers)
        return (body,)

    def _answered(self, environ: Environ) -> Answer | None:
        try:
            token = self._keyring.token(bare(environ.get("HTTP_AUTHORIZATION", "")))
            if token is None or token.type != "backend":
                return None
            scope = Scope(token.environment, token.projects, apart=reads_segments(environ))
            return self._polls.answer(scope, asker(environ, token), environ)
        except EastwindError:
            return None
