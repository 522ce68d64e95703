"""Our own JSON API under `/api/v1`: one row per endpoint, `problem+json` for every error.

Plain Flask, pydantic for the shapes, and a document made from both, rather than flask-openapi: that library's
blueprints answer only inside an application of its own class, and it reads bodies leniently before any of our code
runs (a wrong content type is an empty body; NaN, names given twice and any depth pass), which is what an API that opens
experiments must not do. The rows in `Route` cost less than switching all of that off.
"""

from flask import Blueprint

from eastwind.analysis import Analysis
from eastwind.arrivals import Arrivals
from eastwind.audit import Audit
from eastwind.clock import Clock, now
from eastwind.experiments import Experiments
from eastwind.exposures import Exposures
from eastwind.guards import Guards
from eastwind.outcomes import Outcomes
from eastwind.people import People
from eastwind.readiness import Readiness
from eastwind.web.api import experiments as innovation
from eastwind.web.api import intake, reports, route
from eastwind.web.api.document import ROOT, document


def blueprint(*, experiments: Experiments, readiness: Readiness, analysis: Analysis, guards: Guards,
              arrivals: Arrivals, exposures: Exposures, outcomes: Outcomes, people: People, audit: Audit,
              clock: Clock = now) -> Blueprint:
    """The API. It is asked with tokens, never with cookies: exempt it from CSRF protection."""
    room = Blueprint("api", __name__, url_prefix=ROOT)
    rows = [
        *innovation.routes(experiments, readiness),
        *reports.routes(experiments, analysis, guards, arrivals, audit, clock),
        *intake.routes(experiments, exposures, outcomes),
    ]
    route.add(room, rows, people)
    described = document(rows)
    room.add_url_rule("/openapi.json", "openapi", lambda: described)
    return room


__all__ = ["blueprint"]
