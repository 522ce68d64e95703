"""What an experiment, or a service elsewhere, may use of the platform.

An experiment is a Flask app in `experiments/<slug>/app.py`, written with four calls:

    app = eastwind_sdk.experiment(__name__)     # a Flask app that the platform can run and watch

    @app.get("/")
    def page():
        who = eastwind_sdk.customer()           # whom this request is for
        bills = eastwind_sdk.backoffice().get(f"/customers/{who.account}/bills")
        eastwind_sdk.outcome("found_answer", 1) # what then happened
        return flask.render_template("page.html", bills=bills)

`data_path("notes.db")` is a file in the experiment's own folder. A service elsewhere asks `Flags`, and `Reporter`
sends what it saw. `python -m eastwind_sdk.watch` prints each change of a flag; `python -m eastwind_sdk.runner` is how
the platform starts an experiment, and `eastwind_sdk.testing` how its tests do.

Everything that goes wrong here is an `SdkError`:

    SdkError
    ├─ OutsideRequest           customer() or outcome() while no customer's request is under way
    ├─ Malformed (ValueError)   a name, path or value that the contract does not allow
    ├─ NotRunning               a setting that the platform gives at start is missing
    └─ BackofficeError          the back office gave no useful answer
       ├─ BackofficeNotFound    it knows no such thing (404)
       ├─ BackofficeTimeout     it was not done in half a second
       └─ BackofficeUnavailable it refused, failed, or answered rubbish
"""

from eastwind_sdk.backoffice import Backoffice, backoffice
from eastwind_sdk.context import Customer, customer, outcome
from eastwind_sdk.errors import (
    BackofficeError,
    BackofficeNotFound,
    BackofficeTimeout,
    BackofficeUnavailable,
    Malformed,
    NotRunning,
    OutsideRequest,
    SdkError,
)
from eastwind_sdk.experiment import experiment
from eastwind_sdk.flags import Flags
from eastwind_sdk.place import data_path
from eastwind_sdk.reporter import Reporter

__all__ = [
    "Backoffice",
    "BackofficeError",
    "BackofficeNotFound",
    "BackofficeTimeout",
    "BackofficeUnavailable",
    "Customer",
    "Flags",
    "Malformed",
    "NotRunning",
    "OutsideRequest",
    "Reporter",
    "SdkError",
    "backoffice",
    "customer",
    "data_path",
    "experiment",
    "outcome",
]
