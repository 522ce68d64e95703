"""Which of all flags are on for one context, fast enough to ask for every browser.

The engine's Python way writes the context as JSON anew for every flag and asks two questions of each. Here

- a flag of the plainest shape, rollouts with IN and NOT_IN conditions and nothing else, is decided in place (`simple`),
- a flag whose every rollout leaves this user out is passed over, whatever else it says,
- the engine's library is asked about the others directly, with the context written once.

The library's calls are the engine's own affair, and what is decided in place is what it would say: a property test
compares every answer with its public ones.
"""

import ctypes
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from yggdrasil_engine.engine import UnleashEngine, _get_binary_path

from eastwind.flags.document import Document
from eastwind.flags.simple import Candidate, Person

_NO_CUSTOM_STRATEGIES = b"{}"
_OFF = b'"featureEnabled":false'
_PLAIN_ON = b'{"value":{"name":"disabled","enabled":false,"featureEnabled":true}}'
_ALWAYS = {"userId", "sessionId", "remoteAddress", "currentTime"}  # built-in strategies read these unasked


class Resolver:
    """Asks one loaded engine. Holds the interpreter during a call, which is shorter than handing it over."""

    def __init__(self, engine: UnleashEngine, features: tuple[Document, ...], segments: tuple[Document, ...]) -> None:
        self._engine = engine  # kept, or its memory would go
        self._state = ctypes.c_void_p(engine.state)
        self._features, self._segments = features, segments

    @cached_property
    def _candidates(self) -> tuple[Candidate, ...]:
        return tuple(Candidate(f) for f in self._features if f["enabled"])

    @cached_property
    def _asked_about(self) -> frozenset[str]:
        return _fields(self._features, self._segments)

    def on(self, context: Mapping[str, Any], covers: Callable[[str], bool]) -> Iterator[tuple[Document, bytes]]:
        """The flags of projects that `covers` says yes to and that are on, each with the engine's word on it (JSON).

        `context` is as `context_for_engine` makes it. The same word always means the same variant of the same flag.
        """
        person, encoded = Person(context), b""
        for candidate in self._candidates:
            on = candidate.decided(person)
            if on is False or not covers(candidate.project):
                continue
            if on:
                yield candidate.document, _PLAIN_ON
                continue
            encoded = encoded or json.dumps(_kept(context, self._asked_about)).encode("ascii")
            said = _asked(self._state, candidate.name, encoded)
            if _OFF not in said:
                yield candidate.document, said


def variant_in(said: bytes) -> dict[str, Any] | None:
    """The variant that the engine's word names (`name`, `enabled`, `payload`?); None if the flag is off."""
    value: dict[str, Any] | None = json.loads(said).get("value")
    return value if value and value.get("featureEnabled") else None


def _asked(state: ctypes.c_void_p, name: bytes, context: bytes) -> bytes:
    ask, free = _library()
    answer = ask(state, name, context, _NO_CUSTOM_STRATEGIES)
    try:
        return ctypes.string_at(answer)
    finally:
        free(answer)


@cache
def _library() -> tuple[Any, Any]:
    library = ctypes.PyDLL(_get_binary_path())
    ask, free = library.check_variant, library.free_response
    ask.argtypes, ask.restype = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p], ctypes.c_void_p
    free.argtypes, free.restype = [ctypes.c_void_p], None
    return ask, free


def _kept(context: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """What some flag asks about: the engine would read all the rest again for every flag."""
    kept = {name: value for name, value in context.items() if name in fields}
    return kept | {"properties": {name: value for name, value in context["properties"].items() if name in fields}}


def _fields(features: Iterable[Document], segments: Iterable[Document]) -> frozenset[str]:
    strategies = [s for f in features for s in f["strategies"]]
    variants = [v for place in (*features, *strategies) for v in place.get("variants") or ()]
    found = {c["contextName"] for place in (*strategies, *segments) for c in place.get("constraints") or ()}
    found |= {(s.get("parameters") or {}).get("stickiness", "") for s in strategies}
    found |= {v.get("stickiness", "") for v in variants}
    found |= {o["contextName"] for v in variants for o in v.get("overrides") or ()}
    return frozenset(found | _ALWAYS)
