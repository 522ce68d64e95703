"""The fields of the context that constraints can name, and the values that they usually have."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import Conflict, Problem, msg
from eastwind.flags.catalogue import Catalogue
from eastwind.flags.model import ContextField, LegalValue
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import only
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_C = "/api/admin/context"
_ABOUT = ("description", "stickiness", "sortOrder", "legalValues")


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Fields(wire)
    for rule, view in (
        (f"GET {_C}", views.all), (f"POST {_C}", views.add), (f"POST {_C}/validate", views.validate),
        (f"GET {_C}/<name>", views.get), (f"PUT {_C}/<name>", views.put), (f"DELETE {_C}/<name>", views.remove),
        (f"POST {_C}/<name>/legal-values", views.add_value),
        (f"DELETE {_C}/<name>/legal-values/<path:value>", views.remove_value),
    ):
        route(blueprint, rule, view)


class _Fields:
    def __init__(self, wire: Wire) -> None:
        self._words, self._most = Catalogue(wire.db), wire.largest_body

    def all(self) -> Response:
        """All of them, in order."""
        return answer([_shown(f) for f in self._words.fields()])

    def get(self, name: str) -> Response:
        """One of them."""
        return answer(_shown(self._words.field(name)))

    def add(self) -> Response:
        """A new one."""
        made = checked(ContextField, _set(only(read_object(self._most), "name", *_ABOUT)))
        self._words.add_field(made, actor())
        return answer(_shown(made), 201, {"Location": f"{_C}/{made.name}"})

    def put(self, name: str) -> Response:
        """Describe one anew; what is not said stays."""
        before = self._words.field(name).wire()
        self._words.put_field(checked(ContextField, before | _set(only(read_object(self._most), *_ABOUT))), actor())
        return empty(200)

    def remove(self, name: str) -> Response:
        """Remove one."""
        self._words.remove_field(name, actor())
        return empty(200)

    def add_value(self, name: str) -> Response:
        """One more legal value, or another description of one."""
        self._words.put_legal_value(name, checked(LegalValue, _set(read_object(self._most))), actor())
        return empty(200)

    def remove_value(self, name: str, value: str) -> Response:
        """One legal value less."""
        self._words.remove_legal_value(name, value, actor())
        return empty(200)

    def validate(self) -> Response:
        """Whether a name can be given to a new one."""
        name = checked(ContextField, only(read_object(self._most), "name")).name
        if name in {f.name for f in self._words.fields()}:
            raise Conflict(Problem("name", msg("{name} is taken", name=name)))
        return empty(200)


def _set(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is null: Unleash sends that for "not said"."""
    return {name: value for name, value in data.items() if value is not None}


def _shown(item: ContextField) -> dict[str, Any]:
    return item.wire() | {"usedInProjects": None, "usedInFeatures": None}
