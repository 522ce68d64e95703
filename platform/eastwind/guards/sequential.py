"""Tests that may be looked at as often as one likes. The mathematics alone: numbers in, numbers out, arrays welcome.

A guard looks twice a second, so an ordinary test would cry wolf sooner or later: at a hundred looks, one at 5 % errs in
a third of all harmless experiments. Two tests that bound the chance of *ever* erring are used.

**Shares**: `log_e_value`. If the new way is no worse, each unit that shows a failure is a treated one with the chance
that treatment has among all units, whatever the failures' rate and whenever they come. So the labels of the failed
units are coin flips, and the likelihood ratio of "treated units fail r times as often" against "equally often" is a
martingale that starts at 1; so is the average over several r. By Ville's inequality it ever exceeds 1/alpha with a
chance of at most alpha. It needs no variance and no large numbers: at a share of 1 %, two or three failures of treated
units and none of control's are evidence enough, where a test on means has nothing to go by. Where a margin is allowed,
imagine that control had failures at that rate on top: it is then no worse under the same test, and the average over
all that these could have been has a closed form. Treatment's part of all units is taken as it stands at each look;
given the arms' sizes the failures are then hypergeometric, which spreads less than the coin flips assumed (Hoeffding
1963), so the e-value at each look errs on the safe side. `tests/calibration` measures what holds over all looks.

**Means**: `harm_bound`, an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: "Time-uniform
central limit theory and asymptotic confidence sequences"), one-sided, for the difference of two means.

Neither follows a share that was widened during the run: who came early had more time to fail. Units that were shown
both arms are left out before, which keeps the effect small.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Number: TypeAlias = float | int | NDArray[np.int64] | NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float64]
Sample: TypeAlias = tuple[Number, Number, Number]  # units, mean, sample variance

# How many times as often a treated unit may fail: the harms worth finding, small and large, each weighing the same.
_RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
# The confidence sequence is at its tightest when the arms together are worth this many pairs.
_BEST_AT = 250.0


def log_e_value(treated_events: Number, control_events: Number, treated_units: Number, control_units: Number, *,
                margin: float = 0.0, lower_is_better: bool = True) -> Floats:
    """Evidence that treated units show the event too often (too seldom, if higher is better): log of the e-value.

    With a `margin` of 0.01, a share worse by one percentage point is still allowed. Both arms must have units. Harm is
    found when this is at least log(1/alpha). Never NaN.
    """
    treated, control = np.asarray(treated_events, float), np.asarray(control_events, float)
    n, m = np.asarray(treated_units, float), np.asarray(control_units, float)
    total = np.asarray(-np.inf)
    for harm in _RATIOS:
        ratio = harm if lower_is_better else 1 / harm
        tilt = (1 + ratio * n / m) / (1 + n / m)
        allowed = m * (1 - 1 / tilt) if lower_is_better else n * (1 - ratio / tilt)
        gain = treated * np.log(ratio) - (treated + control) * np.log(tilt) - margin * allowed
        total = np.logaddexp(total, gain)
    return np.asarray(total - np.log(len(_RATIOS)), float)


def harm_bound(treated: Sample, control: Sample, *, alpha: float, margin: float = 0.0,
               lower_is_better: bool = True) -> Floats:
    """A value that the harm to the mean is above at all looks together, with a chance of 1 - alpha.

    The harm is treated minus control (control minus treated, if higher is better) minus the `margin`, in the metric's
    own unit. Harm is found when this exceeds 0. Both arms must have units. Never NaN.
    """
    (n, mean, variance), (m, against, spread) = (tuple(np.asarray(x, float) for x in arm) for arm in (treated, control))
    harm = (mean - against if lower_is_better else against - mean) - margin
    pairs = 1 / (1 / n + 1 / m)
    # A small arm of skewed values often misses its own tail. With no harm both arms vary alike, so what they vary
    # together is taken where it is more: without it, false alarms at one in ten reach twice the alpha.
    together = ((n - 1) * variance + (m - 1) * spread) / np.maximum(n + m - 2, 1) / pairs
    error = np.sqrt(np.maximum(variance / n + spread / m, together))
    return np.asarray(harm - error * _width(pairs, alpha), float)


def _width(pairs: Floats, alpha: float) -> Floats:
    """How many standard errors the sequence keeps away, for arms worth `pairs` = 1 / (1/n + 1/m) against as many."""
    tuned = (-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) / _BEST_AT
    grown = pairs * tuned + 1
    return np.asarray(np.sqrt(2 * grown / (grown - 1) * np.log(1 + np.sqrt(grown) / (2 * alpha))), float)
