"""Segments: constraints that strategies share."""

from flask import Blueprint, Response

from eastwind.errors import Conflict, NotFound, Problem, msg
from eastwind.flags import Segment
from eastwind.validation import checked
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_S = "/api/admin/segments"


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Segments(wire)
    for rule, view in (
        (f"GET {_S}", views.all), (f"POST {_S}", views.add), (f"POST {_S}/validate", views.validate),
        (f"GET {_S}/<int:number>", views.get), (f"PUT {_S}/<int:number>", views.put),
        (f"DELETE {_S}/<int:number>", views.remove),
    ):
        route(blueprint, rule, view)


class _Segments:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._most = wire.flags, wire.largest_body

    def all(self) -> Response:
        """All of them."""
        return answer({"segments": [s.wire() for s in self._flags.segments()]})

    def get(self, number: int) -> Response:
        """One of them."""
        for found in self._flags.segments():
            if found.id == number:
                return answer(found.wire())
        raise NotFound(Problem("segment", msg("there is no such segment")))

    def add(self) -> Response:
        """A new one."""
        made = self._flags.add_segment(checked(Segment, read_object(self._most)), actor())
        return answer(made.wire(), 201, {"Location": f"{_S}/{made.id}"})

    def put(self, number: int) -> Response:
        """Replace one, if the gate lets every feature that uses it."""
        self._flags.change_segment(checked(Segment, read_object(self._most) | {"id": number}), actor())
        return empty(204)

    def remove(self, number: int) -> Response:
        """Delete one that nothing uses."""
        self._flags.remove_segment(number, actor())
        return empty(204)

    def validate(self) -> Response:
        """Whether a name can be given to a new one."""
        name = checked(Segment, {"name": read_object(self._most).get("name")}).name
        if any(s.name == name for s in self._flags.segments()):
            raise Conflict(Problem("name", msg("{name} is taken", name=name)))
        return empty(204)
