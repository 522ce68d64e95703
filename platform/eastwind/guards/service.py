"""The guards' loop: observe every open run, decide, and close what breached. Level-triggered: each tick reads anew."""

import logging
from contextlib import nullcontext
from datetime import datetime

from eastwind.analysis import Analysis
from eastwind.audit import Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.experiments.model import Run
from eastwind.experiments.service import Experiments
from eastwind.guards import store
from eastwind.guards.decide import decide
from eastwind.guards.model import Breach, Decision, GuardState, Kind, guards

log = logging.getLogger(__name__)


class Guards:
    """Watches all open runs. Any number of tickers may run at once: a run is rolled back once."""

    def __init__(self, db: Database, analysis: Analysis, experiments: Experiments, clock: Clock = now) -> None:
        self._db, self._analysis, self._experiments, self._clock = db, analysis, experiments, clock

    def tick(self) -> list[Breach]:
        """Look at every open run once, and return the rollbacks this made.

        One run that cannot be looked at or closed never keeps the others from it; but then the tick does not count
        as one, so that a guard that stays blind is seen (`last_tick`), and nothing new opens meanwhile.
        """
        made: list[Breach] = []
        blind = False
        for run in self._experiments.open_runs():
            try:
                made.extend(self._watch(run))
            except Exception:
                log.exception("the guards of %s in %s could not look", run.experiment, run.environment)
                blind = True
        if not blind:
            with self._db.intake() as tx:
                store.beat(tx, self._clock())
        return made

    def _watch(self, run: Run) -> list[Breach]:
        decisions = self.look(run)
        worst = next((d for d in decisions if d.kind is Kind.BREACH), None)
        # First things first: the rollback does not wait for the page's figures to be written.
        made = self.roll_back(run, worst) if worst else None
        with self._db.intake() as tx:
            store.save_states(tx, run.experiment, run.environment, run.id, decisions, self._clock())
        return [made] if made else []

    def look(self, run: Run) -> list[Decision]:
        """What each guard of a run decides now. Changes nothing."""
        with self._db.read() as tx:
            watched = guards(self._experiments.get(run.experiment, tx).manifest)
            counts = self._analysis.counts(run.experiment, run.environment, run.id, tx, {g.metric for g in watched})
        return [decide(guard, counts) for guard in watched]

    def roll_back(self, run: Run, decision: Decision) -> Breach | None:
        """Close, void the evidence and put the breach on record, together; None if the run is no longer open.

        Writers are serial, so a second ticker sees the run closed and leaves it alone.
        """
        actor = Actor("guard", decision.metric)
        made = Breach(run.experiment, run.environment, run.id, decision.metric, decision.reason, self._clock())
        with self._db.write() as tx:
            if run.id not in {r.id for r in self._experiments.open_runs(tx)}:
                return None
            self._experiments.close(run.experiment, run.environment, decision.reason, actor, tx=tx, breach=True,
                                    void=decision.blames)
            store.add_breach(tx, made)
            record(tx, actor, "rolled-back", room="guards", subject=run.experiment, environment=run.environment,
                   after={"run": run.id, "metric": decision.metric, "reason": decision.reason.as_json()}, at=made.at)
        log.warning("rolled back %s in %s: %s", run.experiment, run.environment, decision.reason)
        return made

    def status(self, experiment: str, environment: str) -> list[GuardState]:
        """The latest decision on each watched metric of the newest run that was looked at."""
        with self._db.read() as tx:
            return store.states(tx, experiment, environment)

    def breaches(self, experiment: str) -> list[Breach]:
        """All rollbacks of an experiment, newest first."""
        with self._db.read() as tx:
            return store.breaches(tx, experiment)

    def last_tick(self, tx: Connection | None = None) -> datetime | None:
        """When all open runs were last looked at; None before the first time."""
        with nullcontext(tx) if tx is not None else self._db.read() as work:
            return store.last_tick(work)
