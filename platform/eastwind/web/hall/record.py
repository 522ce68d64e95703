"""Putting contacts on record without making the customer wait for it, or suffer from it."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from eastwind.experiments import Contacts
from eastwind.experiments.contact import PLATFORM_METRICS
from eastwind.outcomes.model import is_countable
from eastwind.web.hall.patience import Impatient, Patience
from eastwind.web.hall.services import CHANNEL, Visit

log = logging.getLogger(__name__)
_WAIT_SECONDS = 0.2


class Recorder:
    """Records contacts and feedback. Normally done before the answer goes out; behind a slow database it is done
    after, and with none it is lost, logged and counted in `lost`. Never raises.
    """

    def __init__(self, contacts: Contacts, environment: str) -> None:
        self._contacts, self._environment = contacts, environment
        # One thread keeps the order: what a customer says follows what they saw. The database has one writer anyhow.
        self._patience = Patience("hall-record", workers=1, backlog=2000)
        self.lost = 0

    def contact(self, visit: Visit, *, failed: bool, elapsed_ms: float, outcomes: Mapping[str, float]) -> None:
        """One served request, in either arm."""
        if visit.experiment is not None:
            slug = visit.experiment.slug
            # One outcome that cannot be counted must not take the whole contact with it.
            theirs = {name: value for name, value in outcomes.items()
                      if name not in PLATFORM_METRICS and is_countable(value)}
            self._keep(lambda: self._contacts.record(
                slug, self._environment, visit.arm, visit.unit, channel=CHANNEL, failed=failed, elapsed_ms=elapsed_ms,
                outcomes=theirs))

    def feedback(self, visit: Visit, metric: str, value: float) -> None:
        """What a customer said or did afterwards."""
        if visit.experiment is not None:
            slug = visit.experiment.slug
            self._keep(lambda: self._contacts.feedback(slug, self._environment, visit.arm, visit.unit, metric, value))

    def _keep(self, work: Callable[[], None]) -> None:
        try:
            future = self._patience.begin(work)
        except Impatient as error:
            self._lose(error)
            return
        future.add_done_callback(self._settle)
        try:
            future.exception(_WAIT_SECONDS)
        except TimeoutError:
            log.info("a contact is still being recorded while its page goes out")

    def _settle(self, future: "Future[None]") -> None:
        if error := future.exception():
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        self.lost += 1
        log.warning("a contact could not be recorded (%d so far): %r", self.lost, error)
