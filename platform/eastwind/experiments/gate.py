"""The readiness gate: share served ≤ share ready, below every path that writes a flag.

Called by the flags service inside the writing transaction, which is serial: two people who widen at once cannot exceed
the evidence together. The same call keeps the run in step with the flag, whoever changed it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from eastwind.audit import Event
from eastwind.clock import Clock, now
from eastwind.db import Connection
from eastwind.errors import Problem, Refused, msg
from eastwind.experiments import store
from eastwind.experiments.model import Experiment, Run
from eastwind.flags import Environment
from eastwind.flags import ladder as steps
from eastwind.flags.gate import percent
from eastwind.grid import Grid
from eastwind.readiness import Readiness

LastTick = Callable[[Connection], datetime | None]

# A guard that has not looked for this long may be dead; nothing opens that nobody watches.
WATCHED_WITHIN = timedelta(seconds=15)


class ReadinessGate:
    """Implements `flags.Gate` for flags of experiments; all other flags pass."""

    def __init__(self, readiness: Readiness, grid: Grid, last_tick: LastTick, clock: Clock = now) -> None:
        self._readiness, self._grid, self._last_tick, self._clock = readiness, grid, last_tick, clock

    def population(self, tx: Connection) -> int:
        """How many customers the grid knows."""
        return self._grid.population(tx)

    def check(self, tx: Connection, environment: Environment, feature: str, share: Fraction) -> None:
        """Raise `Refused` unless `share` (0 to 1) of all customers may be reached in a production environment."""
        experiment = store.by_flag(tx, feature) if environment.type == "production" else None
        if experiment is None:
            return
        asked = percent(share)
        self._check_order(experiment)
        self._check_evidence(tx, experiment, environment.name, asked)
        self._check_watched(tx)

    def settle(self, tx: Connection, environment: Environment, feature: str, share: Fraction, event: Event,
               named: frozenset[str]) -> None:
        """Begin, widen, narrow or end the run, as the flag's new reach says.

        Reads no manifest: a damaged one must not keep a close in.
        """
        slug = store.owner_of(tx, feature)
        if slug is None:
            return
        running, reached = store.latest_run(tx, slug, environment.name), percent(share)
        if running is None or not running.is_open:
            if reached:
                store.add_run(tx, Run(event.id, slug, environment.name, reached, reached, tuple(sorted(named)),
                                      event.at, event.actor))
        elif reached:
            store.change_run(tx, running.id, share=reached, peak_share=max(reached, running.peak_share),
                             pilots=sorted(named))
        else:
            store.end_run(tx, running.id, event.at, event.actor, event.id)

    def _check_order(self, experiment: Experiment) -> None:
        if experiment.problems:
            raise Refused(Problem("experiment", msg(
                "the manifest of {slug} has errors; mend them and start again", slug=experiment.slug)))
        if experiment.manifest.sunset < self._clock().date():
            raise Refused(Problem("sunset", msg("its sunset date {date} has passed; decide about it, or set a new one",
                                                date=experiment.manifest.sunset.isoformat())))

    def _check_evidence(self, tx: Connection, experiment: Experiment, environment: str, asked: Decimal) -> None:
        ready = self._readiness.ready(tx, experiment.slug, environment, experiment.build)
        if ready.share >= asked:
            return
        wanted = _plain(steps.round_up(asked))  # what a review can be asked for
        if not ready.share:
            todo = msg("the back end was not shown to be ready for {asked}. Run a readiness review for {asked} first.",
                       asked=wanted)
            raise Refused(Problem("share", todo), *(Problem("evidence", reason) for reason in ready.reasons))
        raise Refused(Problem("share", msg(
            "the back end was shown to be ready for {ready}, not for {asked}. Run a readiness review for {asked} "
            "first.", ready=_plain(ready.share), asked=wanted)))

    def _check_watched(self, tx: Connection) -> None:
        last = self._last_tick(tx)
        if last is None or self._clock() - last > WATCHED_WITHIN:
            raise Refused(Problem("guards", msg(
                "no guard has looked for {seconds} s, so nobody would close it. Start the jobs process first.",
                seconds=int(WATCHED_WITHIN.total_seconds()))))


def _plain(share: Decimal) -> str:
    """Without exponent or trailing zeros."""
    return f"{share.normalize():f} %"
