"""From what a run measured to a verdict. Pure.

Inconclusive wins over not ready: numbers that cannot be trusted do not condemn a back end either. Both open nothing.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from eastwind.errors import Message, msg
from eastwind.readiness.model import MINIMUM_REQUESTS, Evidence, LoadPlan, NoEvidence, Review, Verdict, number

ENOUGH_OF_RATE = 0.9
ENOUGH_OF_TIME = 0.9
SATURATED_CPU = 90.0
TOO_LATE = 0.25  # of the limit for answers


def decide(plan: LoadPlan, outcome: Evidence | NoEvidence, *, doubts: Sequence[Message] = (),
           minimum: int = MINIMUM_REQUESTS) -> Verdict:
    """The verdict, with every reason. `doubts` are reasons of the caller not to trust the numbers."""
    if isinstance(outcome, NoEvidence):
        return Verdict("inconclusive", (outcome.reason, *doubts))
    if not is_sane(outcome):
        return Verdict("inconclusive", (msg("the report holds numbers that cannot be"), *doubts))
    failings = _failings(plan, outcome)
    doubted = (*_doubts(plan, outcome, minimum, bool(failings)), *doubts)
    if doubted:
        return Verdict("inconclusive", (*doubted, *failings))
    if failings:
        return Verdict("not-ready", failings)
    return Verdict("ready", (), plan.share)


def is_sane(evidence: Evidence) -> bool:
    """Whether the numbers can be at all: finite, not negative, and not at odds with one another."""
    numbers = [getattr(evidence, name) for name in _NUMBERS]
    counts = [count for _name, count in (*evidence.errors, *evidence.raised)]
    if not all(math.isfinite(n) and n >= 0 for n in (*numbers, *counts)):
        return False
    if evidence.failures > evidence.requests or not evidence.p50_ms <= evidence.p95_ms <= evidence.p99_ms:
        return False
    # Rates are rounded somewhere on the way; a rate that the counts do not make is not.
    made = evidence.requests / evidence.seconds if evidence.seconds else 0.0
    return evidence.seconds > 0 and abs(made - evidence.requests_per_second) <= 0.01 * max(made, 1.0)


_NUMBERS = ("requests", "failures", "requests_per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms", "seconds",
            "asked_per_second", "users", "generator_cpu", "generator_late_ms", "elsewhere")


def _failings(plan: LoadPlan, evidence: Evidence) -> tuple[Message, ...]:
    """What the back end did not hold."""
    failings = []
    if evidence.p95_ms > plan.p95_ms:
        failings.append(msg("{part} of answers took up to {p95} ms; the limit is {limit} ms", part="95 %",
                            p95=number(evidence.p95_ms), limit=number(plan.p95_ms)))
    if evidence.error_ratio > plan.max_error_ratio:
        failings.append(msg("{percent} of requests failed; the limit is {limit} (most often: {error})",
                            percent=f"{number(100 * evidence.error_ratio)} %",
                            limit=f"{number(100 * plan.max_error_ratio)} %",
                            error=evidence.errors[0][0] if evidence.errors else "?"))
    if failings and _fell_short(plan, evidence):
        failings.append(msg("only {rate} of {asked} requests/s were carried",
                            rate=number(evidence.requests_per_second), asked=number(plan.requests_per_second)))
    return tuple(failings)


def _doubts(plan: LoadPlan, evidence: Evidence, minimum: int, failing: bool) -> tuple[Message, ...]:
    """Why the numbers may not say anything about the back end."""
    if not evidence.requests:
        return (msg("the locustfile made no requests"), *_raised(evidence))
    return (*_other_build(plan, evidence), *_raised(evidence), *_cut_short(plan, evidence),
            *_too_few(evidence, minimum), *_saturated(plan, evidence, failing), *_elsewhere(evidence))


def _other_build(plan: LoadPlan, evidence: Evidence) -> Sequence[Message]:
    if evidence.build == plan.build:
        return ()
    return (msg("build {ran} was running, not {asked}: ask again", ran=evidence.build, asked=plan.build),)


def _raised(evidence: Evidence) -> Sequence[Message]:
    return [msg("the locustfile raised {count} times: {error}", count=count, error=error)
            for error, count in evidence.raised[:3]]


def _cut_short(plan: LoadPlan, evidence: Evidence) -> Sequence[Message]:
    if evidence.seconds >= ENOUGH_OF_TIME * plan.seconds:
        return ()
    return (msg("the run ended after {seconds} of {planned} seconds",
                seconds=number(evidence.seconds), planned=plan.seconds),)


def _too_few(evidence: Evidence, minimum: int) -> Sequence[Message]:
    if evidence.requests >= minimum:
        return ()
    return (msg("too few requests to judge by: {count}, at least {minimum} are needed",
                count=evidence.requests, minimum=minimum),)


def _saturated(plan: LoadPlan, evidence: Evidence, failing: bool) -> Sequence[Message]:
    found = []
    if evidence.generator_cpu > SATURATED_CPU:
        found.append(msg("the load generator itself was at its limit ({percent} of a core)",
                         percent=f"{number(evidence.generator_cpu)} %"))
    # Lateness only makes answers look slower: what passes in spite of it has passed.
    if failing and evidence.generator_late_ms > TOO_LATE * plan.p95_ms:
        found.append(msg("the load generator itself was late by {late} ms: it, or the machine, was too busy",
                         late=number(evidence.generator_late_ms)))
    if _fell_short(plan, evidence) and not failing:
        found.append(msg("only {rate} of {asked} requests/s were made although answers were quick: "
                         "the load generator or the locustfile was the limit",
                         rate=number(evidence.requests_per_second), asked=number(plan.requests_per_second)))
    return found


def _elsewhere(evidence: Evidence) -> Sequence[Message]:
    if not evidence.elsewhere:
        return ()
    return (msg("{count} requests went to another address than the experiment's", count=evidence.elsewhere),)


def _fell_short(plan: LoadPlan, evidence: Evidence) -> bool:
    return evidence.requests_per_second < ENOUGH_OF_RATE * plan.requests_per_second


def why_not_ready(latest: Review | None, build: str, at: datetime) -> tuple[Message, ...]:
    """Why no evidence supports any share, as the latest review tells it, and what to do."""
    if latest is None:
        return (msg("no readiness review has been run: run one"),)
    if not latest.done:
        return (msg("review {number} is not finished: wait for it", number=latest.id),)
    if latest.build != build:
        return (msg("the latest review ({number}) tested another build: run one for this build", number=latest.id),)
    if latest.state == "not-ready":
        return (msg("review {number} found that it is not ready", number=latest.id), *latest.reasons)
    if latest.state == "inconclusive":
        return (msg("review {number} was inconclusive: run a new one", number=latest.id), *latest.reasons)
    return (_why_not_counted(latest, at),)


def _why_not_counted(review: Review, at: datetime) -> Message:
    if review.voided_at:
        return msg("the evidence of review {number} was voided: run a new one", number=review.id)
    if review.expires_at and review.expires_at <= at:
        return msg("the evidence of review {number} has expired: run a new one", number=review.id)
    return msg("the evidence of review {number} is from the future: set the clock right", number=review.id)
