"""What came of an experiment: report, guards, and when SDKs had it. All about the latest run in an environment."""

from eastwind.analysis import Analysis
from eastwind.arrivals import Arrivals
from eastwind.audit import Audit
from eastwind.clock import Clock
from eastwind.errors import NotFound, Problem, msg
from eastwind.experiments import Experiment, Experiments, Run
from eastwind.guards import Guards
from eastwind.web.api.answers import (
    ArrivalAnswer,
    ArrivalsAnswer,
    BreachAnswer,
    EventAnswer,
    GuardAnswer,
    GuardsAnswer,
    ReportAnswer,
    TrailAnswer,
)
from eastwind.web.api.route import Call, Route
from eastwind.web.api.shapes import InEnvironment, Trail


def routes(experiments: Experiments, analysis: Analysis, guards: Guards, arrivals: Arrivals, audit: Audit,
           clock: Clock) -> list[Route]:
    """The endpoints of managers and operators."""

    def report(call: Call) -> ReportAnswer:
        experiment, run = _latest(experiments, call)
        return ReportAnswer.model_validate(analysis.report(experiment.manifest, run, clock()))

    def arrived(call: Call) -> ArrivalsAnswer:
        experiment, run = _latest(experiments, call)

        def since(revision: int) -> tuple[ArrivalAnswer, ...]:
            found = arrivals.since(run.environment, revision, experiment.manifest.flag)
            return tuple(ArrivalAnswer.model_validate(a) for a in found)

        return ArrivalsAnswer(run=run.id, opened=since(run.id),
                              closed=None if run.close_event is None else since(run.close_event))

    def guarded(call: Call) -> GuardsAnswer:
        _, run = _latest(experiments, call)
        return GuardsAnswer(
            guards=tuple(GuardAnswer.model_validate(s) for s in guards.status(call.slug, run.environment)),
            breaches=tuple(BreachAnswer.model_validate(b) for b in guards.breaches(call.slug)
                           if b.environment == run.environment),
            last_looked_at=guards.last_tick())

    def trail(call: Call) -> TrailAnswer:
        asked: Trail = call.query
        found = audit.history(asked.subject, asked.room, asked.before, asked.limit)
        return TrailAnswer(events=tuple(EventAnswer.model_validate(e) for e in found))

    here = "/experiments/<slug>"
    return [
        Route("GET", f"{here}/report", "The report on the latest run", report, ReportAnswer, query=InEnvironment),
        Route("GET", f"{here}/arrivals", "When each connected SDK instance had it", arrived, ArrivalsAnswer,
              query=InEnvironment),
        Route("GET", f"{here}/guards", "What the guards see and did", guarded, GuardsAnswer, query=InEnvironment),
        Route("GET", "/audit", "The audit trail, newest first", trail, TrailAnswer, query=Trail),
    ]


def _latest(experiments: Experiments, call: Call) -> tuple[Experiment, Run]:
    asked: InEnvironment = call.query
    experiment = experiments.get(call.slug)
    run = experiment.runs.get(asked.environment)
    if run is None:
        raise NotFound(Problem("environment", msg("{slug} was never open in {environment}", slug=call.slug,
                                                  environment=asked.environment)))
    return experiment, run
