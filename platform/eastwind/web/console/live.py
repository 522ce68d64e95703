"""The parts of an experiment's page that change while one looks at it."""

import hashlib
from typing import Any

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from eastwind.people import User
from eastwind.web.console import view
from eastwind.web.console.rights import me, needs
from eastwind.web.console.story import Stories, Story
from eastwind.web.language import language

# Each is a template of its own, shown within the page and, alone, to the script that asks every second.
SECTIONS = ("notes", "stage", "review", "guards", "arms", "arrivals", "process", "timeline")


def add_routes(blueprint: Blueprint, stories: Stories) -> None:
    """The route that a page asks every second."""

    @blueprint.get("/experiments/<slug>/live")
    @needs("experiment.read")
    def live(slug: str) -> Response:
        chosen = request.args.get("environment") or stories.rooms.settings.hall_environment
        shown = render_template("console/live.html", sections=SECTIONS, **facts(stories.of(slug, chosen), me()))
        answer = make_response(shown)
        # Forms and their tokens lie outside of these parts, so what is unchanged is byte for byte the same.
        answer.set_etag(hashlib.sha256(shown.encode()).hexdigest()[:32])
        return answer.make_conditional(request)


def facts(story: Story, user: User) -> dict[str, Any]:
    """What the sections of an experiment's page are filled with; the same for the page and for its live parts."""
    sizes = {**story.counts.units, "pilot": story.counts.pilots} if story.counts else {}
    return {"story": story, "user": user, "name_of": name_of, "bars": view.bars(dict(sizes)),
            "latency": view.latency(story.review) if story.review else None}


def name_of(item: Any) -> str:
    """An experiment's name in the reader's language."""
    return str(item.manifest.name.in_language(language()))
