"""May this share be opened? What is tested, what came out, and what that allows. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from eastwind.errors import Message, Problem, msg

State = Literal["queued", "running", "ready", "not-ready", "inconclusive"]
Kind = Literal["ready", "not-ready", "inconclusive"]
Phase = Literal["starting", "warming-up", "measuring", "ending"]

MINIMUM_REQUESTS = 100  # fewer say nothing about a 95th percentile
FLOOR_PER_SECOND = 20.0  # a smaller load would take minutes to give enough requests
MOST_PER_SECOND = 5_000.0  # more than one load generator makes
NOBODY = Decimal(0)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The load that shows whether a share can be carried. `share` is percent of all customers, `build` what is tested.

    `requests_per_second` is offered for `seconds`, after a warm-up that does not count. `locustfile` is a path,
    absolute or below the platform's home. Ready means: p95 at most `p95_ms`, and at most `max_error_ratio` (0 to 1)
    of the requests failed.
    """

    experiment: str
    environment: str
    share: Decimal
    build: str
    requests_per_second: float
    seconds: int
    p95_ms: float
    max_error_ratio: float
    locustfile: str
    population: int
    expected_per_customer: float
    headroom: float

    def enough(self) -> "LoadPlan":
        """This plan with its load raised to the floor, and long enough to tell anything. More than asked is fine."""
        rate = max(FLOOR_PER_SECOND, self.requests_per_second)
        return replace(self, requests_per_second=rate,
                       seconds=max(self.seconds, math.ceil(1.2 * MINIMUM_REQUESTS / rate)))

    @property
    def needed_per_second(self) -> float:
        """The load expected of the share, times the headroom."""
        return self.population * float(self.share) / 100 * self.expected_per_customer * self.headroom

    @property
    def raised(self) -> bool:
        """Whether more is offered than the share needs."""
        return self.requests_per_second > self.needed_per_second

    @property
    def users(self) -> int:
        """Locust users: each makes one request a second."""
        return math.ceil(self.requests_per_second)

    @property
    def notes(self) -> tuple[Message, ...]:
        """What a reader must know about how the load was chosen."""
        if not self.raised:
            return ()
        return (msg("{share} of {population} customers need {needed} requests/s; {rate} are offered, "
                    "so that there are enough to judge by", share=f"{self.share:f} %", population=self.population,
                    needed=number(self.needed_per_second), rate=number(self.requests_per_second)),)


def plan_problems(plan: LoadPlan) -> list[Problem]:
    """Everything that keeps a plan from being carried out."""
    problems = [Problem(name, msg("must be greater than {bound}", bound=0)) for name in _POSITIVE
                if not (math.isfinite(getattr(plan, name)) and getattr(plan, name) > 0)]
    if not (plan.share.is_finite() and 0 < plan.share <= 100):
        problems.append(Problem("share", msg("must be more than 0 and at most 100 %")))
    if not 0 <= plan.max_error_ratio <= 1:
        problems.append(Problem("max_error_ratio", msg("must be from 0 to 1")))
    problems += [Problem(name, msg("is missing")) for name in _NAMED if not getattr(plan, name)]
    if not problems and plan.requests_per_second > MOST_PER_SECOND:
        problems.append(Problem("share", msg(
            "needs {rate} requests/s; one load generator makes at most {most}: ask for a smaller share",
            rate=number(plan.requests_per_second), most=number(MOST_PER_SECOND))))
    if not problems and plan.requests_per_second < plan.needed_per_second * (1 - 1e-9):
        problems.append(Problem("requests_per_second", msg("is less than the share needs")))
    return problems


_POSITIVE = ("requests_per_second", "seconds", "p95_ms", "population", "expected_per_customer", "headroom")
_NAMED = ("experiment", "environment", "build", "locustfile")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a running experiment answers, the key it asks for, and which build it is ("" if unknown)."""

    url: str
    key: str = field(repr=False)
    build: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finished run measured, after the warm-up. Times in ms, `generator_cpu` in percent of one core.

    `generator_late_ms`: 95 % of the generator's own naps ended at most so late; what it adds to an answer's time.
    `errors` are failed requests by name, `raised` what the locustfile itself raised, `elsewhere` the requests that
    went to another address than the target's. `raw` is Locust's own report.
    """

    requests: int
    failures: int
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    errors: tuple[tuple[str, int], ...]
    seconds: float
    asked_per_second: float
    build: str
    users: int
    generator_cpu: float
    raised: tuple[tuple[str, int], ...] = ()
    elsewhere: int = 0
    generator_late_ms: float = 0.0
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def error_ratio(self) -> float:
        """Failed of all requests, 0 to 1; 0 without requests."""
        return self.failures / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """A run that was stopped, killed or never got going proves nothing, and leaves nothing behind but why."""

    reason: Message


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, about once a second; `seconds` is how long it will take in all.

    `requests` and `failures` count from the end of the warm-up.
    """

    phase: Phase
    elapsed: float
    seconds: float
    users: int = 0
    requests: int = 0
    failures: int = 0
    requests_per_second: float = 0.0
    p95_ms: float = 0.0

    @property
    def fraction(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, self.elapsed / self.seconds) if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`share` is what may be opened: the plan's if ready, else 0. `reasons` holds every reason, not the first."""

    kind: Kind
    reasons: tuple[Message, ...] = ()
    share: Decimal = NOBODY


@dataclass(frozen=True, slots=True)
class Review:
    """One review from being asked for to its verdict, which is never changed; evidence can be voided."""

    id: int
    experiment: str
    environment: str
    share: Decimal
    build: str
    state: State
    reasons: tuple[Message, ...]
    plan: LoadPlan
    evidence: Evidence | None
    progress: Progress | None
    asked_by: str
    asked_at: datetime
    owner: str = ""
    heartbeat_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    voided_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether there is a verdict."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True)
class Ready:
    """The largest share that evidence supports now (percent; 0: none), until when, and by which review.

    `reasons` say, when the share is 0, why there is none.
    """

    share: Decimal = NOBODY
    until: datetime | None = None
    review: int | None = None
    reasons: tuple[Message, ...] = ()


def percentile(histogram: Mapping[int, int], q: float) -> float:
    """The smallest time (ms) that at least a part `q` (0 to 1) of the requests did not exceed; 0 if there are none."""
    rank, seen = math.ceil(sum(histogram.values()) * q), 0
    for time, count in sorted(histogram.items()):
        seen += count
        if seen >= rank:
            return float(time)
    return 0.0


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sum of histograms."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for time, count in histogram.items():
            total[time] = total.get(time, 0) + count
    return total


def number(value: float) -> str:
    """A number for a sentence: at most three significant digits below 100, none after the point above."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
