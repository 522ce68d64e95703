"""Counts of flags by the hour, and series: counters (increments add up), gauges (the last one counts), histograms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]  # in order of name
# Each upper bound (infinity for the last) with how many were at most that.
Buckets = tuple[tuple[float, int], ...]

_MOST = 2**62  # what a database's whole number holds, and more than anybody counts
_LATEST = timedelta(hours=48)


class Counted(Protocol):
    """How often a flag was found on and off, and each of its variants shown."""

    @property
    def yes(self) -> int: ...

    @property
    def no(self) -> int: ...

    @property
    def variants(self) -> Mapping[str, int] | None: ...


@dataclass(frozen=True, slots=True)
class Count:
    """What is `Counted`."""

    yes: int
    no: int
    variants: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Hour:
    """What an application counted of a flag in the hour that began at `hour`."""

    feature: str
    environment: str
    app: str
    hour: datetime
    yes: int
    no: int
    variants: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Application:
    """An application that showed itself in an environment."""

    app: str
    environment: str
    sdk: str
    strategies: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: `value` of a counter's increment or a gauge, or a histogram's `count`, `total` and `buckets`."""

    labels: Labels = ()
    value: float = 0.0
    count: int = 0
    total: float = 0.0
    buckets: Buckets = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """What a service measures under one name."""

    name: str
    kind: Kind
    help: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """Which series."""

    environment: str
    app: str
    name: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it stands: a counter's sum of all increments, a gauge's last value, a histogram's sums."""

    key: Key
    kind: Kind
    help: str
    at: datetime
    value: float = 0.0
    count: int = 0
    total: float = 0.0
    buckets: Buckets = ()


@dataclass(frozen=True, slots=True)
class Point:
    """What came in for a series in the minute that began at `minute`."""

    minute: datetime
    value: float
    count: int
    total: float
    buckets: Buckets


def hour_of(began: datetime, received: datetime) -> datetime:
    """The hour a count belongs to: never a later one than now, nor one more than two days ago."""
    kept = min(max(began, received - _LATEST), received)
    return kept.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def joined(known: Application, newer: Application) -> Application:
    """What is known of an application after it showed itself again; it does not always say everything."""
    return replace(known, sdk=newer.sdk or known.sdk, strategies=newer.strategies or known.strategies,
                   last_seen=max(known.last_seen, newer.last_seen))


def grown(known: Series, sample: Sample, at: datetime) -> Series:
    """The series after one more sample."""
    if known.kind == "gauge":
        return replace(known, value=sample.value, at=at)
    if known.kind == "counter":
        return replace(known, value=known.value + sample.value, at=at)
    return replace(known, count=min(known.count + sample.count, _MOST), total=known.total + sample.total, at=at,
                   buckets=_summed(known.buckets, sample.buckets))


def _summed(one: Buckets, other: Buckets) -> Buckets:
    """Cumulative buckets add up bound by bound; where the bounds changed, the new ones begin anew."""
    if [le for le, _ in one] != [le for le, _ in other]:
        return other or one
    return tuple((le, min(n + m, _MOST)) for (le, n), (_, m) in zip(one, other, strict=True))
