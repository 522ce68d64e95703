"""Where the report's intervals are drawn. Pure geometry: a report in, places out."""

from dataclasses import dataclass

from eastwind.analysis import Interval, MetricResult, Report
from eastwind.errors import Message, msg
from eastwind.web.console.view import metric_label

WIDTH, ZERO = 640, 320
_TONES = {"better": "good", "worse": "stop"}
VERDICTS = {
    "better": (msg("better"), "good"), "worse": (msg("worse"), "stop"), "unclear": (msg("no clear difference"), "soft"),
    "too-few": (msg("too few to tell"), "soft"), "withheld": (msg("withheld"), "warn"),
}
_READINGS = {
    "better": msg("The whole interval lies on the better side of today's way."),
    "worse": msg("The whole interval lies on the worse side of today's way."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One metric's interval: `low`, `middle` and `high` are places from 0 to `WIDTH`, None where none can be told."""

    label: Message
    figures: Message
    low: float | None = None
    middle: float = 0.0
    high: float = 0.0
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """All rows; what the drawing says in words is `text`."""

    rows: tuple[Row, ...]
    text: Message
    width: int = WIDTH
    zero: int = ZERO

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw yet."""
        return all(row.low is None for row in self.rows)


def plot(report: Report) -> Plot:
    """The report's differences. Shares are drawn on one scale; each mean, having a unit of its own, on its own."""
    told = [m for m in report.metrics if m.difference is not None]
    shares = max([_reach(m) for m in told if m.kind == "proportion"], default=0.0)
    rows = tuple(_row(m, shares if m.kind == "proportion" else _reach(m)) for m in report.metrics)
    text = msg("Differences between treatment and control for {count} metrics, each with its interval; "
               "the table below holds the same figures", count=len(rows))
    return Plot(rows, text)


def figures(metric: MetricResult) -> Message:
    """A difference with its interval, in words and signs."""
    seen = metric.difference
    if seen is None:
        return msg("cannot be told yet")
    if metric.kind == "proportion":
        return msg("{estimate} points [{low} to {high}]", **_signed(seen, 100, ".2f"))
    return msg("{estimate} [{low} to {high}]", **_signed(seen, 1, ".4g"))


def _signed(seen: Interval, scale: int, form: str) -> dict[str, str]:
    """With plus and minus signs as printers set them."""
    parts = {"estimate": seen.estimate, "low": seen.low, "high": seen.high}
    return {name: f"{scale * value:+{form}}".replace("-", "\N{MINUS SIGN}") for name, value in parts.items()}


def reading(metric: MetricResult) -> Message:
    """What the interval says, in one honest sentence."""
    return _READINGS.get(metric.verdict, msg(
        "The interval holds both better and worse than today's way: what is seen could be chance."))


def _reach(metric: MetricResult) -> float:
    seen = metric.difference
    return max(abs(seen.low), abs(seen.high)) if seen else 0.0


def _row(metric: MetricResult, reach: float) -> Row:
    label, seen = metric_label(metric.name), metric.difference
    if seen is None:
        return Row(label, figures(metric))
    scale = (WIDTH / 2 - 10) / reach if reach else 0.0
    low, middle, high = (round(ZERO + value * scale, 1) for value in (seen.low, seen.estimate, seen.high))
    return Row(label, figures(metric), low, middle, high, _TONES.get(metric.verdict, ""))
