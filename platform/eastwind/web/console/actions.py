"""The buttons: review, open, close, drill. Each answers with the page, or with the page and why not."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from eastwind.audit import record
from eastwind.errors import Busy, Conflict, EastwindError, Invalid, Message, Problem, Unavailable, msg
from eastwind.host.model import Fault
from eastwind.web.console.forms import OpenForm, ShareForm
from eastwind.web.console.pages import DRILLS, Wrong, page
from eastwind.web.console.rights import me, needs
from eastwind.web.console.story import Rooms, Stories
from eastwind.web.console.timeline import percent
from eastwind.web.language import say

Answered = Response | tuple[str, int]
Act = Callable[[str], Message]


def add_routes(blueprint: Blueprint, stories: Stories) -> None:
    """The routes that change something."""
    rooms = stories.rooms

    @blueprint.post("/experiments/<slug>/review")
    @needs("experiment.review")
    def review(slug: str) -> Answered:
        def act(environment: str) -> Message:
            asked = rooms.experiments.ask_review(slug, environment, ShareForm().percent(), me().actor)
            return msg("Review {number} is asked for: {share}", number=asked.id, share=percent(asked.share))

        return _answer(stories, slug, "review", act)

    @blueprint.post("/experiments/<slug>/open", endpoint="open")
    @needs("experiment.open")
    def open_(slug: str) -> Answered:
        def act(environment: str) -> Message:
            form = OpenForm()
            share = form.percent()
            rooms.experiments.open(slug, environment, share, me().actor, form.named())
            return msg("Open: the share is {share}", share=percent(share))

        return _answer(stories, slug, request.form.get("from") or "open", act)

    @blueprint.post("/experiments/<slug>/close")
    @needs("experiment.close")
    def close(slug: str) -> Answered:
        def act(environment: str) -> Message:
            ended = rooms.experiments.close(slug, environment, msg("closed by hand"), me().actor)
            return msg("Closed: everybody is on today's way") if ended else msg("It was closed already")

        return _answer(stories, slug, "close", act)

    @blueprint.post("/experiments/<slug>/drill")
    @needs("experiment.drill")
    def drill(slug: str) -> Answered:
        return _answer(stories, slug, "drill", lambda _environment: _drill(rooms, slug, request.form.get("kind", "")))


def _answer(stories: Stories, slug: str, form: str, act: Act) -> Answered:
    """Do it and show the page; where it was refused, show the page with the reasons beside the form."""
    environment = request.form.get("environment") or stories.rooms.settings.hall_environment
    try:
        said = act(environment)
    except (Invalid, Conflict, Busy, Unavailable) as error:
        return page(stories.of(slug, environment), me(), Wrong.of(form, error)), error.status
    flash(say(said))
    return redirect(url_for("console.experiment", slug=slug, environment=environment), 303)


def _drill(rooms: Rooms, slug: str, kind: str) -> Message:
    """Have the experiment itself misbehave from its next request on, so that its safety net is seen to hold."""
    rooms.experiments.get(slug)
    if kind not in DRILLS:
        raise Invalid(Problem("kind", msg("must be one of {choices}", choices=", ".join(DRILLS))))
    answer = rooms.front.control(slug, "drill", {"kind": kind})
    if isinstance(answer, Fault):
        raise _not_reached(answer)
    with rooms.db.write() as tx:
        record(tx, me().actor, "experiment-drill", room="host", subject=slug, after={"kind": kind}, at=rooms.clock())
    return msg("The drill has ended") if kind == "none" else msg("The drill runs from the next request on")


def _not_reached(fault: Fault) -> EastwindError:
    return Unavailable(Problem("", msg("the experiment's process could not be asked: {detail}", detail=fault.detail)))
