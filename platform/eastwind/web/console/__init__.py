"""The console: what innovators, managers and operators see and press."""

from typing import Any

from flask import Blueprint

from eastwind.web.console import actions, live, pages, sign_in, view
from eastwind.web.console.rights import here, role_name
from eastwind.web.console.story import Rooms, Stories
from eastwind.web.console.timeline import percent


def blueprint(**rooms: Any) -> Blueprint:
    """The console's routes. `rooms` are the fields of `Rooms`, by name."""
    made, stories = Blueprint("console", __name__), Stories(Rooms(**rooms))
    sign_in.add_routes(made, stories.rooms.people)
    pages.add_routes(made, stories)
    live.add_routes(made, stories)
    actions.add_routes(made, stories)
    for name, filter_ in (("moment", view.moment), ("number", view.number), ("percent", percent),
                          ("ratio", view.ratio), ("arm_value", view.arm_value)):
        made.add_app_template_filter(filter_, name)
    made.context_processor(lambda: {**view.WORDS, "here": here, "role_name": role_name})
    return made


__all__ = ["Rooms", "blueprint"]
