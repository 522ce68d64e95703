"""The composition root: the only file that knows every room."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask

from eastwind.analysis import Analysis
from eastwind.arrivals import Arrivals
from eastwind.audit import Audit
from eastwind.db import Database
from eastwind.experiments import Arms, Contacts, Experiments, ReadinessGate
from eastwind.exposures import Exposures
from eastwind.flags import Evaluator, Flags, Publisher
from eastwind.grid import Grid
from eastwind.guards import Guards, last_tick
from eastwind.host import Front
from eastwind.outcomes import Outcomes
from eastwind.people import People
from eastwind.readiness import Readiness
from eastwind.settings import Settings
from eastwind.web import frame
from eastwind.web.api import blueprint as api
from eastwind.web.console import blueprint as console
from eastwind.web.hall import Backoffice
from eastwind.web.hall import blueprint as hall
from eastwind.web.unleash import Wire, blueprints, in_front


@dataclass(frozen=True)
class House:
    """Every room's service, over one database."""

    settings: Settings
    db: Database
    audit: Audit
    people: People
    grid: Grid
    flags: Flags
    publisher: Publisher
    evaluator: Evaluator
    arrivals: Arrivals
    exposures: Exposures
    outcomes: Outcomes
    readiness: Readiness
    experiments: Experiments
    arms: Arms
    contacts: Contacts
    analysis: Analysis
    guards: Guards
    front: Front
    wire: Wire


def build(settings: Settings) -> House:
    """Furnish the rooms. Opens no connection and starts no thread."""
    db = Database(settings.database)
    grid, exposures, outcomes = Grid(db), Exposures(db), Outcomes(db)
    readiness = Readiness(db, valid_for=timedelta(days=settings.review_valid_days))
    flags = Flags(db, ReadinessGate(readiness, grid, last_tick))
    experiments = Experiments(db, flags, readiness, grid, folder=settings.experiments_dir, headroom=settings.headroom,
                              review_seconds=settings.review_seconds)
    publisher, analysis = Publisher(db), Analysis(db)
    evaluator, people, arrivals = Evaluator(publisher), People(db), Arrivals(db)
    return House(
        settings=settings, db=db, audit=Audit(db), people=people, grid=grid, flags=flags, publisher=publisher,
        evaluator=evaluator, arrivals=arrivals, exposures=exposures, outcomes=outcomes, readiness=readiness,
        experiments=experiments, arms=Arms(db, publisher, evaluator), contacts=Contacts(db, exposures, outcomes),
        analysis=analysis, guards=Guards(db, analysis, experiments), front=Front(db, settings),
        wire=Wire(flags=flags, publisher=publisher, evaluator=evaluator, people=people, arrivals=arrivals,
                  settings=settings, db=db),
    )


def create_app(house: House) -> Flask:
    """The web application. Starts the publisher's watch and the arrivals' writer; `stop_app` ends them."""
    app = Flask("eastwind", template_folder="web/templates", static_folder="web/static")
    frame.init(app, house.settings, house.people)
    wire = house.wire
    tokened = [*blueprints(wire), api(
        experiments=house.experiments, readiness=house.readiness, analysis=house.analysis, guards=house.guards,
        arrivals=house.arrivals, exposures=house.exposures, outcomes=house.outcomes, people=house.people,
        audit=house.audit)]
    for blueprint in tokened:  # they are asked with tokens, not cookies: there is nothing to forge
        frame.csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    app.register_blueprint(console(
        settings=house.settings, experiments=house.experiments, readiness=house.readiness, analysis=house.analysis,
        guards=house.guards, arrivals=house.arrivals, people=house.people, audit=house.audit, front=house.front,
        flags=house.flags, db=house.db))
    app.register_blueprint(hall(
        settings=house.settings, experiments=house.experiments, arms=house.arms, contacts=house.contacts,
        front=house.front, grid=house.grid, backoffice=Backoffice(house.db, house.settings)))
    house.publisher.start()
    house.arrivals.start()
    app.wsgi_app = in_front(app.wsgi_app, wire)  # type: ignore[assignment]
    return app
