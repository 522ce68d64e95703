"""The verdict, from numbers."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eastwind.errors import msg
from eastwind.readiness.decide import decide
from eastwind.readiness.model import NoEvidence, percentile, plan_problems
from tests.rooms.readiness.builders import a_plan, evidence


def test_decide__all_within_limits__ready_for_the_asked_share() -> None:
    verdict = decide(a_plan(), evidence())
    assert (verdict.kind, verdict.share, verdict.reasons) == ("ready", Decimal(1), ())


@pytest.mark.parametrize(("changes", "reasons"), [
    ({"p95_ms": 151.0, "p99_ms": 160.0}, ["95 % of answers took up to 151 ms; the limit is 150 ms"]),
    ({"failures": 3, "errors": (("GET /: 500", 3),)}, ["2.5 % of requests failed; the limit is 1 % "
                                                      "(most often: GET /: 500)"]),
    ({"p95_ms": 900.0, "p99_ms": 900.0, "failures": 12, "requests": 100, "requests_per_second": 50.0},
     ["95 % of answers", "12 % of requests failed", "only 50 of 60 requests/s were carried"]),
])
def test_decide__limit_not_held__not_ready_with_every_reason(changes: dict[str, Any], reasons: list[str]) -> None:
    verdict = decide(a_plan(), evidence(**changes))
    assert (verdict.kind, verdict.share) == ("not-ready", Decimal(0))
    assert len(verdict.reasons) == len(reasons)
    assert all(str(found).startswith(expected) for found, expected in zip(verdict.reasons, reasons, strict=True))


@pytest.mark.parametrize(("changes", "reason"), [
    ({"requests": 99, "requests_per_second": 49.5}, "too few requests"),
    ({"requests": 0, "requests_per_second": 0.0}, "made no requests"),
    ({"requests": 106, "requests_per_second": 53.0}, "only 53 of 60 requests/s were made although answers were quick"),
    ({"generator_cpu": 90.1}, "the load generator itself was at its limit"),
    ({"seconds": 1.7, "requests_per_second": 120 / 1.7}, "the run ended after 1.7 of 2 seconds"),
    ({"build": "b2"}, "build b2 was running, not b1"),
    ({"raised": (("KeyError: 'x'", 4),)}, "the locustfile raised 4 times: KeyError: 'x'"),
    ({"elsewhere": 1}, "1 requests went to another address"),
    ({"p95_ms": math.nan}, "numbers that cannot be"),
    ({"p95_ms": -1.0}, "numbers that cannot be"),
    ({"requests_per_second": math.inf}, "numbers that cannot be"),
    ({"requests_per_second": 600.0}, "numbers that cannot be"),
    ({"failures": 121}, "numbers that cannot be"),
    ({"failures": -1}, "numbers that cannot be"),
    ({"p50_ms": 50.0}, "numbers that cannot be"),
    ({"seconds": 0.0}, "numbers that cannot be"),
    ({"errors": (("x", -1),)}, "numbers that cannot be"),
])
def test_decide__cannot_be_judged__inconclusive(changes: dict[str, Any], reason: str) -> None:
    verdict = decide(a_plan(), evidence(**changes))
    assert (verdict.kind, verdict.share) == ("inconclusive", Decimal(0))
    assert reason in str(verdict.reasons[0])


def test_decide__saturated_generator_and_slow_answers__inconclusive_with_both_reasons() -> None:
    verdict = decide(a_plan(), evidence(generator_cpu=99.0, p95_ms=400.0, p99_ms=400.0))
    assert verdict.kind == "inconclusive"
    assert len(verdict.reasons) == 2


def test_decide__late_generator__spoils_a_bad_verdict_but_not_a_good_one() -> None:
    assert decide(a_plan(), evidence(generator_late_ms=60.0)).kind == "ready"
    slow = decide(a_plan(), evidence(generator_late_ms=60.0, p95_ms=400.0, p99_ms=400.0))
    assert slow.kind == "inconclusive" and "was late by 60 ms" in str(slow.reasons[0])


def test_decide__no_evidence_or_a_doubt__inconclusive() -> None:
    assert decide(a_plan(), NoEvidence(msg("killed"))).reasons == (msg("killed"),)
    assert decide(a_plan(), evidence(), doubts=[msg("restarted")]).kind == "inconclusive"


NUMBERS = ("requests", "failures", "requests_per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms", "seconds", "users",
           "generator_cpu", "generator_late_ms", "elsewhere")
NUMBER = st.one_of(st.floats(), st.floats(0, 1000), st.integers(-5, 10**6))


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NUMBERS, NUMBER)))
def test_decide__any_numbers__ready_only_if_every_limit_holds(changes: dict[str, Any]) -> None:
    found = evidence(**changes)
    if decide(a_plan(), found).kind == "ready":
        assert found.requests >= 100 and found.failures / found.requests <= 0.01
        assert 0 <= found.p95_ms <= 150 and found.requests_per_second >= 54
        assert found.seconds >= 1.8 and found.generator_cpu <= 90 and found.elsewhere == 0


@given(st.dictionaries(st.integers(0, 9000), st.integers(1, 50), min_size=1, max_size=30), st.floats(0.01, 1))
def test_percentile__any_histogram__at_least_that_part_was_not_slower(histogram: dict[int, int], q: float) -> None:
    found, total = percentile(histogram, q), sum(histogram.values())
    assert sum(n for t, n in histogram.items() if t <= found) >= q * total - 1e-6
    assert sum(n for t, n in histogram.items() if t < found) < q * total


def test_plan__tiny_share__load_is_raised_and_says_so() -> None:
    plan = a_plan(share=Decimal("0.1"), population=20_000, requests_per_second=0.8).enough()
    assert (plan.requests_per_second, plan.users, plan.seconds) == (20.0, 20, 6)
    assert str(plan.notes[0]).startswith("0.1 % of 20000 customers need 0.8 requests/s; 20 are offered")
    assert plan_problems(plan) == []


def test_plan__large_share__as_it_is() -> None:
    plan = a_plan(share=Decimal(5), population=20_000, requests_per_second=40.0, seconds=12)
    assert plan.enough() == plan
    assert plan.notes == ()


@pytest.mark.parametrize(("changes", "field"), [
    ({"expected_per_customer": 0.0}, "expected_per_customer"),
    ({"expected_per_customer": math.nan}, "expected_per_customer"),
    ({"population": 0}, "population"), ({"share": Decimal(101)}, "share"), ({"share": Decimal("NaN")}, "share"),
    ({"p95_ms": -1.0}, "p95_ms"), ({"max_error_ratio": 1.5}, "max_error_ratio"), ({"build": ""}, "build"),
    ({"requests_per_second": 5001.0}, "share"), ({"headroom": math.inf}, "headroom"),
    ({"requests_per_second": 0.1}, "requests_per_second"),
])
def test_plan__wrong_value__is_named(changes: dict[str, Any], field: str) -> None:
    assert field in [problem.field for problem in plan_problems(a_plan(**changes))]
