"""A server of the wire alone, over the database that EASTWIND_DATABASE_URL names: `granian … wire_app:app`."""

import os
from dataclasses import replace

from flask import Flask

from eastwind.arrivals import Arrivals
from eastwind.db import Database
from eastwind.flags import Evaluator, Flags, OpenGate, Publisher
from eastwind.people import People
from eastwind.settings import Settings
from eastwind.web.unleash import Wire, blueprints, end_on_signal, in_front


def wire_over(db: Database, **settings: int) -> Wire:
    """The parts, running."""
    publisher, arrivals = Publisher(db), Arrivals(db)
    publisher.start()
    arrivals.start()
    return Wire(db, Flags(db, OpenGate()), publisher, Evaluator(publisher), People(db), arrivals,
                replace(Settings(), **settings))


def app_over(wire: Wire) -> Flask:
    """The routes over the parts."""
    made = Flask("wire")
    for blueprint in blueprints(wire):
        made.register_blueprint(blueprint)
    made.wsgi_app = in_front(made.wsgi_app, wire)  # type: ignore[method-assign]
    return made


if "EASTWIND_WIRE_TEST" in os.environ:
    served = wire_over(Database(os.environ["EASTWIND_DATABASE_URL"]), max_streams=int(os.environ["EASTWIND_WIRE_TEST"]))
    end_on_signal(served)
    app = app_over(served)
