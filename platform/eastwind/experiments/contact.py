"""One contact of a customer with a service, in either arm, put on record in one transaction."""

from collections.abc import Mapping

from eastwind.clock import Clock, now
from eastwind.db import Database
from eastwind.experiments.model import Arm
from eastwind.exposures import Exposures
from eastwind.outcomes import Outcomes

# Made here, for both arms alike; an experiment that sends one of these would be judging itself.
PLATFORM_METRICS = frozenset({"error", "failed_first_contact", "latency_ms", "helped", "hotline_call"})


class Contacts:
    """Records exposures together with what happened in them, so that neither is without the other."""

    def __init__(self, db: Database, exposures: Exposures, outcomes: Outcomes, clock: Clock = now) -> None:
        self._db, self._exposures, self._outcomes, self._clock = db, exposures, outcomes, clock

    def record(self, experiment: str, environment: str, arm: Arm, unit: str, *, channel: str, failed: bool,
               elapsed_ms: float, outcomes: Mapping[str, float]) -> None:
        """Put a served request on record: `error`, `latency_ms`, and for a first contact `failed_first_contact`."""
        if arm.run is None or arm.name == "left":
            return
        at = self._clock()
        with self._db.intake() as tx:
            first = self._exposures.record(tx, experiment, environment, arm.run, unit, arm.name, at, channel=channel)
            own = {name: value for name, value in outcomes.items() if name not in PLATFORM_METRICS}
            seen = {**own, "error": float(failed), "latency_ms": elapsed_ms}
            if first:
                seen["failed_first_contact"] = float(failed)
            for metric, value in seen.items():
                self._outcomes.record(tx, experiment, environment, arm.run, unit, metric, value, at)

    def feedback(self, experiment: str, environment: str, arm: Arm, unit: str, metric: str, value: float) -> None:
        """Put on record what a customer said or did afterwards (`helped`, `hotline_call`)."""
        if arm.run is not None and arm.name != "left":
            with self._db.intake() as tx:
                self._outcomes.record(tx, experiment, environment, arm.run, unit, metric, value, self._clock())
