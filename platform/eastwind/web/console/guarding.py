"""What each guard watches, what it has seen and what it last decided, row by row. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from eastwind.analysis import Counts
from eastwind.errors import Message, msg
from eastwind.experiments import Manifest, Metric
from eastwind.guards import GuardState
from eastwind.web.console.view import metric_label

_DECISIONS: Mapping[str, tuple[Message, str]] = {
    "no-data": (msg("no data yet"), "soft"), "inconclusive": (msg("too few to tell"), "soft"),
    "quiet": (msg("quiet"), "good"), "breach": (msg("breach"), "stop"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One guard. `decision` is None until it has looked at this run."""

    label: Message
    treatment: Message
    control: Message
    limit: Message
    tone: str
    decision: Message | None
    reason: Message | None
    at: datetime | None


def rows(manifest: Manifest, counts: Counts | None, states: Iterable[GuardState], run: int | None) -> list[Row]:
    """The guards of an experiment, with what is known of run number `run`."""
    known = {state.metric: state for state in states if state.run == run}
    watched = [m for m in manifest.metrics if m.hard_limit is not None or m.alpha is not None]
    return [_row(metric, counts, known.get(metric.name)) for metric in watched]


def _row(metric: Metric, counts: Counts | None, state: GuardState | None) -> Row:
    decision, tone = _DECISIONS[str(state.kind)] if state else (None, "soft")
    return Row(metric_label(metric.name), _arm(metric, counts, "treatment"), _arm(metric, counts, "control"),
               _limit(metric), tone, decision, state.reason if state else None, state.at if state else None)


def _arm(metric: Metric, counts: Counts | None, arm: str) -> Message:
    units = counts.units.get(arm, 0) if counts else 0
    if counts is None or not units:
        return Message("–")
    sums = counts.of(metric.name, arm)
    if metric.kind == "mean":
        return Message("{mean}", {"mean": f"{sums.mean:.0f}"}) if sums.n_units else Message("–")
    return Message("{count} / {units}", {"count": sums.n_positive, "units": units})


def _limit(metric: Metric) -> Message:
    if metric.hard_limit is not None and metric.alpha is not None:
        return msg("at most {limit}, and not clearly worse than control", limit=metric.hard_limit)
    if metric.hard_limit is not None:
        return msg("at most {limit}", limit=metric.hard_limit)
    return msg("not clearly worse than control")
