"""Watched at every step for their whole life, harmless experiments are rarely closed, and harmful ones soon are."""

from collections.abc import Callable
from math import log, sqrt
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from eastwind.guards.decide import MIN_UNITS
from eastwind.guards.sequential import harm_bound, log_e_value

RUNS, UNITS, EVERY = 400, 2000, 20
ALPHA = 0.05
# What 400 experiments can be off by, by chance: three standard errors.
TOLERATED = ALPHA + 3 * sqrt(ALPHA * (1 - ALPHA) / RUNS)
Grid: TypeAlias = NDArray[np.float64]


def watched(values: NDArray[np.generic]) -> Grid:
    """Running totals at every look, one row per experiment."""
    return np.asarray(values.astype(float).cumsum(axis=1)[:, EVERY - 1 :: EVERY], float)


def closed_at(breached: NDArray[np.bool_], least: Grid, kind: str) -> Grid:
    """After how many units each experiment was closed; inf: never."""
    seen = breached & (least >= MIN_UNITS[kind])
    return np.where(seen.any(axis=1), (seen.argmax(axis=1) + 1) * EVERY, np.inf)


def delayed(events: NDArray[np.bool_], late: int, random: np.random.Generator) -> NDArray[np.generic]:
    """Each event as many places later as chance says, up to `late`; the end of the stream keeps the rest."""
    if not late:
        return events
    runs, places = np.nonzero(events)
    moved = np.zeros(events.shape, int)
    np.add.at(moved, (runs, np.minimum(places + random.integers(0, late + 1, len(places)), UNITS - 1)), 1)
    return moved


def shares(treated: float, control: float, share: float, *, lower: bool = True, late: int = 0,
           margin: float = 0.0) -> Grid:
    """Experiments on a proportion. `late`: an outcome is known up to so many units after the exposure."""
    random = np.random.default_rng(11)
    arm = random.random((RUNS, UNITS)) < share
    failed = random.random((RUNS, UNITS)) < np.where(arm, treated, control)
    shown = [delayed(failed & side, late, random) for side in (arm, ~arm)]
    sizes = watched(arm), watched(~arm)
    evidence = log_e_value(watched(shown[0]), watched(shown[1]), np.maximum(sizes[0], 1),
                           np.maximum(sizes[1], 1), margin=margin, lower_is_better=lower)
    return closed_at(evidence >= log(1 / ALPHA), np.minimum(*sizes), "proportion")


def means(draw: Callable[[np.random.Generator], Grid], worse: float, share: float, *, lower: bool = True) -> Grid:
    """Experiments on a mean; treated values are multiplied by `worse`."""
    random = np.random.default_rng(12)
    arm = random.random((RUNS, UNITS)) < share
    values = draw(random) * np.where(arm, worse, 1.0)
    sides = []
    for side in (arm, ~arm):
        n, total, squares = np.maximum(watched(side), 2), watched(values * side), watched(values**2 * side)
        sides.append((n, total / n, np.maximum(0, squares - total**2 / n) / (n - 1)))
    bound = harm_bound(sides[0], sides[1], alpha=ALPHA, lower_is_better=lower)
    return closed_at(bound > 0, np.minimum(watched(arm), watched(~arm)), "mean")


def even(random: np.random.Generator) -> Grid:
    return random.normal(100, 20, (RUNS, UNITS))


def skewed(random: np.random.Generator) -> Grid:
    """As latencies are: now and then ten times the usual."""
    return random.lognormal(5, 1, (RUNS, UNITS))


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("lower", [True, False])
def test_shares__no_harm__false_alarms_within_alpha(share: float, rate: float, lower: bool) -> None:
    assert np.isfinite(shares(rate, rate, share, lower=lower)).mean() <= TOLERATED


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_shares__outcomes_come_late__false_alarms_within_alpha(share: float) -> None:
    assert np.isfinite(shares(0.1, 0.1, share, late=500)).mean() <= TOLERATED


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("control", [0.001, 0.1, 0.6])
def test_shares__worse_within_the_margin__false_alarms_within_alpha(share: float, control: float) -> None:
    assert np.isfinite(shares(control + 0.05, control, share, margin=0.05)).mean() <= TOLERATED
    assert np.isfinite(shares(control, control + 0.05, share, margin=0.05, lower=False)).mean() <= TOLERATED


def test_shares__worse_than_the_margin__is_found() -> None:
    assert np.median(shares(0.25, 0.05, 0.5, margin=0.05)) <= 200
    assert np.median(shares(0.3, 0.5, 0.5, margin=0.05, lower=False)) <= 800


@pytest.mark.parametrize(("harm", "share", "found", "within"), [(2, 0.5, 0.95, 600), (2, 0.1, 0.7, 1600),
                                                              (5, 0.5, 1.0, 100), (5, 0.1, 1.0, 300)])
def test_shares__harm__is_found(harm: float, share: float, found: float, within: int) -> None:
    closed = shares(0.1 * harm, 0.1, share)
    assert np.isfinite(closed).mean() >= found
    assert np.median(closed) <= within


def test_shares__everything_fails_at_one_percent__a_handful_of_customers_is_enough() -> None:
    closed = shares(1.0, 0.001, 0.01)
    assert np.median(closed) * 0.01 <= 10


def test_shares__fewer_good_outcomes__is_found() -> None:
    assert np.median(shares(0.25, 0.5, 0.5, lower=False)) <= 300


@pytest.mark.parametrize("share", [0.5, 0.1, 0.95])
@pytest.mark.parametrize("draw", [even, skewed])
@pytest.mark.parametrize("lower", [True, False])
def test_means__no_harm__false_alarms_within_alpha(share: float, draw: Callable[[np.random.Generator], Grid],
                                                   lower: bool) -> None:
    assert np.isfinite(means(draw, 1.0, share, lower=lower)).mean() <= TOLERATED


@pytest.mark.parametrize(("draw", "worse", "within"), [(even, 1.1, 250), (skewed, 1.5, 450), (skewed, 2.0, 250)])
def test_means__harm__is_found(draw: Callable[[np.random.Generator], Grid], worse: float, within: int) -> None:
    closed = means(draw, worse, 0.5)
    assert np.isfinite(closed).mean() >= 0.98
    assert np.median(closed) <= within


def test_numbers__extremes__are_never_nan() -> None:
    events, units = np.array([0, 0, 1, 10**6, 0]), np.array([1, 10**7, 1, 10**6, 10**6])
    for lower in (True, False):
        for margin in (0.0, 0.5, 2.0):
            assert not np.isnan(log_e_value(events, events[::-1], units, units[::-1], margin=margin,
                                            lower_is_better=lower)).any()
            bound = harm_bound((units, 5.0, 0.0), (units[::-1], 5.0, 0.0), alpha=0.5, margin=margin,
                               lower_is_better=lower)
            assert not np.isnan(bound).any()
