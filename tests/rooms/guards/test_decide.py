"""One look of one guard: a pure function of the counts."""

import dataclasses
from typing import Any

import pytest

from eastwind.analysis import Counts, Sums
from eastwind.guards import Guard, Kind, decide
from eastwind.guards.model import guards
from tests.rooms.analysis.builders import a_manifest


def a_guard(**changed: Any) -> Guard:
    return dataclasses.replace(Guard("error", "proportion", "lower", alpha=0.01), **changed)


def shares(treated: int, n: int, control: int, m: int) -> Counts:
    """`treated` of `n` against `control` of `m` units."""
    return Counts({"treatment": n, "control": m}, touched=n, harmed={"error": treated},
                  metrics={"error": {"treatment": Sums(treated, treated), "control": Sums(control, control)}})


def means(treated: float, control: float, n: int, spread: float = 10.0) -> Counts:
    """`n` units in each arm with these means and this standard deviation."""
    sums = {arm: Sums(n, n, mean * n, (n - 1) * spread**2 + n * mean**2)
            for arm, mean in (("treatment", treated), ("control", control))}
    return Counts({"treatment": n, "control": n}, touched=n, metrics={"error": sums})


def test_guard__no_data__is_not_quiet() -> None:
    for guard in (a_guard(), a_guard(hard_limit=5), a_guard(kind="mean")):
        assert decide(guard, Counts()).kind is Kind.NO_DATA


@pytest.mark.parametrize(("harmed", "kind"), [(0, Kind.QUIET), (5, Kind.QUIET), (6, Kind.BREACH)])
def test_guard__hard_limit_of_five__the_sixth_unit_breaches(harmed: int, kind: Kind) -> None:
    decision = decide(a_guard(alpha=None, hard_limit=5), shares(harmed, 100, 0, 0))
    assert decision.kind is kind
    assert str(decision.reason).startswith(f"error: {harmed} of 100 units that saw the new way")


def test_guard__hard_limit__counts_pilots_and_crossed_without_any_control() -> None:
    assert decide(a_guard(hard_limit=1), Counts(pilots=3, touched=3, harmed={"error": 2})).kind is Kind.BREACH


@pytest.mark.parametrize("counts", [shares(4, 4, 0, 1000), shares(50, 100, 0, 4), shares(50, 100, 0, 0)])
def test_guard__too_few_to_compare__is_inconclusive(counts: Counts) -> None:
    decision = decide(a_guard(), counts)
    assert decision.kind is Kind.INCONCLUSIVE
    assert "too few to compare" in str(decision.reason)


def test_guard__five_of_five_fail_at_a_small_share__breaches_with_figures() -> None:
    decision = decide(a_guard(), shares(5, 5, 2, 500))
    assert decision.kind is Kind.BREACH
    assert str(decision.reason) == (
        "error: 5/5 (100.0%) treated against 2/500 (0.4%) in control; clearly worse, with a chance of false alarm of "
        "at most 0.01")


@pytest.mark.parametrize(("counts", "kind"), [
    (shares(10, 100, 100, 1000), Kind.QUIET), (shares(0, 100, 0, 1000), Kind.QUIET),
    (shares(0, 50, 40, 50), Kind.QUIET), (shares(1, 100, 0, 1000), Kind.QUIET),
    (shares(30, 100, 100, 1000), Kind.BREACH)])
def test_guard__against_concurrent_control__only_clear_harm_breaches(counts: Counts, kind: Kind) -> None:
    assert decide(a_guard(), counts).kind is kind


def test_guard__higher_is_better__fewer_is_the_harm() -> None:
    guard = a_guard(better="higher")
    assert decide(guard, shares(20, 200, 1000, 2000)).kind is Kind.BREACH
    assert decide(guard, shares(190, 200, 1000, 2000)).kind is Kind.QUIET


def test_guard__margin__is_how_much_worse_is_allowed() -> None:
    counts = shares(200, 1000, 1000, 10_000)
    assert decide(a_guard(), counts).kind is Kind.BREACH
    assert decide(a_guard(margin=0.1), counts).kind is Kind.QUIET
    assert decide(a_guard(margin=0.02), shares(2, 60, 0, 6000)).kind is Kind.QUIET
    assert decide(a_guard(margin=0.02), shares(10, 60, 0, 6000)).kind is Kind.BREACH
    assert decide(a_guard(kind="mean"), means(130, 100, 100)).kind is Kind.BREACH
    assert decide(a_guard(kind="mean", margin=30), means(130, 100, 100)).kind is Kind.QUIET


@pytest.mark.parametrize(("counts", "kind"), [
    (means(130, 100, 49), Kind.INCONCLUSIVE), (means(100, 130, 100), Kind.QUIET),
    (means(100, 100, 100, 0), Kind.QUIET), (means(101, 100, 100, 0), Kind.BREACH), (means(0, 0, 100, 0), Kind.QUIET)])
def test_guard__means__only_clear_harm_breaches(counts: Counts, kind: Kind) -> None:
    assert decide(a_guard(kind="mean"), counts).kind is kind


def test_guards__of_a_manifest__those_with_a_limit_or_an_alpha() -> None:
    assert guards(a_manifest()) == ()
    assert guards(a_manifest(hard_limit=5, alpha=0.01)) == (a_guard(hard_limit=5),)


def test_guard__limit_crossed_while_control_fails_alike__closes_without_blame() -> None:
    decision = decide(a_guard(hard_limit=5), shares(6, 12, 13, 26))
    assert (decision.kind, decision.blames) == (Kind.BREACH, False)
    assert "control fails alike" in str(decision.reason)


@pytest.mark.parametrize("counts", [shares(6, 12, 0, 26), shares(6, 12, 1, 260), shares(30, 30, 5, 300)])
def test_guard__limit_crossed_while_control_is_well__blames(counts: Counts) -> None:
    assert decide(a_guard(hard_limit=5), counts).blames
