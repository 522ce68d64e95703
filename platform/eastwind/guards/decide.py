"""The decision of one guard at one look: a pure function of the counts, so it can be replayed."""

from math import log

from eastwind.analysis.model import CONTROL, TREATMENT, Counts, Sums
from eastwind.errors import Message, msg
from eastwind.guards.model import Decision, Guard, Kind
from eastwind.guards.sequential import harm_bound, log_e_value

# Below this a comparison is not made. The test of shares holds at any size; that of means leans on the normal curve.
MIN_UNITS = {"proportion": 5, "mean": 50}


def decide(guard: Guard, counts: Counts) -> Decision:
    """What `guard` makes of `counts`. The hard limit is looked at first, and needs no control and no minimum."""
    kind, reason = _decide(guard, counts)
    if kind is Kind.BREACH and _fails_alike(guard, counts):
        return Decision(guard.metric, kind, msg("{reason}; control fails alike, so look at what both depend on",
                                                reason=reason), blames=False)
    return Decision(guard.metric, kind, reason)


def _fails_alike(guard: Guard, counts: Counts) -> bool:
    """Whether a hard limit was crossed by something that harms control too: not clearly worse, at half the rate."""
    if guard.kind != "proportion" or guard.alpha is None:
        return False
    treated, control = _arm(guard, counts, TREATMENT), _arm(guard, counts, CONTROL)
    if not control.n_positive or control.mean < treated.mean / 2:
        return False
    return _compare(guard, guard.alpha, counts)[0] is not Kind.BREACH


def _decide(guard: Guard, counts: Counts) -> tuple[Kind, Message]:
    if not counts.touched:
        return Kind.NO_DATA, msg("no unit has seen the new way yet")
    harmed = counts.harmed.get(guard.metric, 0)
    if guard.hard_limit is not None and harmed > guard.hard_limit:
        return Kind.BREACH, msg(
            "{metric}: {harmed} of {touched} units that saw the new way; at most {limit} are allowed",
            metric=guard.metric, harmed=harmed, touched=counts.touched, limit=guard.hard_limit)
    if guard.alpha is not None:
        return _compare(guard, guard.alpha, counts)
    return Kind.QUIET, msg("{metric}: {harmed} of {touched} units that saw the new way; within the limit of {limit}",
                           metric=guard.metric, harmed=harmed, touched=counts.touched, limit=guard.hard_limit)


def _compare(guard: Guard, alpha: float, counts: Counts) -> tuple[Kind, Message]:
    treated, control = _arm(guard, counts, TREATMENT), _arm(guard, counts, CONTROL)
    least = MIN_UNITS[guard.kind]
    if min(treated.n_units, control.n_units) < least:
        return Kind.INCONCLUSIVE, msg(
            "{metric}: too few to compare, {treated} treated and {control} control units; {least} of each are needed",
            metric=guard.metric, treated=treated.n_units, control=control.n_units, least=least)
    compare = _shares if guard.kind == "proportion" else _means
    worse, here, there = compare(guard, alpha, treated, control)
    figures = {"metric": guard.metric, "treated": here, "control": there, "alpha": f"{alpha:g}"}
    if worse:
        return Kind.BREACH, msg("{metric}: {treated} treated against {control} in control; clearly worse, with a "
                                "chance of false alarm of at most {alpha}", **figures)
    return Kind.QUIET, msg("{metric}: {treated} treated against {control} in control; not clearly worse", **figures)


def _arm(guard: Guard, counts: Counts, arm: str) -> Sums:
    """A share is of all units in the arm; a mean of those that something was heard of."""
    sums = counts.of(guard.metric, arm)
    if guard.kind == "mean":
        return sums
    return Sums(counts.units.get(arm, 0), sums.n_positive, float(sums.n_positive), float(sums.n_positive))


def _shares(guard: Guard, alpha: float, treated: Sums, control: Sums) -> tuple[bool, str, str]:
    evidence = log_e_value(treated.n_positive, control.n_positive, treated.n_units, control.n_units,
                           margin=guard.margin, lower_is_better=guard.better == "lower")
    here, there = (f"{s.n_positive}/{s.n_units} ({s.mean:.1%})" for s in (treated, control))
    return float(evidence) >= log(1 / alpha), here, there


def _means(guard: Guard, alpha: float, treated: Sums, control: Sums) -> tuple[bool, str, str]:
    bound = harm_bound(*((s.n_units, s.mean, s.variance) for s in (treated, control)), alpha=alpha,
                       margin=guard.margin, lower_is_better=guard.better == "lower")
    here, there = (f"{s.mean:.4g} (n={s.n_units})" for s in (treated, control))
    return float(bound) > 0, here, there
