"""A guard watches one metric of an open experiment; what it decides at each look is a value of its own. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from eastwind.errors import Message
from eastwind.experiments.manifest import Manifest, Metric


class Kind(StrEnum):
    """What a look at a metric came to. Only BREACH acts; NO_DATA and INCONCLUSIVE are not QUIET."""

    NO_DATA = "no-data"
    INCONCLUSIVE = "inconclusive"
    QUIET = "quiet"
    BREACH = "breach"


@dataclass(frozen=True, slots=True)
class Guard:
    """What one metric may not do.

    `hard_limit`: at most so many units that saw the new way may show it. `alpha`: compare with control, with this
    chance of ever closing a harmless experiment. `margin`: how much worse is still allowed, in the metric's own unit (a
    share: 0.01 is one percentage point).
    """

    metric: str
    kind: str
    better: str
    hard_limit: int | None = None
    alpha: float | None = None
    margin: float = 0.0

    @classmethod
    def of(cls, metric: Metric) -> Self:
        """The guard that a manifest's metric asks for."""
        return cls(metric.name, metric.kind, metric.better, metric.hard_limit, metric.alpha, metric.margin)


def guards(manifest: Manifest) -> tuple[Guard, ...]:
    """The guards of an experiment: one for each metric with a hard limit or an alpha."""
    return tuple(Guard.of(m) for m in manifest.metrics if m.hard_limit is not None or m.alpha is not None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a guard decided, with the figures in the reason.

    A breach that does not blame closes all the same, but says nothing against the evidence: control fails alike.
    """

    metric: str
    kind: Kind
    reason: Message
    blames: bool = True


@dataclass(frozen=True, slots=True)
class GuardState:
    """The latest decision on a metric in a run."""

    run: int
    metric: str
    kind: Kind
    reason: Message
    at: datetime


@dataclass(frozen=True, slots=True)
class Breach:
    """A rollback: which metric closed which run, when and why. A run has at most one."""

    experiment: str
    environment: str
    run: int
    metric: str
    reason: Message
    at: datetime
