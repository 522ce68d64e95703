"""What is said of two arms, and when nothing is."""

import math

import pytest

from eastwind.analysis import Counts, SampleRatio, Sums
from eastwind.analysis.result import answer, newcombe, result, sample_ratio
from eastwind.errors import msg
from eastwind.experiments import Metric

FINE = SampleRatio("ok", msg("fine"))


def a_metric(kind: str = "proportion", better: str = "lower") -> Metric:
    return Metric.model_validate({"name": "calls", "role": "primary", "kind": kind, "better": better})


def shares(treated: int, n: int, control: int, m: int) -> Counts:
    """`treated` of `n` against `control` of `m` units."""
    return Counts({"treatment": n, "control": m},
                  metrics={"calls": {"treatment": Sums(treated, treated), "control": Sums(control, control)}})


def means(treated: list[float], control: list[float]) -> Counts:
    sides = {"treatment": treated, "control": control}
    return Counts({k: len(v) for k, v in sides.items()}, metrics={"calls": {
        k: Sums(len(v), 0, sum(v), sum(x * x for x in v)) for k, v in sides.items()}})


def test_share__fewer_calls__better_with_wald_interval() -> None:
    found = result(a_metric(), shares(100, 1000, 150, 1000), FINE)
    assert (found.verdict, found.treatment.value, found.control.value) == ("better", 0.1, 0.15)
    assert found.difference and found.relative and found.p_value
    # by hand: se² = 0.1·0.9/999 + 0.15·0.85/999; Student's t at 1962 degrees of freedom is 1.9612
    half = 1.9612 * math.sqrt((0.09 + 0.1275) / 999)
    assert found.difference.low == pytest.approx(-0.05 - half, abs=2e-6)
    assert found.difference.high == pytest.approx(-0.05 + half, abs=2e-6)
    assert found.relative.estimate == pytest.approx(-1 / 3)
    assert str(answer(found)) == "Better: calls changed by -5.00 pp [-7.89 pp, -2.11 pp] against control"


@pytest.mark.parametrize(("treated", "better", "verdict"), [(150, "lower", "worse"), (150, "higher", "better"),
                                                          (100, "lower", "unclear"), (60, "higher", "worse")])
def test_share__direction__decides_the_verdict(treated: int, better: str, verdict: str) -> None:
    assert result(a_metric(better=better), shares(treated, 1000, 100, 1000), FINE).verdict == verdict


def test_share__few_cases__newcombe_interval_and_no_relative_difference() -> None:
    found = result(a_metric(), shares(6, 60, 0, 6000), FINE)
    assert found.verdict == "worse" and found.relative is None and found.reason
    assert found.difference and 0.03 < found.difference.low < 0.1 < found.difference.high < 0.21


def test_newcombe__published_example__same_interval() -> None:
    # Newcombe 1998, method 10, example (a): 56/70 against 48/80 gives 0.0524 to 0.3339.
    found = newcombe(Sums(70, 56), Sums(80, 48))
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert newcombe(Sums(10, 0), Sums(10, 0)).estimate == 0


def test_mean__slower__worse_with_welch_interval() -> None:
    found = result(a_metric("mean"), means([20.0, 30.0] * 50, [10.0, 20.0] * 100), FINE)
    assert found.difference and found.difference.estimate == pytest.approx(10)
    assert (found.verdict, found.treatment.units) == ("worse", 100)
    assert str(answer(found)).startswith("Worse: calls changed by +10 [+8.7")


@pytest.mark.parametrize("counts", [shares(1, 29, 5, 1000), shares(3, 1000, 1, 20), Counts(), means([1.0], [2.0])])
def test_any__too_few_units__is_a_verdict_of_its_own(counts: Counts) -> None:
    for kind in ("proportion", "mean"):
        found = result(a_metric(kind), counts, FINE)
        assert found.verdict == "too-few" and found.difference is None and found.reason


def test_mean__values_that_do_not_vary_or_are_zero__never_nan() -> None:
    assert result(a_metric("mean"), means([5.0] * 50, [5.0] * 50), FINE).verdict == "too-few"
    around_zero = result(a_metric("mean"), means([-1.0, 1.0] * 50, [-1.0, 1.0] * 50), FINE)
    assert around_zero.verdict == "unclear" and around_zero.relative is None
    assert around_zero.difference and math.isfinite(around_zero.difference.low)


def test_sample_ratio__sizes_as_the_share_makes_them__ok() -> None:
    assert sample_ratio(shares(0, 103, 0, 9897), 0.01).kind == "ok"


def test_sample_ratio__units_lost_in_one_arm__withholds_every_result() -> None:
    counts = shares(40, 400, 60, 600)
    ratio = sample_ratio(counts, 0.5)
    assert ratio.kind == "mismatch" and ratio.p_value is not None and ratio.p_value < 0.001
    found = result(a_metric(), counts, ratio)
    assert found.verdict == "withheld" and found.difference is None
    assert str(answer(found)).startswith("withheld: 400 treated and 600 control units do not fit a share of 50.00%")


@pytest.mark.parametrize("expected", [None, 0.0, 1.0])
def test_sample_ratio__no_constant_share__is_not_checked(expected: float | None) -> None:
    assert sample_ratio(shares(0, 100, 0, 100), expected).kind == "not-checked"
    assert sample_ratio(shares(0, 3, 0, 9), 0.5).kind == "not-checked"
