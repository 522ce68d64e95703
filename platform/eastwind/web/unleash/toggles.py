"""What is on for one browser, as Unleash's frontend API tells it."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags import Evaluator
from eastwind.flags.document import Document
from eastwind.flags.evaluate import Loaded, context_for_engine
from eastwind.flags.resolve import variant_in
from eastwind.people import Token
from eastwind.web.unleash.plain import Plain

_PROPERTY = re.compile(r"properties\[(.{1,100})\]", re.DOTALL)
_MOST_SHOWN = 20_000
_SAME_HEADERS = [("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff")]
_FULL_HEADERS = [*_SAME_HEADERS, ("Content-Type", "application/json; charset=utf-8")]


def context_in_query(query: str) -> dict[str, Any]:
    """The context in a query string; a key that is not Unleash's is a property. The first of equal keys counts."""
    context: dict[str, Any] = {}
    properties: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        found = _PROPERTY.fullmatch(key)
        if found:
            properties.setdefault(found[1], value)
        elif key != "properties":
            context.setdefault(key, value)
    context["properties"] = properties
    return context


def context_in_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The context in a body. Raises `Invalid` if it or its properties are no object."""
    context = body.get("context", {})
    if not isinstance(context, dict) or not isinstance(context.get("properties", {}), dict):
        raise Invalid(Problem("context", msg("must be an object, and so its properties")))
    return context


class Toggles:
    """Answers for any number of contexts. Each toggle is written as JSON once for each of its variants."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._written: dict[tuple[str, str, bytes], tuple[Document, bytes]] = {}

    def answer(self, token: Token, given: Mapping[str, Any], environ: Mapping[str, Any]) -> Plain:
        """The flags within the token's projects that are on for this context. Names of others are never told."""
        context = context_for_engine({
            "sessionId": secrets.token_hex(8), "remoteAddress": environ.get("REMOTE_ADDR"),
            **{k: v for k, v in given.items() if v is not None}, "environment": token.environment})
        body = self.body(self._evaluator.at(token.environment), token, context)
        etag = f'"{len(body):x}-{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        if etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            return Plain("304 Not Modified", [*_SAME_HEADERS, ("ETag", f"W/{etag}")], b"")
        return Plain("200 OK", [*_FULL_HEADERS, ("ETag", f"W/{etag}"), ("Content-Length", str(len(body)))], body)

    def body(self, loaded: Loaded, token: Token, context: Mapping[str, Any]) -> bytes:
        """`{"toggles": […]}` in UTF-8, in order of name."""
        found = (self._toggle(token.environment, document, said)
                 for document, said in loaded.resolver.on(context, token.covers))
        return b'{"toggles":[%b]}' % b",".join(filter(None, found))

    def _toggle(self, environment: str, document: Document, said: bytes) -> bytes:
        key = (environment, document["name"], said)
        known = self._written.get(key)
        if known is None or known[0] is not document:
            if len(self._written) >= _MOST_SHOWN:
                self._written.clear()
            known = self._written[key] = document, _written(document, said)
        return known[1]


def _written(document: Document, said: bytes) -> bytes:
    variant = variant_in(said)
    if variant is None:
        return b""
    shown = {"name": variant["name"], "enabled": variant["enabled"]}
    shown |= {"payload": variant["payload"]} if variant.get("payload") else {}
    toggle = {"name": document["name"], "enabled": True, "variant": shown | {"feature_enabled": True},
              "impressionData": document["impressionData"]}
    return json.dumps(toggle, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
