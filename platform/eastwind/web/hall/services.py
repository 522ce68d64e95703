"""The services of the hall, and what a customer gets at one: which experiment, and which arm of it."""

import logging
from dataclasses import dataclass

from eastwind.errors import Message, msg
from eastwind.experiments import Arm, Arms, Experiment, Experiments
from eastwind.experiments.arms import unit_of
from eastwind.experiments.model import OFF
from eastwind.grid import Grid
from eastwind.web.hall.patience import Patience, Remembered

log = logging.getLogger(__name__)

CHANNEL = "web"
HOTLINE = "95598"
SERVICES: dict[str, Message] = {"outages": msg("Power outages"), "bill": msg("Electricity bill")}

_DECIDE_SECONDS = 0.3
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Visit:
    """A customer at a service. Without an experiment there is nothing to record, and today's way is the way."""

    arm: Arm = OFF
    experiment: Experiment | None = None
    unit: str = ""


NOTHING_ON = Visit()


class Reception:
    """Decides what a customer gets. Never raises: with a part missing it is today's way, unrecorded."""

    def __init__(self, experiments: Experiments, arms: Arms, grid: Grid, environment: str) -> None:
        self._arms, self._grid, self._environment = arms, grid, environment
        # Only what is declared is remembered; who is in which arm is asked each time, so a close holds at once.
        self._declared = Remembered(experiments.list, _FRESH_SECONDS)
        self._patience = Patience("hall-reception")

    def receive(self, service: str, account: str) -> Visit:
        """The first experiment on this service, by slug, with an open run, and the customer's arm in it."""
        try:
            return self._patience.wait(_DECIDE_SECONDS, lambda: self._receive(service, account))
        except Exception as error:  # whatever it is, this customer is served
            log.warning("no arm could be found, so it is today's way: %r", error)
            return NOTHING_ON

    def _receive(self, service: str, account: str) -> Visit:
        candidates = [e for e in self._declared.get_or_last() if e.manifest.service == service]
        customer = self._grid.customer(account) if candidates else None
        if customer is None:
            return NOTHING_ON
        for experiment in candidates:
            arm = self._arms.of(experiment, self._environment, customer, CHANNEL)
            if arm.run is not None:
                return Visit(arm, experiment, unit_of(experiment, customer))
        return NOTHING_ON
