"""The pages that are read: the list, an experiment, its report."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from eastwind.errors import EastwindError, Message, NotFound, Problem, msg
from eastwind.experiments import Run
from eastwind.people import User
from eastwind.web.console.live import SECTIONS, facts, name_of
from eastwind.web.console.plot import VERDICTS, figures, plot, reading
from eastwind.web.console.rights import me, needs
from eastwind.web.console.story import Stories, Story

DRILLS = {"error": msg("Raise errors"), "hang": msg("Hang"), "flood": msg("Answer too much"),
          "memory": msg("Eat memory"), "none": msg("End the drill")}
# Fields that stand beside the form anyway: their names say nothing more.
_PLAIN_FIELDS = frozenset({"", "share", "pilots", "experiment", "evidence", "guards", "sunset"})


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was refused or wrong, and which form on the page had asked."""

    form: str
    title: Message
    problems: tuple[Problem, ...]
    known: frozenset[str] = _PLAIN_FIELDS

    @classmethod
    def of(cls, form: str, error: EastwindError) -> "Wrong":
        """`error` beside `form`."""
        return cls(form, error.title, error.problems)


def add_routes(blueprint: Blueprint, stories: Stories) -> None:
    """The routes of pages that change nothing."""

    @blueprint.get("/", endpoint="home")
    @blueprint.get("/experiments", endpoint="home")
    @needs("experiment.read")
    def home() -> str:
        chosen = request.args.get("environment") or stories.rooms.settings.hall_environment
        return render_template("console/home.html", listing=stories.listing(chosen),
                               environments=stories.rooms.flags.environments(), name_of=name_of)

    @blueprint.get("/experiments/<slug>")
    @needs("experiment.read")
    def experiment(slug: str) -> str:
        chosen = request.args.get("environment") or stories.rooms.settings.hall_environment
        return page(stories.of(slug, chosen), me())

    @blueprint.get("/experiments/<slug>/report")
    @needs("report.read")
    def report(slug: str) -> str | Response:
        return _report(stories, slug)


def page(story: Story, user: User, wrong: Wrong | None = None) -> str:
    """An experiment's page, with what went wrong beside the form that asked."""
    return render_template("console/experiment.html", wrong=wrong, sent=request.form, drills=DRILLS, sections=SECTIONS,
                           **facts(story, user))


def _report(stories: Stories, slug: str) -> str:
    rooms = stories.rooms
    item, runs = rooms.experiments.get(slug), rooms.experiments.runs(slug)
    run = _chosen(runs, request.args.get("run"), rooms.settings.hall_environment)
    if run is None:
        return render_template("console/report.html", item=item, runs=[], run=None, name_of=name_of)
    made = rooms.analysis.report(item.manifest, run, rooms.clock())
    return render_template("console/report.html", item=item, runs=runs, run=run, report=made, plot=plot(made),
                           breach=stories.breach(run), name_of=name_of, figures=figures,
                           reading=reading, verdicts=VERDICTS)


def _chosen(runs: Sequence[Run], number: str | None, environment: str) -> Run | None:
    """The run asked for; without a number the newest one that customers saw, else the newest."""
    if number is None:
        return next((r for r in runs if r.environment == environment), runs[0] if runs else None)
    found = next((r for r in runs if str(r.id) == number), None)
    if found is None:
        raise NotFound(Problem("run", msg("there is no such run")))
    return found
