"""From sums to what can honestly be said: differences with 95 % intervals, or why there are none. Pure.

tea-tasting does the statistics on the sums (Welch's test of two means, and the delta method for relative differences;
a share is the mean of zeros and ones). It and scipy are imported on first use: they cost a second and 100 MB, which a
process that shows no report need not pay.
"""

from math import isfinite, sqrt

from eastwind.analysis.model import (
    CONTROL,
    TREATMENT,
    ArmValue,
    Counts,
    Interval,
    MetricResult,
    SampleRatio,
    Sums,
    Verdict,
)
from eastwind.errors import Message, msg
from eastwind.experiments.manifest import Metric

MIN_UNITS = 30
# With fewer units on either side than this, a share is too skewed for the normal curve, and Wilson's bounds serve.
_FEW = 5
_Z = 1.959963984540054
_MISMATCH = 0.001


def result(metric: Metric, counts: Counts, ratio: SampleRatio) -> MetricResult:
    """Treatment against control in one metric. A sample ratio mismatch withholds the difference."""
    arms = [_sums(metric, counts, arm) for arm in (TREATMENT, CONTROL)]
    treatment, control = (ArmValue(s.n_units, s.mean if s.n_units else None) for s in arms)

    def say(verdict: Verdict, difference: Interval | None = None, relative: Interval | None = None,
            p_value: float | None = None, reason: Message | None = None) -> MetricResult:
        return MetricResult(metric.name, metric.role, metric.kind, metric.better, treatment, control, verdict,
                            difference, relative, p_value, reason)

    if ratio.kind == "mismatch":
        return say("withheld", reason=ratio.reason)
    if min(treatment.units, control.units) < MIN_UNITS:
        return say("too-few", reason=msg(
            "too few: {treatment} treated and {control} control units; {least} of each are needed",
            treatment=treatment.units, control=control.units, least=MIN_UNITS))
    if metric.kind == "proportion" and _is_rare(arms):
        difference = newcombe(arms[0], arms[1])
        return say(_verdict(difference, metric.better), difference, reason=msg(
            "few cases: the interval is Newcombe's, and a relative difference cannot be told"))
    if not arms[0].variance + arms[1].variance > 0:
        return say("too-few", reason=msg("the values do not vary, so nothing can be said about chance"))
    difference, relative, p_value = _welch(arms[0], arms[1])
    return say(_verdict(difference, metric.better), difference, relative, p_value)


def _sums(metric: Metric, counts: Counts, arm: str) -> Sums:
    """A share is of all units in the arm: who was not heard of did not show it. A mean is of those with a value."""
    sums = counts.of(metric.name, arm)
    if metric.kind == "mean":
        return sums
    positive = sums.n_positive
    return Sums(counts.units.get(arm, 0), positive, float(positive), float(positive))


def _is_rare(arms: list[Sums]) -> bool:
    return any(min(s.n_positive, s.n_units - s.n_positive) < _FEW for s in arms)


def newcombe(treatment: Sums, control: Sums) -> Interval:
    """The difference of two shares with Newcombe's interval, from two of Wilson's: holds at few cases and at none."""
    (p, p_low, p_high), (q, q_low, q_high) = _wilson(treatment), _wilson(control)
    gap = p - q
    return Interval(gap, gap - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
                    gap + sqrt((p_high - p) ** 2 + (q - q_low) ** 2))


def _wilson(sums: Sums) -> tuple[float, float, float]:
    n, p = sums.n_units, sums.n_positive / sums.n_units
    centre, spread = p + _Z**2 / (2 * n), _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
    scale = 1 + _Z**2 / n
    return p, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _welch(treatment: Sums, control: Sums) -> tuple[Interval, Interval | None, float]:
    import numpy as np
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import Mean

    sides = [Aggregates(count_=s.n_units, mean_={"v": s.mean}, var_={"v": s.variance}) for s in (control, treatment)]
    with np.errstate(all="ignore"):  # a mean of exactly 0 has no relative difference, which the check below sees
        found = Mean("v", confidence_level=0.95, equal_var=False, use_t=True).analyze_aggregates(*sides)
    relative = Interval(float(found.rel_effect_size), float(found.rel_effect_size_ci_lower),
                        float(found.rel_effect_size_ci_upper))
    told = control.mean > 0 and treatment.mean > 0 and all(map(isfinite, (relative.low, relative.high)))
    difference = Interval(float(found.effect_size), float(found.effect_size_ci_lower),
                          float(found.effect_size_ci_upper))
    return difference, relative if told else None, float(found.pvalue)


def _verdict(difference: Interval, better: str) -> Verdict:
    if difference.low <= 0 <= difference.high:
        return "unclear"
    return "better" if (difference.low > 0) == (better == "higher") else "worse"


def sample_ratio(counts: Counts, expected: float | None) -> SampleRatio:
    """Whether the arms' sizes fit `expected`, treatment's part of both (0 to 1); None if that was not constant."""
    treated, control = counts.units.get(TREATMENT, 0), counts.units.get(CONTROL, 0)
    if expected is None or not 0 < expected < 1:
        return SampleRatio("not-checked", msg(
            "the arms' sizes are not compared with the share: it changed during the run, or leaves one arm empty"))
    if treated + control < MIN_UNITS:
        return SampleRatio("not-checked", msg("too few units to check the arms' sizes"), expected)
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import SampleRatio as Test

    sides = {CONTROL: Aggregates(count_=control), TREATMENT: Aggregates(count_=treated)}
    p_value = float(Test(expected / (1 - expected)).analyze(sides, CONTROL, TREATMENT).pvalue)
    if p_value >= _MISMATCH:
        return SampleRatio("ok", msg("the arms have the sizes that the share makes"), expected, p_value)
    return SampleRatio("mismatch", msg(
        "withheld: {treated} treated and {control} control units do not fit a share of {share} (p = {p}); "
        "something loses or adds units in one arm", treated=treated, control=control, share=f"{expected:.2%}",
        p=f"{p_value:.1e}"), expected, p_value)


def answer(primary: MetricResult) -> Message:
    """The report in one sentence."""
    if primary.difference is None:
        return primary.reason or msg("No answer yet")
    figures = {"metric": primary.name, "difference": _signed(primary, primary.difference.estimate),
               "low": _signed(primary, primary.difference.low), "high": _signed(primary, primary.difference.high)}
    templates = {
        "better": msg("Better: {metric} changed by {difference} [{low}, {high}] against control", **figures),
        "worse": msg("Worse: {metric} changed by {difference} [{low}, {high}] against control", **figures),
    }
    unclear = msg("No clear difference: {metric} changed by {difference} [{low}, {high}] against control", **figures)
    return templates.get(primary.verdict, unclear)


def _signed(metric: MetricResult, value: float) -> str:
    return f"{100 * value:+.2f} pp" if metric.kind == "proportion" else f"{value:+.4g}"
