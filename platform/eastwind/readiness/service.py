"""Asking for reviews, running them one at a time, and what their evidence supports."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from eastwind.audit import SYSTEM, Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Busy, Conflict, Message, NotFound, Problem, gather, msg
from eastwind.readiness import store
from eastwind.readiness.decide import is_sane, why_not_ready
from eastwind.readiness.model import Evidence, LoadPlan, Progress, Ready, Review, Verdict, plan_problems

ROOM = "readiness"
LONGEST_QUEUE = 50


class Readiness:
    """Reviews. A verdict is final; evidence counts until it expires, is voided, or is contradicted.

    Contradicted: a later review of the same build that finds a share not ready voids what was found ready for that
    share and for larger ones.
    """

    def __init__(self, db: Database, clock: Clock = now, valid_for: timedelta = timedelta(days=7)) -> None:
        self._db, self._clock, self._valid_for = db, clock, valid_for

    # -- asking and looking -------------------------------------------------------------------------------------

    def ask(self, plan: LoadPlan, actor: Actor, tx: Connection | None = None) -> Review:
        """Queue a review. One that is queued or running for the same share and build is returned instead.

        Too small a load is raised, which the review's plan then says. Raises `Invalid` naming every wrong field of
        the plan, `Busy` if the queue is full.
        """
        gather(plan_problems(plan))
        plan = plan.enough()
        with self._writing(tx) as work:
            known = store.unfinished(work, plan.experiment, plan.environment, plan.share, plan.build)
            if known:
                return known
            if store.waiting(work) >= LONGEST_QUEUE:
                raise Busy(Problem("", msg("{count} reviews are waiting already", count=LONGEST_QUEUE)))
            made = store.add(work, plan, str(actor), self._clock())
            self._record(work, actor, "review-asked", made)
        return made

    def get(self, number: int) -> Review:
        """A review. Raises `NotFound`."""
        with self._db.read() as tx:
            return _found(store.get(tx, number), number)

    def latest(self, experiment: str, environment: str) -> Review | None:
        """The newest review of an experiment in an environment, in whatever state."""
        return next(iter(self.history(experiment, environment, 1)), None)

    def history(self, experiment: str, environment: str, limit: int = 20) -> list[Review]:
        """The newest reviews first, at most `limit`."""
        with self._db.read() as tx:
            return store.history(tx, experiment, environment, limit)

    def ready(self, tx: Connection, experiment: str, environment: str, build: str) -> Ready:
        """What evidence supports at this moment for this build; reads in the caller's transaction."""
        at = self._clock()
        best = store.largest(tx, experiment, environment, build, at)
        if best:
            return Ready(min(best.share, best.plan.share), best.expires_at, best.id)
        newest = next(iter(store.history(tx, experiment, environment, 1)), None)
        return Ready(reasons=why_not_ready(newest, build, at))

    # -- running ------------------------------------------------------------------------------------------------

    def claim(self, owner: str, fence: Callable[[Connection], None] | None = None) -> Review | None:
        """Start the oldest queued review, in the name of `owner`; None if there is none.

        No review is ever given to two. `fence` may raise, within the transaction, to keep a former leader out.
        """
        with self._db.write() as tx:
            if fence:
                fence(tx)
            taken = store.take(tx, owner, self._clock())
            if taken:
                self._record(tx, Actor("job", owner), "review-started", taken)
        return taken

    def progress(self, number: int, progress: Progress) -> bool:
        """Note how far a running review is, which shows too that its runner lives.

        False if it is not running any more (cancelled, abandoned): the runner must stop.
        """
        with self._db.intake() as tx:
            return store.beat(tx, number, progress, self._clock())

    def finish(self, number: int, evidence: Evidence | None, verdict: Verdict) -> Review:
        """Give a running review its verdict. Raises `Conflict` if it has one already.

        Ready without sane evidence of the asked build, or for more than was asked, is a `Conflict` too.
        """
        with self._db.write() as tx:
            current = _found(store.get(tx, number), number)
            if current.state != "running":
                raise Conflict(Problem("", msg("review {number} is not running", number=number)))
            if verdict.kind == "ready" and not _supports(evidence, verdict, current):
                raise Conflict(Problem("verdict", msg("the evidence does not support the verdict")))
            return self._close(tx, Actor("job", current.owner), current, verdict, evidence)

    def cancel(self, number: int, actor: Actor) -> Review:
        """End an unfinished review at once; it leaves no evidence. Finished ones are returned as they are."""
        with self._db.write() as tx:
            current = _found(store.get(tx, number), number)
            if current.done:
                return current
            return self._give_up(tx, actor, current, msg("cancelled by {name}", name=actor.name))

    def abandon_stale(self, older_than: timedelta) -> list[Review]:
        """Make running reviews inconclusive whose runner has not been heard of for `older_than`."""
        with self._db.read() as tx:
            if not store.silent(tx, self._clock() - older_than):
                return []
        with self._db.write() as tx:
            lost = store.silent(tx, self._clock() - older_than)
            return [self._give_up(tx, SYSTEM, each, msg("the runner ended without a result")) for each in lost]

    def void(self, tx: Connection, experiment: str, environment: str, at: datetime, actor: Actor = SYSTEM) -> None:
        """Void all evidence there is, in the caller's transaction: only what is found from now on counts.

        A review that runs now has seen the time before, so it ends without evidence.
        """
        for each in store.running(tx, experiment, environment):
            self._give_up(tx, actor, each, msg("the experiment was closed by a guard during the review"))
        taken = store.void(tx, experiment, environment, at)
        if taken:
            record(tx, actor, "evidence-voided", room=ROOM, subject=experiment, environment=environment,
                   after={"reviews": taken}, at=at)

    # -- inside -------------------------------------------------------------------------------------------------

    def _give_up(self, tx: Connection, actor: Actor, current: Review, reason: Message) -> Review:
        return self._close(tx, actor, current, Verdict("inconclusive", (reason,)), None)

    def _close(self, tx: Connection, actor: Actor, current: Review, verdict: Verdict,
               evidence: Evidence | None) -> Review:
        at = self._clock()
        kept = evidence if evidence and is_sane(evidence) else None
        expires = at + self._valid_for if verdict.kind == "ready" else None
        done = _found(store.finish(tx, current.id, verdict.kind, verdict.reasons, kept, at, expires), current.id)
        voided = store.void_contradicted(tx, done, at) if verdict.kind == "not-ready" else []
        # The digest in the chain of events makes a changed row of evidence show.
        record(tx, actor, "review-finished", room=ROOM, subject=done.experiment, environment=done.environment, at=at,
               after={"review": done.id, "verdict": verdict.kind, "share": f"{done.share:f}", "build": done.build,
                      "reasons": [str(reason) for reason in verdict.reasons], "evidence": evidence_digest(kept),
                      "voided": voided})
        return done

    def _record(self, tx: Connection, actor: Actor, act: str, subject: Review) -> None:
        record(tx, actor, act, room=ROOM, subject=subject.experiment, environment=subject.environment,
               after={"review": subject.id, "share": f"{subject.share:f}", "build": subject.build}, at=self._clock())

    @contextmanager
    def _writing(self, tx: Connection | None) -> Iterator[Connection]:
        if tx is not None:
            yield tx
            return
        with self._db.write() as work:
            yield work


def evidence_digest(evidence: Evidence | None) -> str:
    """SHA-256 of evidence as it is stored; "" for none."""
    if evidence is None:
        return ""
    body = json.dumps(store.evidence_json(evidence), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(body.encode("utf-8", "backslashreplace")).hexdigest()


def _supports(evidence: Evidence | None, verdict: Verdict, asked: Review) -> bool:
    return evidence is not None and is_sane(evidence) and evidence.build == asked.build \
        and verdict.share <= asked.share


def _found(review: Review | None, number: int) -> Review:
    if review is None:
        raise NotFound(Problem("review", msg("there is no review {number}", number=number)))
    return review
