"""What is known of an SDK instance, in two grades that are never mixed.

*Delivered*: the instance asked with that revision's ETag, or the revision was streamed to it. It says nothing about
what the instance does: an official SDK that cannot read one flag keeps the old state of all and asks with the new ETag.

*Obeyed*: a metrics bucket of the instance that began after the change counts no `yes` for the flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

_MOST_STEPS = 64
_LONGEST = timedelta(days=30)
_MOST_FLAGS = 500


@dataclass(frozen=True, slots=True)
class Instance:
    """Who asks: one connection of one instance of an application, in one environment."""

    environment: str
    app: str
    instance: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """How often an instance found a flag on and off in a stretch of time that began at `began`."""

    began: datetime
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Note:
    """One thing seen of an instance; what is empty was not seen."""

    who: Instance
    at: datetime
    sdk: str = ""
    transport: str = ""
    revision: int | None = None
    buckets: Mapping[str, Bucket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known of an instance. `steps` are the revisions it held, each with when it was first seen to."""

    who: Instance
    first_seen: datetime
    last_seen: datetime
    sdk: str = ""
    transport: str = ""
    steps: tuple[tuple[int, datetime], ...] = ()
    buckets: Mapping[str, Bucket] = field(default_factory=dict)

    def delivered_at(self, revision: int) -> datetime | None:
        """Since when it has held `revision` or a newer one without a break; None if it does not."""
        since = None
        for held, at in reversed(self.steps):
            if held < revision:
                break
            since = at
        return since

    def obeyed(self, flag: str, closed_at: datetime) -> bool | None:
        """Whether its newest bucket begun after `closed_at` has no yes; None without such a bucket."""
        bucket = self.buckets.get(flag)
        return None if bucket is None or bucket.began < closed_at else bucket.yes == 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far one change got with one instance."""

    app: str
    instance: str
    connection: str
    sdk: str
    delivered_at: datetime | None
    obeyed: bool | None
    last_seen: datetime
    transport: str
    revision: int | None


def begun(start: datetime, stop: datetime, received: datetime) -> datetime:
    """When a bucket began, by our clock or theirs, whichever is earlier: a fast clock elsewhere proves nothing."""
    length = min(max(stop - start, timedelta(0)), _LONGEST)
    return min(start, received - length)


def noted(trace: Trace | None, note: Note) -> Trace:
    """What is known after `note`. Notes may come late and twice: it is their moments that count."""
    known = trace or Trace(note.who, note.at, note.at)
    steps = known.steps if note.revision is None else _stepped((*known.steps, (note.revision, note.at)))
    return replace(
        known, first_seen=min(known.first_seen, note.at), last_seen=max(known.last_seen, note.at),
        sdk=note.sdk or known.sdk, transport=note.transport or known.transport, steps=steps,
        buckets=_newest({**note.buckets}, known.buckets))


def arrival(trace: Trace, revision: int, flag: str, closed_at: datetime) -> Arrival:
    """How far `revision`, which changed `flag` at `closed_at`, got with this instance."""
    who = trace.who
    return Arrival(who.app, who.instance, who.connection, trace.sdk, trace.delivered_at(revision),
                   trace.obeyed(flag, closed_at), trace.last_seen, trace.transport,
                   trace.steps[-1][0] if trace.steps else None)


def _stepped(steps: tuple[tuple[int, datetime], ...]) -> tuple[tuple[int, datetime], ...]:
    kept: list[tuple[int, datetime]] = []
    for step in sorted(steps, key=lambda s: s[1]):
        if not kept or kept[-1][0] != step[0]:
            kept.append(step)
    return tuple(kept[-_MOST_STEPS:])


def _newest(one: Mapping[str, Bucket], other: Mapping[str, Bucket]) -> Mapping[str, Bucket]:
    if not one:
        return other
    merged = {**other, **{f: b for f, b in one.items() if f not in other or other[f].began <= b.began}}
    if len(merged) <= _MOST_FLAGS:
        return merged
    return dict(sorted(merged.items(), key=lambda item: item[1].began)[-_MOST_FLAGS:])
