"""Small words and shapes that several pages show. Pure, but for the reader's language and clock zone."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask_babel import format_datetime, format_decimal, format_time, to_user_timezone

from eastwind.analysis import ArmValue
from eastwind.clock import now
from eastwind.errors import Message, msg
from eastwind.experiments.gate import WATCHED_WITHIN
from eastwind.readiness import Review
from eastwind.web.console.timeline import who

_WIDTH = 320
_METRICS = {
    "error": msg("Technical errors"), "failed_first_contact": msg("Failed first contacts"),
    "latency_ms": msg("Time to answer, ms"), "helped": msg("Customers it helped"),
    "hotline_call": msg("Calls to the hotline"),
}
REVIEW_STATES = {
    "queued": (msg("waiting"), "live"), "running": (msg("running"), "live"), "ready": (msg("ready"), "good"),
    "not-ready": (msg("not ready"), "stop"), "inconclusive": (msg("inconclusive"), "warn"),
}
PROCESS_STATES = {
    "starting": (msg("starting"), "live"), "up": (msg("up"), "good"), "down": (msg("down"), "warn"),
    "failed": (msg("failed"), "stop"), "not-loaded": (msg("not loaded"), "stop"),
}
BREAKER_STATES = {
    "closed": (msg("closed: customers get through"), "good"), "open": (msg("open: customers get today's way"), "stop"),
    "half-open": (msg("half-open: one customer tries"), "warn"),
}
PHASES = {"starting": msg("starting"), "warming-up": msg("warming up"), "measuring": msg("measuring"),
          "ending": msg("ending")}
SERVICES = {"outages": msg("outages"), "bill": msg("bill")}
UNITS = {"customer": msg("customer"), "transformer": msg("transformer"), "feeder": msg("feeder")}
TRANSPORTS = {"polling": msg("polling"), "streaming": msg("streaming")}
ARMS = {"treatment": msg("Treatment"), "control": msg("Control"), "pilot": msg("Pilots")}


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled place on a line; `x` in the drawing's units."""

    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Latency:
    """Measured percentiles against the limit, on a line of `width` units."""

    p95: Mark
    limit: Mark
    marks: tuple[Mark, ...]
    text: Message
    width: int = _WIDTH


@dataclass(frozen=True, slots=True)
class Bar:
    """One arm's size; `width` of 100 units is the largest."""

    label: Message
    count: int
    width: float


def metric_label(name: str) -> Message:
    """What people call a metric; one that an experiment made itself is called by its name."""
    return _METRICS.get(name, Message("{name}", {"name": name.replace("_", " ")}))


def moment(at: datetime, day: bool = True) -> str:
    """A time in the reader's language and zone: the date only where it is not today's."""
    same = to_user_timezone(at).date() == to_user_timezone(now()).date()
    return str(format_time(at, "HH:mm:ss") if same or not day else format_datetime(at, "yyyy-MM-dd HH:mm"))


def number(value: float | Decimal, digits: int = 0) -> str:
    """A number in the reader's language with at most `digits` after the point."""
    return str(format_decimal(round(value, digits)))


def ratio(part: float, digits: int = 1) -> str:
    """A part of one as percent."""
    return f"{100 * part:.{digits}f} %"


def arm_value(arm: ArmValue, kind: str) -> str:
    """One arm's share or mean; a dash where there is none."""
    if arm.value is None:
        return "–"
    return ratio(arm.value, 2) if kind == "proportion" else number(arm.value, 1)


def after(start: datetime, end: datetime) -> Message:
    """How long something took, to a tenth of a second."""
    return msg("after {seconds} s", seconds=f"{max(0.0, (end - start).total_seconds()):.1f}")


def progress_percent(review: Review) -> int:
    """How far a running review is, 0 to 100."""
    return round(100 * review.progress.fraction) if review.progress else 0


def latency(review: Review) -> Latency | None:
    """How a review's percentiles lie against its limit; None without evidence."""
    if review.evidence is None:
        return None
    seen, limit = review.evidence, review.plan.p95_ms
    scale = _WIDTH / (1.15 * max(limit, seen.p99_ms, 1))
    p50, p95, p99 = (_mark(ms * scale, f"{name} {ms:.0f}") for name, ms in (
        ("p50", seen.p50_ms), ("p95", seen.p95_ms), ("p99", seen.p99_ms)))
    text = msg("Half of the answers came within {p50} ms, 95 % within {p95} ms, 99 % within {p99} ms; the limit, for "
               "95 %, is {limit} ms", p50=f"{seen.p50_ms:.0f}", p95=f"{seen.p95_ms:.0f}", p99=f"{seen.p99_ms:.0f}",
               limit=f"{limit:.0f}")
    return Latency(p95, _mark(limit * scale, f"{limit:.0f} ms"), _apart((p50, p95, p99)), text)


def _mark(x: float, label: str) -> Mark:
    anchor = "start" if x < 30 else "end" if x > _WIDTH - 30 else "middle"
    return Mark(round(x, 1), label, anchor)


def _apart(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Without labels that would be drawn over one another; the 95th percentile, which decides, keeps its own."""
    p50, p95, p99 = marks
    kept = [m for m in (p50, p99) if abs(m.x - p95.x) >= 60]
    return tuple(sorted([*kept, p95], key=lambda m: m.x))


def bars(sizes: dict[str, int]) -> list[Bar]:
    """The arms' sizes to be drawn side by side."""
    most = max([*sizes.values(), 1])
    return [Bar(ARMS[arm], sizes.get(arm, 0), round(100 * sizes.get(arm, 0) / most, 1)) for arm in ARMS]


WORDS: dict[str, Any] = {
    "metric_label": metric_label, "review_states": REVIEW_STATES, "process_states": PROCESS_STATES,
    "breaker_states": BREAKER_STATES, "phases": PHASES, "services": SERVICES, "units": UNITS, "arms": ARMS,
    "progress_percent": progress_percent, "transports": TRANSPORTS, "after": after, "who": who,
    "watched_within": WATCHED_WITHIN,
}
