"""Looking for features: by words, and by filters as Unleash writes them (`IS_ANY_OF:a,b`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags import Feature
from eastwind.web.unleash.admin_shapes import shown_feature
from eastwind.web.unleash.answers import answer
from eastwind.web.unleash.wire import Wire, route

Test = Callable[[Sequence[str], frozenset[str]], bool]
# What a filter says of the feature's own values (first) and those that are asked for (second).
_TESTS: Mapping[str, Test] = {
    "IS": lambda own, asked: any(v in asked for v in own),
    "IS_ANY_OF": lambda own, asked: any(v in asked for v in own),
    "INCLUDE": lambda own, asked: any(v in asked for v in own),
    "INCLUDE_ANY_OF": lambda own, asked: any(v in asked for v in own),
    "INCLUDE_ALL_OF": lambda own, asked: asked <= set(own),
    "IS_NOT": lambda own, asked: not any(v in asked for v in own),
    "IS_NONE_OF": lambda own, asked: not any(v in asked for v in own),
    "DO_NOT_INCLUDE": lambda own, asked: not any(v in asked for v in own),
    "EXCLUDE_IF_ANY_OF": lambda own, asked: not any(v in asked for v in own),
    "EXCLUDE_ALL": lambda own, asked: not asked <= set(own),
}
_SORTED: Mapping[str, Callable[[Feature], Any]] = {
    "name": lambda f: f.name, "type": lambda f: f.type, "project": lambda f: f.project,
    "createdAt": lambda f: f.created_at.timestamp() if f.created_at else 0.0,
}
_MOST = 100


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    route(blueprint, "GET /api/admin/search/features", _Search(wire).features)


class _Search:
    def __init__(self, wire: Wire) -> None:
        self._flags = wire.flags

    def features(self) -> Response:
        """A page (`offset`, `limit`) of those that pass every filter, and how many there are in all."""
        old = "IS:archived" in request.args.getlist("archived") or request.args.get("lifecycle") == "IS:archived"
        found = [f for f in self._flags.features(archived=old) if _asked_for(f)]
        found.sort(key=_SORTED.get(request.args.get("sortBy", ""), _SORTED["createdAt"]),
                   reverse=request.args.get("sortOrder", "desc") == "desc")
        start, size = number_of("offset", 0), min(number_of("limit", 50), _MOST)
        places = self._flags.environments()
        return answer({"features": [shown_feature(f, places) for f in found[start:start + size]],
                       "total": len(found)})


def number_of(name: str, otherwise: int) -> int:
    """A number in the query; one that is none, or is beyond all bounds, counts as not said."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def filter_of(name: str) -> tuple[Test, frozenset[str]] | None:
    """A filter in the query. Raises `Invalid` for one that cannot be read."""
    text = request.args.get(name)
    if text is None:
        return None
    kind, colon, values = text.partition(":")
    if not colon or kind not in _TESTS:
        raise Invalid(Problem(name, msg("must be a filter, as in {example}", example="IS:value")))
    return _TESTS[kind], frozenset(v.strip() for v in values.split(",") if v.strip())


def _asked_for(item: Feature) -> bool:
    words = request.args.get("query", "").lower().replace(",", " ").split()
    text = f"{item.name}\n{item.description}\n{' '.join(map(str, item.tags))}".lower()
    states = [f"{s.environment}:{'enabled' if s.enabled else 'disabled'}" for s in item.environments.values()]
    statuses = set(request.args.getlist("status[]") + request.args.getlist("status"))
    own: Mapping[str, Sequence[str]] = {
        "project": [item.project], "type": [item.type], "state": ["stale" if item.stale else "active"],
        "tag": [str(t) for t in item.tags], "segment": sorted(_segments(item)),
    }
    return (all(word in text for word in words) and (not statuses or bool(statuses & set(states)))
            and all(test(own[name], asked) for name in own if (found := filter_of(name)) for test, asked in [found]))


def _segments(item: Feature) -> set[str]:
    return {str(n) for e in item.environments.values() for s in e.strategies for n in s.segments}
