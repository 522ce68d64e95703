"""Experiments: look, review, open, close."""

from eastwind.errors import NotFound, Problem, msg
from eastwind.experiments import Experiments
from eastwind.readiness import Readiness
from eastwind.web.api.answers import ClosedAnswer, ExperimentAnswer, ExperimentsAnswer, ReviewAnswer, RunAnswer
from eastwind.web.api.route import Call, Route
from eastwind.web.api.shapes import AskReview, Closing, Opening


def routes(experiments: Experiments, readiness: Readiness) -> list[Route]:
    """The endpoints of the innovation team."""

    def every(_: Call) -> ExperimentsAnswer:
        return ExperimentsAnswer(experiments=tuple(ExperimentAnswer.of(e) for e in experiments.list()))

    def one(call: Call) -> ExperimentAnswer:
        return ExperimentAnswer.of(experiments.get(call.slug))

    def ask_review(call: Call) -> ReviewAnswer:
        asked: AskReview = call.body
        return ReviewAnswer.model_validate(
            experiments.ask_review(call.slug, asked.environment, asked.share, call.token.actor))

    def review(call: Call) -> ReviewAnswer:
        number = int(call.path["number"])
        found = readiness.get(number) if number < 2**62 else None
        if found is None or found.experiment != call.slug:
            raise NotFound(Problem("review", msg("{slug} has no review {number}", slug=call.slug, number=number)))
        return ReviewAnswer.model_validate(found)

    def open_(call: Call) -> RunAnswer:
        asked: Opening = call.body
        pilots = None if asked.pilots is None else tuple(dict.fromkeys(asked.pilots))
        return RunAnswer.model_validate(
            experiments.open(call.slug, asked.environment, asked.share, call.token.actor, pilots))

    def close(call: Call) -> ClosedAnswer:
        asked: Closing = call.body
        reason = (msg("{reason}", reason=asked.reason) if asked.reason
                  else msg("closed over the API by {name}", name=call.token.name))
        run = experiments.close(call.slug, asked.environment, reason, call.token.actor)
        last = run or experiments.get(call.slug).runs.get(asked.environment)
        return ClosedAnswer(closed_now=run is not None, run=RunAnswer.model_validate(last) if last else None)

    here = "/experiments/<slug>"
    return [
        Route("GET", "/experiments", "All experiments", every, ExperimentsAnswer),
        Route("GET", here, "One experiment", one, ExperimentAnswer),
        Route("POST", f"{here}/reviews", "Ask for a readiness review", ask_review, ReviewAnswer, AskReview, status=202),
        Route("GET", f"{here}/reviews/<int:number>", "One readiness review", review, ReviewAnswer),
        Route("POST", f"{here}/open", "Open, widen or narrow", open_, RunAnswer, Opening),
        Route("POST", f"{here}/close", "Close; never refused, and repeating it changes nothing", close, ClosedAnswer,
              Closing),
    ]
