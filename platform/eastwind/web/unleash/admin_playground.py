"""`/api/admin/playground`: what would happen for a context, and why."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags.model import Noun
from eastwind.flags.playground import Playground, combinations
from eastwind.validation import checked
from eastwind.web.unleash.answers import answer
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_MOST = 5000


class _Plain(Noun):
    environment: str
    projects: tuple[str, ...] | str = "*"
    context: dict[str, Any]


class _Advanced(Noun):
    environments: tuple[str, ...]
    projects: tuple[str, ...] | str = "*"
    context: dict[str, Any]


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Views(wire)
    route(blueprint, "POST /api/admin/playground", views.plain)
    route(blueprint, "POST /api/admin/playground/advanced", views.advanced)


class _Views:
    def __init__(self, wire: Wire) -> None:
        self._playground, self._most = Playground(wire.flags, wire.publisher), wire.largest_body

    def plain(self) -> Response:
        """One environment, one context."""
        asked = checked(_Plain, read_object(self._most))
        _check(asked.context)
        (features,) = self._playground.play(asked.environment, _projects(asked.projects), [asked.context])
        return answer({"input": asked.wire(), "features": features})

    def advanced(self) -> Response:
        """Several environments; every combination of the values that commas part."""
        asked = checked(_Advanced, read_object(self._most))
        _check(asked.context)
        contexts = combinations(asked.context)
        if len(contexts) * len(asked.environments) > _MOST:
            raise Invalid(Problem("context", msg("asks for more than {most} answers; ask for fewer projects",
                                                 most=_MOST)))
        found: dict[str, dict[str, Any]] = {}
        for environment in dict.fromkeys(asked.environments):
            played = self._playground.play(environment, _projects(asked.projects), contexts)
            for context, features in zip(contexts, played, strict=True):
                for item in features:
                    shown = found.setdefault(item["name"], {
                        "name": item["name"], "projectId": item["projectId"], "environments": {}})
                    shown["environments"].setdefault(environment, []).append(
                        item | {"environment": environment, "context": context})
        return answer({"input": asked.wire(), "features": list(found.values()), "warnings": {}})


def _projects(asked: tuple[str, ...] | str) -> list[str] | None:
    return None if asked == "*" else [asked] if isinstance(asked, str) else list(asked)


def _check(context: dict[str, Any]) -> None:
    if not isinstance(context.get("properties", {}), dict):
        raise Invalid(Problem("context.properties", msg("must be a table (an object)")))
