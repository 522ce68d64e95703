"""The job that carries out readiness reviews, one at a time."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from eastwind.db import Connection
from eastwind.errors import Conflict, Message, Unavailable, msg
from eastwind.readiness.decide import decide
from eastwind.readiness.model import MINIMUM_REQUESTS, Evidence, NoEvidence, Progress, Review, Target
from eastwind.readiness.run import run
from eastwind.readiness.service import Readiness

STALE = timedelta(seconds=15)  # a runner shows itself every second
_ACCOUNTS = 1000
_log = logging.getLogger(__name__)


class Reviews:
    """Claims queued reviews, runs them and finishes them.

    `target_of` says where an experiment runs now, `accounts` gives sample customers. `home` is the platform's, in
    which Locust works; a plan's locustfile lies below `locustfiles` (default: `home`). When `stop` is set, a running
    load test is killed at once and its review becomes inconclusive.
    """

    def __init__(self, readiness: Readiness, target_of: Callable[[str], Target | None],
                 accounts: Callable[[int], Sequence[str]], home: Path, stop: threading.Event, *, owner: str = "reviews",
                 fence: Callable[[Connection], None] | None = None, minimum: int = MINIMUM_REQUESTS,
                 stale: timedelta = STALE, locustfiles: Path | None = None) -> None:
        self._readiness, self._target_of, self._accounts = readiness, target_of, accounts
        self._home, self._stop, self._owner = home, stop, owner
        self._locustfiles = locustfiles or home
        self._fence, self._minimum, self._stale = fence, minimum, stale

    def tick(self) -> Review | None:
        """Carry out the oldest queued review, if there is one, to its end; returns it with its verdict."""
        self._readiness.abandon_stale(self._stale)
        review = None if self._stop.is_set() else self._readiness.claim(self._owner, self._fence)
        return self._carry_out(review) if review else None

    def _carry_out(self, review: Review) -> Review:
        outcome, doubts = self._tested(review)
        verdict = decide(review.plan, outcome, doubts=doubts, minimum=self._minimum)
        evidence = outcome if isinstance(outcome, Evidence) else None
        try:
            return self._readiness.finish(review.id, evidence, verdict)
        except Conflict:
            return self._readiness.get(review.id)  # cancelled, or voided by a breach, meanwhile

    def _tested(self, review: Review) -> tuple[Evidence | NoEvidence, Sequence[Message]]:
        """What came out, and reasons not to trust it."""
        try:
            target = self._target_of(review.experiment)
            outcome = self._outcome(review, target)
            # Another target now: what was tested was not this one, at least not all the time.
            changed = isinstance(outcome, Evidence) and self._target_of(review.experiment) != target
        except Exception as error:
            _log.exception("review %s could not be run", review.id)
            return NoEvidence(msg("the load test could not be run: {detail}", detail=type(error).__name__)), ()
        return outcome, (msg("the experiment was restarted during the review"),) if changed else ()

    def _outcome(self, review: Review, target: Target | None) -> Evidence | NoEvidence:
        if target is None:
            return NoEvidence(msg("the experiment is not running"))
        accounts = self._accounts(_ACCOUNTS)
        if not accounts:
            return NoEvidence(msg("there are no customers to test with: import the grid first"))
        plan = replace(review.plan, locustfile=str(self._locustfiles / review.plan.locustfile))
        return run(plan, target, lambda progress: self._tell(review.id, progress), home=self._home,
                   accounts=accounts, stop=self._stop)

    def _tell(self, number: int, progress: Progress) -> bool:
        try:
            return self._readiness.progress(number, progress)
        except Unavailable:
            return True  # a database that is away for a moment does not spoil the run
