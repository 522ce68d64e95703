"""Features out of this server and into it, in Unleash's export format."""

from collections.abc import Callable
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import Field

from eastwind.flags import Feature
from eastwind.flags.exchange import Exchange
from eastwind.flags.model import Noun
from eastwind.flags.parcel import export_of, opened
from eastwind.validation import checked
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_B = "/api/admin/features-batch"


class _Asked(Noun):
    environment: str
    features: tuple[str, ...] | None = None
    tag: str | None = None
    project: str | None = None


class _Sent(Noun):
    project: str = "default"
    environment: str
    data: Annotated[dict[str, Any], Field()]


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Batch(wire)
    route(blueprint, f"POST {_B}/export", views.export)
    route(blueprint, f"POST {_B}/validate", views.validate)
    route(blueprint, f"POST {_B}/import", views.take)


class _Batch:
    def __init__(self, wire: Wire) -> None:
        self._exchange, self._most = Exchange(wire.db, wire.flags), wire.largest_body

    def export(self) -> Response:
        """Features by name, by tag (`type:value`, or a value of any type) or by project."""
        asked = checked(_Asked, read_object(self._most))
        return answer(export_of(self._exchange.packed(asked.environment, _chooser(asked)), asked.environment))

    def validate(self) -> Response:
        """What would keep an import from being done."""
        sent = checked(_Sent, read_object(self._most))
        problems = self._exchange.check(opened(sent.data, sent.project, sent.environment), sent.project,
                                        sent.environment, actor())
        errors = [{"message": f"{p.field}: {p.reason}" if p.field else str(p.reason), "affectedItems": [p.field]}
                  for p in problems]
        return answer({"errors": errors, "warnings": [], "permissions": []})

    def take(self) -> Response:
        """All of it, or nothing and every reason."""
        sent = checked(_Sent, read_object(self._most))
        self._exchange.take(opened(sent.data, sent.project, sent.environment), sent.project, sent.environment, actor())
        return empty(200)


def _chooser(asked: _Asked) -> Callable[[Feature], bool]:
    """Empty lists and texts choose nothing; with none of the three, everything is meant."""
    if asked.features is not None:
        names = frozenset(asked.features)
        return lambda item: item.name in names
    if asked.tag is not None:
        return lambda item: any(asked.tag in (str(t), t.value) for t in item.tags)
    return lambda item: asked.project in (None, item.project)
