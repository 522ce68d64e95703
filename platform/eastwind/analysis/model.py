"""What a run's exposures and outcomes add up to, and what can be said about them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from eastwind.errors import Message

TREATMENT, CONTROL, PILOT = "treatment", "control", "pilot"

Verdict = Literal["too-few", "withheld", "better", "worse", "unclear"]


@dataclass(frozen=True, slots=True)
class Sums:
    """One metric in one arm, over units: each unit weighs the same, however often it was heard of.

    A unit's value is the mean of its values. `n_units` counts the units with a value, `n_positive` those with any
    value above 0.
    """

    n_units: int = 0
    n_positive: int = 0
    total: float = 0.0
    total_squares: float = 0.0

    @property
    def mean(self) -> float:
        """Mean over units with a value; 0 if there is none."""
        return self.total / self.n_units if self.n_units else 0.0

    @property
    def variance(self) -> float:
        """Sample variance over units with a value, never negative; 0 below two units."""
        if self.n_units < 2:
            return 0.0
        return max(0.0, (self.total_squares - self.total * self.mean) / (self.n_units - 1))


NOTHING = Sums()


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run adds up to.

    `units` and `metrics` hold treatment and control alone: pilots were let in by name, and units that were shown both
    arms (`crossed`) belong to neither; both are left out of every comparison. `touched` is every unit that ever saw
    the new way, pilots and crossed ones included, and `harmed` how many of those had a value above 0 since: what a
    hard limit counts.
    """

    units: Mapping[str, int] = field(default_factory=dict)
    crossed: int = 0
    pilots: int = 0
    metrics: Mapping[str, Mapping[str, Sums]] = field(default_factory=dict)
    touched: int = 0
    harmed: Mapping[str, int] = field(default_factory=dict)

    def of(self, metric: str, arm: str) -> Sums:
        """One metric in one arm; nothing if nothing arrived."""
        return self.metrics.get(metric, {}).get(arm, NOTHING)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ArmValue:
    """One arm of a metric: how many units, and their share (0 to 1) or mean. None without units."""

    units: int
    value: float | None


@dataclass(frozen=True, slots=True)
class MetricResult:
    """Treatment against control in one metric.

    `difference` is treatment minus control, in the metric's own unit (a share: 0 to 1); `relative` is that as a part
    of control. Either is None where it cannot be told, and `reason` says why.
    """

    name: str
    role: str
    kind: str
    better: str
    treatment: ArmValue
    control: ArmValue
    verdict: Verdict
    difference: Interval | None = None
    relative: Interval | None = None
    p_value: float | None = None
    reason: Message | None = None


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether the arms have the sizes that the share makes. `expected` is treatment's part of both arms, 0 to 1."""

    kind: Literal["ok", "mismatch", "not-checked"]
    reason: Message
    expected: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The report on one run, as of `at`."""

    experiment: str
    environment: str
    run: int
    at: datetime
    opened_at: datetime
    closed_at: datetime | None
    share: Decimal
    units: Mapping[str, int]
    crossed: int
    pilots: int
    sample_ratio: SampleRatio
    metrics: tuple[MetricResult, ...]
    answer: Message

    @property
    def primary(self) -> MetricResult:
        """The metric the experiment is judged by."""
        return next(m for m in self.metrics if m.role == "primary")
