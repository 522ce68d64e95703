"""What the innovation team does with an experiment: declare, review, open, widen, close."""

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from eastwind.audit import SYSTEM, Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Conflict, Invalid, Locked, Message, NotFound, Problem, Refused, msg
from eastwind.experiments import store
from eastwind.experiments.manifest import Loaded
from eastwind.experiments.model import STICKINESS, Experiment, Run
from eastwind.flags import Feature, FeatureEnvironment, Flags
from eastwind.flags import ladder as steps
from eastwind.grid import Grid
from eastwind.readiness import LoadPlan, Readiness, Review

ROOM = "experiments"
_MOST_PILOTS = 1000
_KEEP_CLOSING = 30.0  # seconds


class Experiments:
    """Experiments and their runs. Opening passes the gate inside the flags service; closing needs nothing."""

    def __init__(self, db: Database, flags: Flags, readiness: Readiness, grid: Grid, *, folder: Path,
                 headroom: float, review_seconds: int, clock: Clock = now) -> None:
        self._db, self._flags, self._readiness, self._grid, self._folder = db, flags, readiness, grid, folder
        self._headroom, self._review_seconds, self._clock = headroom, review_seconds, clock

    # -- reading ------------------------------------------------------------------------------------------------

    def get(self, slug: str, tx: Connection | None = None) -> Experiment:
        """One experiment. Raises `NotFound`."""
        with nullcontext(tx) if tx is not None else self._db.read() as work:
            found = store.get(work, slug)
        if found is None:
            raise _unknown(slug)
        return found

    def list(self) -> Sequence[Experiment]:
        """All experiments by slug."""
        with self._db.read() as tx:
            return store.every(tx)

    def open_runs(self, tx: Connection | None = None) -> Sequence[Run]:
        """All runs that are open, oldest first."""
        with nullcontext(tx) if tx is not None else self._db.read() as work:
            return store.open_runs(work)

    def runs(self, slug: str) -> Sequence[Run]:
        """All runs of an experiment, newest first."""
        with self._db.read() as tx:
            return store.runs(tx, slug)

    # -- declaring ----------------------------------------------------------------------------------------------

    def declare(self, folders: Iterable[Loaded]) -> None:
        """Take in what the folders say. Makes a missing flag and ladder, off; never undoes a live state.

        A folder with problems keeps its last valid manifest, marked, so that what runs can still be closed.
        """
        for loaded in folders:
            if loaded.manifest is None:
                self._mark(loaded)
                continue
            self._declare(Experiment(loaded.slug, loaded.manifest, loaded.build))

    def _declare(self, item: Experiment) -> None:
        with self._db.write() as tx:
            before, kept = store.get(tx, item.slug), store.flag_of(tx, item.slug)
            clash = self._clash(tx, item.manifest.flag, kept)
            if clash:
                # What runs keeps its manifest and flag, so that it can still be closed.
                item = replace(before if before and kept else item, problems=(clash,))
            if before == replace(item, runs=before.runs if before else {}):
                return
            store.save(tx, item, self._clock(), owns_flag=bool(kept) or clash is None)
            record(tx, SYSTEM, "experiment-declared", room=ROOM, subject=item.slug, at=self._clock(),
                   after={"build": item.build, "flag": item.manifest.flag})
            if not kept and clash is None:
                self._make_flags(tx, item)
            if before and before.build != item.build:
                self._step_back(tx, item, before)

    def _step_back(self, tx: Connection, item: Experiment, before: Experiment) -> None:
        """A new build is another back end: where the gate holds, it serves no share that no review has shown.

        Without blame: what was found about the old build stays, and counts again if that comes back.
        """
        for place, run in before.runs.items():
            gated = self._flags.environment(place, tx).type == "production"
            if run.is_open and gated and self._readiness.ready(tx, item.slug, place, item.build).share < run.share:
                reason = msg("the build changed to {build}, which no review has shown to be ready",
                             build=item.build[:12])
                self._close(tx, item.slug, place, reason, SYSTEM, breach=False, void=False)

    def _clash(self, tx: Connection, flag: str, kept: str | None) -> Problem | None:
        """An experiment makes its own flag, and keeps it for ever: one that is shared, adopted or exchanged could be
        open without a run, unseen by gate and guards.
        """
        if not kept:
            return self._taken(tx, flag)
        return None if kept == flag else Problem("flag", msg("cannot change: it was {flag}", flag=kept))

    def _taken(self, tx: Connection, flag: str) -> Problem | None:
        for name in (flag, steps.parent_name(flag)):
            try:
                self._flags.feature(name, tx)
            except NotFound:
                continue
            return Problem("flag", msg("{flag} exists already; an experiment makes its own flag", flag=name))
        return None

    def _mark(self, loaded: Loaded) -> None:
        with self._db.write() as tx:
            before = store.get(tx, loaded.slug)
            if before and before.problems != loaded.problems:
                store.save(tx, replace(before, problems=loaded.problems), self._clock())
                record(tx, SYSTEM, "experiment-manifest-refused", room=ROOM, subject=loaded.slug, at=self._clock(),
                       after=[{"field": p.field, **p.reason.as_json()} for p in loaded.problems])

    def _make_flags(self, tx: Connection, item: Experiment) -> None:
        flag, about = item.manifest.flag, item.manifest.hypothesis[:1000]
        parent = Feature(name=steps.parent_name(flag), type="experiment", description=f"Ladder of {flag}")
        child = Feature(name=flag, type="experiment", description=about, dependencies=(steps.dependency(flag),))
        for feature in (parent, child):
            self._flags.create(feature, SYSTEM, tx)

    # -- reviewing ----------------------------------------------------------------------------------------------

    def ask_review(self, slug: str, environment: str, share: Decimal, actor: Actor) -> Review:
        """Have it shown that the back end carries `share` percent. The jobs process runs it."""
        experiment = self.get(slug)
        self._flags.environment(environment)
        steps.rung(share)
        if not share:
            raise Invalid(Problem("share", msg("must be greater than 0")))
        return self._readiness.ask(self._plan(experiment, environment, share), actor)

    def _plan(self, experiment: Experiment, environment: str, share: Decimal) -> LoadPlan:
        load, population = experiment.manifest.load, self._grid.population()
        expected = population * float(share) / 100 * load.requests_per_customer_per_second
        return LoadPlan(
            experiment=experiment.slug, environment=environment, share=share, build=experiment.build,
            requests_per_second=expected * self._headroom, seconds=self._review_seconds, p95_ms=load.p95_ms,
            max_error_ratio=load.max_error_ratio, locustfile=str(self._folder / experiment.slug / "locustfile.py"),
            population=population, expected_per_customer=load.requests_per_customer_per_second,
            headroom=self._headroom)

    # -- opening and closing ------------------------------------------------------------------------------------

    def open(self, slug: str, environment: str, share: Decimal, actor: Actor,
             pilots: tuple[str, ...] | None = None) -> Run:
        """Open to `share` percent of all customers, and to `pilots` by name (None: as they are).

        Sets the share, so it widens, narrows, or changes nothing. Raises `Refused` when the gate says no, and then
        nothing has changed; the refusal is in the audit trail.
        """
        step = steps.rung(share)
        try:
            with self._db.write() as tx:
                return self._open(tx, self.get(slug, tx), environment, step, actor, pilots)
        except Refused as refusal:
            with self._db.write() as tx:
                record(tx, actor, "experiment-open-refused", room=ROOM, subject=slug, environment=environment,
                       at=self._clock(), after={"share": str(share), "problems": [
                           {"field": p.field, "reason": p.reason.as_json()} for p in refusal.problems]})
            raise

    def _open(self, tx: Connection, experiment: Experiment, environment: str, step: steps.Rung, actor: Actor,
              pilots: tuple[str, ...] | None) -> Run:
        before = experiment.open_run(environment)
        named = pilots if pilots is not None else (before.pilots if before else ())
        self._check_pilots(named)
        if not step.rollout and not named:
            raise Invalid(Problem("share", msg("must be greater than 0, or name pilots")))
        flag, stickiness = experiment.manifest.flag, STICKINESS[experiment.manifest.unit]
        parent = steps.parent_strategies(flag, step, named, stickiness)
        child = steps.child_strategies(flag, step, named, stickiness)
        for name, strategies in ((steps.parent_name(flag), parent), (flag, child)):
            state = FeatureEnvironment(environment=environment, enabled=True, strategies=strategies)
            self._flags.set_state(name, state, actor, "experiment-share-set", tx)
        run = store.latest_run(tx, experiment.slug, environment)
        if run is None or not run.is_open:
            raise Conflict(Problem("share", msg("the flag reaches nobody; is it archived?")))
        return run

    def _check_pilots(self, named: tuple[str, ...]) -> None:
        if len(named) > _MOST_PILOTS:
            raise Invalid(Problem("pilots", msg("must have at most {bound} entries", bound=_MOST_PILOTS)))
        unknown = [p for p in named if self._grid.customer(p) is None]
        if unknown:
            raise Invalid(Problem("pilots", msg("there is no customer {names}", names=", ".join(unknown[:10]))))

    def close(self, slug: str, environment: str, reason: Message, actor: Actor, tx: Connection | None = None,
              breach: bool = False, void: bool | None = None) -> Run | None:
        """Everybody is back on today's way. Needs no gate, no approval, and no other part to be up.

        `breach` says that a guard did it; the evidence so far is then void (unless `void` is False), so that opening
        again needs a new review. Returns the run it ended, or None if none was open; repeating it changes nothing.
        While another holds the database's write lock, it goes on trying for half a minute.
        """
        if tx is not None:
            return self._close(tx, slug, environment, reason, actor, breach, breach if void is None else void)
        until = time.monotonic() + _KEEP_CLOSING
        while True:
            try:
                with self._db.write() as work:
                    return self._close(work, slug, environment, reason, actor, breach, breach if void is None else void)
            except Locked:
                if time.monotonic() > until:
                    raise

    def _close(self, tx: Connection, slug: str, environment: str, reason: Message, actor: Actor, breach: bool,
               void: bool) -> Run | None:
        flag = store.flag_of(tx, slug)
        if flag is None:
            raise _unknown(slug)
        before = store.latest_run(tx, slug, environment)
        if flag:
            self._flags.switch(flag, environment, False, actor, tx)
        if before is None or not before.is_open:
            return None
        if (now_ := store.latest_run(tx, slug, environment)) is None or now_.is_open:
            # The flag was off already, and yet the run open: the run follows the flag.
            event = record(tx, actor, "experiment-run-ended", room=ROOM, subject=slug, environment=environment,
                           at=self._clock())
            store.end_run(tx, before.id, event.at, event.actor, event.id)
        store.change_run(tx, before.id, close_reason=reason.as_json(), rolled_back=breach)
        if void:
            self._readiness.void(tx, slug, environment, self._clock(), actor)
        return store.latest_run(tx, slug, environment)

    def leave(self, slug: str, customer: str) -> None:
        """A customer leaves the pilot for good; takes effect with their next request."""
        with self._db.intake() as tx:
            store.leave(tx, slug, customer, self._clock())


def _unknown(slug: str) -> NotFound:
    return NotFound(Problem("experiment", msg("there is no experiment {slug}", slug=slug[:100])))
