"""The hot calls in a thin layer in front of Flask: polls, reports and what browsers ask outnumber all else by far.

It answers only what it can answer with a few look-ups; whatever is unusual about a request, and all that goes wrong,
goes on to Flask, whose view answers the same way by the same means. So nothing is decided here that is not decided
there.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

from eastwind.arrivals import Instance
from eastwind.errors import EastwindError
from eastwind.people import Token
from eastwind.web.unleash.auth import bare, said
from eastwind.web.unleash.body import object_in
from eastwind.web.unleash.frontend import CORS
from eastwind.web.unleash.intake import Intake
from eastwind.web.unleash.payload import Scope, reads_segments
from eastwind.web.unleash.plain import Plain
from eastwind.web.unleash.reports import asker
from eastwind.web.unleash.toggles import Toggles, context_in_body, context_in_query
from eastwind.web.unleash.wire import Wire

Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
Take = Callable[[Token, bytes, Environ], Plain]
Hot = Callable[[Environ], Plain | None]
_COMMON = [("Content-Type", "application/json; charset=utf-8"), ("Vary", "Accept-Encoding"),
           ("X-Content-Type-Options", "nosniff")]
_SAME = Plain("304 Not Modified", [])
_TO_BROWSERS = list(CORS.items())


class Polls:
    """Answers polls of a scope, and notes who asked."""

    def __init__(self, wire: Wire) -> None:
        self._arrivals, self._payloads, self._tally = wire.arrivals, wire.payloads, wire.tally

    def answer(self, scope: Scope, who: Instance | None, environ: Environ) -> Plain:
        """All flags of the scope, or 304 if the asker has them. Raises `NotFound` for an unknown environment."""
        payload = self._payloads.of(scope)
        etag: str = environ.get("HTTP_IF_NONE_MATCH", "")
        if who is not None:
            self._arrivals.polled(who, payload.held(etag) if etag else None, said(environ, "UNLEASH_SDK"))
        if etag and etag.removeprefix("W/") == payload.etag:
            self._tally.add("polls 304")
            return _SAME
        self._tally.add("polls 200")
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body, packing = payload.zipped, [("Content-Encoding", "gzip")]
        else:
            body, packing = payload.body, []
        return Plain("200 OK", [*_COMMON, *packing, ("ETag", payload.etag), ("Content-Length", str(len(body)))], body)


def in_front(behind: Wsgi, wire: Wire) -> Wsgi:
    """A WSGI application that answers plain hot calls itself and leaves the rest to the one behind it."""
    return _InFront(behind, wire)


class _InFront:
    def __init__(self, behind: Wsgi, wire: Wire) -> None:
        self._behind, self._wire, self._keyring = behind, wire, wire.keyring
        self._polls, self._toggles = Polls(wire), Toggles(wire.evaluator)
        backend, browser = Intake(wire, "202 Accepted"), Intake(wire, "200 OK")
        self._hot: dict[tuple[str, str], Hot] = {
            ("GET", "/api/client/features"): self._features,
            ("POST", "/api/client/metrics"): self._report("backend", backend.metrics),
            ("POST", "/api/client/register"): self._report("backend", backend.register),
            ("GET", "/api/frontend"): self._by_query,
            ("POST", "/api/frontend"): self._report("frontend", self._by_body),
            ("POST", "/api/frontend/client/metrics"): self._report("frontend", browser.metrics),
        }

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        hot = self._hot.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        answered = self._tried(hot, environ) if hot else None
        if answered is None:
            return self._behind(environ, start_response)
        start_response(answered.status, answered.headers)
        return (answered.body,)

    def _tried(self, hot: Hot, environ: Environ) -> Plain | None:
        try:
            return hot(environ)
        except EastwindError:
            return None

    def _token(self, environ: Environ, family: str) -> Token | None:
        token = self._keyring.token(bare(environ.get("HTTP_AUTHORIZATION", "")))
        return token if token is not None and token.type == family else None

    def _features(self, environ: Environ) -> Plain | None:
        token = None if environ.get("QUERY_STRING") else self._token(environ, "backend")
        if token is None:
            return None
        scope = Scope(token.environment, token.projects, apart=reads_segments(environ))
        return self._polls.answer(scope, asker(environ, token), environ)

    def _by_query(self, environ: Environ) -> Plain | None:
        token = self._token(environ, "frontend")
        if token is None:
            return None
        context = context_in_query(environ.get("QUERY_STRING", ""))
        return _open_to_browsers(self._toggles.answer(token, context, environ))

    def _by_body(self, token: Token, raw: bytes, environ: Environ) -> Plain:
        return self._toggles.answer(token, context_in_body(object_in(raw)), environ)

    def _report(self, family: str, take: Take) -> Hot:
        def taken(environ: Environ) -> Plain | None:
            token = self._token(environ, family) if self._is_plain(environ) else None
            if token is None:
                return None
            raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(raw)  # for Flask, should it come to that
            found = take(token, raw, environ)
            return found if family == "backend" else _open_to_browsers(found)

        return taken

    def _is_plain(self, environ: Environ) -> bool:
        """Whether the body is plain JSON of a length that is told and allowed."""
        length: str = environ.get("CONTENT_LENGTH") or ""
        return (environ.get("CONTENT_TYPE", "").partition(";")[0] == "application/json"
                and "HTTP_CONTENT_ENCODING" not in environ and "HTTP_TRANSFER_ENCODING" not in environ
                and length.isascii() and length.isdigit() and int(length) <= self._wire.largest_body)


def _open_to_browsers(found: Plain) -> Plain:
    return Plain(found.status, [*found.headers, *_TO_BROWSERS], found.body)
