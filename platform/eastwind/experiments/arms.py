"""Which arm a customer is in right now: the flag decides, the run says whether it counts."""

from eastwind.db import Database
from eastwind.errors import EastwindError
from eastwind.experiments import store
from eastwind.experiments.model import OFF, Arm, Experiment, Run
from eastwind.flags import Evaluator, Publisher
from eastwind.grid import GridCustomer


class Arms:
    """Answers for one customer at a time. Without the database it falls back to today's way, unrecorded."""

    def __init__(self, db: Database, publisher: Publisher, evaluator: Evaluator) -> None:
        self._db, self._publisher, self._evaluator = db, publisher, evaluator
        self._runs: dict[str, tuple[int, dict[str, Run]]] = {}

    def of(self, experiment: Experiment, environment: str, customer: GridCustomer, channel: str) -> Arm:
        """The arm of `customer`. Never raises."""
        try:
            return self._of(experiment, environment, customer, channel)
        except EastwindError:
            return OFF

    def _of(self, experiment: Experiment, environment: str, customer: GridCustomer, channel: str) -> Arm:
        run = self._open(environment).get(experiment.slug)
        if run is None:
            return OFF
        with self._db.read() as tx:
            if store.has_left(tx, experiment.slug, customer.account):
                return Arm("left", run.id)
        if not self._evaluator.is_enabled(experiment.manifest.flag, environment, context(customer, channel)):
            return Arm("control", run.id)
        return Arm("pilot" if customer.account in run.pilots else "treatment", run.id)

    def _open(self, environment: str) -> dict[str, Run]:
        """The open runs by slug; a run changes only together with a flag, so the revision tells when to look again."""
        revision = self._publisher.current(environment).revision
        known = self._runs.get(environment)
        if known is None or known[0] != revision:
            with self._db.read() as tx:
                runs = {r.experiment: r for r in store.open_runs(tx) if r.environment == environment}
            known = self._runs[environment] = (revision, runs)
        return known[1]


def context(customer: GridCustomer, channel: str) -> dict[str, object]:
    """The flag context of a customer: who they are, and where in the grid."""
    return {"userId": customer.account, "properties": {
        "transformerId": customer.transformer_id, "feederId": customer.feeder_id, "bureau": customer.bureau,
        "tariff": customer.tariff, "channel": channel}}


def unit_of(experiment: Experiment, customer: GridCustomer) -> str:
    """The randomisation unit that `customer` belongs to."""
    return {"customer": customer.account, "transformer": customer.transformer_id,
            "feeder": customer.feeder_id}[experiment.manifest.unit]
