"""Exposures and outcomes from services elsewhere, in batches. A repeated event counts once."""

import re
from typing import Protocol

from eastwind.errors import Conflict, Forbidden, Invalid, Problem, msg
from eastwind.experiments import Experiments, Run
from eastwind.exposures import Exposures
from eastwind.outcomes import Outcomes
from eastwind.people import Token
from eastwind.web.api.answers import AcceptedAnswer, RefusedAnswer
from eastwind.web.api.route import Call, Route
from eastwind.web.api.shapes import Events, ForEnvironment
from eastwind.web.language import say

_PROJECT = "default"  # where the flags of experiments are made
_PLACE = re.compile(r"events\.([0-9]+)\.?(.*)", re.DOTALL)


class _Accepted(Protocol):
    @property
    def new(self) -> int: ...
    @property
    def repeated(self) -> int: ...
    @property
    def refused(self) -> tuple[Problem, ...]: ...


def routes(experiments: Experiments, exposures: Exposures, outcomes: Outcomes) -> list[Route]:
    """The endpoints of services elsewhere."""

    def exposed(call: Call) -> AcceptedAnswer:
        run, batch = _open_run(experiments, call), call.body.events
        return _answer(exposures.accept(run.experiment, run.environment, run.id, batch, frozenset(run.pilots)))

    def happened(call: Call) -> AcceptedAnswer:
        run, batch = _open_run(experiments, call), call.body.events
        return _answer(outcomes.accept(run.experiment, run.environment, run.id, batch))

    here, families = "/experiments/<slug>", ("backend", "admin")
    return [
        Route("POST", f"{here}/exposures", "What customers were shown: events of unit, arm, at, id", exposed,
              AcceptedAnswer, Events, ForEnvironment, families),
        Route("POST", f"{here}/outcomes", "What then happened: events of id, unit, metric, value, at", happened,
              AcceptedAnswer, Events, ForEnvironment, families),
    ]


def _open_run(experiments: Experiments, call: Call) -> Run:
    experiment = experiments.get(call.slug)
    environment = _environment(call.token, call.query.environment)
    run = experiment.open_run(environment)
    if run is None:
        raise Conflict(Problem("experiment", msg("{slug} is not open in {environment}", slug=call.slug,
                                                 environment=environment)))
    return run


def _environment(token: Token, asked: str | None) -> str:
    """A token's own environment; an admin token has none, and must say."""
    if not token.covers(_PROJECT):
        raise Forbidden(Problem("Authorization", msg("this token is not for project {name}", name=_PROJECT)))
    if token.type == "admin":
        if asked is None:
            raise Invalid(Problem("environment", msg("is missing")))
        return asked
    if asked not in (None, token.environment):
        raise Forbidden(Problem("environment", msg("this token is for {name}", name=token.environment)))
    return token.environment


def _answer(found: _Accepted) -> AcceptedAnswer:
    return AcceptedAnswer(accepted=found.new, repeated=found.repeated, refused=tuple(map(_refused, found.refused)))


def _refused(problem: Problem) -> RefusedAnswer:
    place = _PLACE.fullmatch(problem.field)
    index, field = (int(place[1]), place[2]) if place else (-1, problem.field)
    return RefusedAnswer(index=index, field=field, reason=say(problem.reason))
