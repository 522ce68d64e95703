"""Shares below 1 % on the plain wire, nested: who is in at 0.1 % is in at 1 % and at 5 %.

An SDK's rollout knows whole percents only. So an experiment's flag hangs on a parent, its *ladder*, whose variant
`in` has a weight of 1…1000 thousandths, and has itself a rollout of 1…100 % inside that variant. Climbing raises first
the rollout (weight 1: 0.001 % to 0.1 %), then the weight (rollout 100: 0.1 % to 100 %). Neither ever falls on the way
up, and each is a threshold on a fixed hash, so every step contains the one before.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags.model import WHOLE, Constraint, Dependency, Strategy, Variant

IN, OUT = "in", "out"
_FINE = Decimal("0.001")
_COARSE = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: the parent's weight (thousandths) and the child's rollout (percent)."""

    weight: int
    rollout: int

    @property
    def share(self) -> Decimal:
        """In percent of all customers."""
        return Decimal(self.weight) * self.rollout / 1000


def rung(share: Decimal) -> Rung:
    """The step for a share in percent: 0, or 0.001…0.1 in steps of 0.001, or 0.1…100 in steps of 0.1."""
    fine = share.is_finite() and share <= _COARSE
    if not (share.is_finite() and 0 <= share <= 100) or share % (_FINE if fine else _COARSE):
        raise Invalid(Problem("share", msg(
            "must be from 0 to 100 %, in steps of 0.001 up to 0.1 and in steps of 0.1 above")))
    return Rung(1, int(share / _FINE)) if fine else Rung(int(share / _COARSE), 100)


def round_up(share: Decimal) -> Decimal:
    """The smallest step of the ladder that is not below `share` (percent)."""
    step = _FINE if share <= _COARSE else _COARSE
    return min(share, Decimal(100)).quantize(step, ROUND_CEILING).normalize()


def parent_name(flag: str) -> str:
    """The ladder's own flag."""
    return f"{flag}.ladder"


def dependency(flag: str) -> Dependency:
    """What ties the flag to its ladder."""
    return Dependency(feature=parent_name(flag), enabled=True, variants=(IN,))


def parent_strategies(flag: str, step: Rung, pilots: tuple[str, ...], stickiness: str) -> tuple[Strategy, ...]:
    """The ladder: named pilots are always in; of the others, `step.weight` thousandths."""
    weights = Variant(name=IN, weight=step.weight, weight_type="fix", stickiness=stickiness), Variant(
        name=OUT, weight=WHOLE - step.weight, stickiness=stickiness)
    everybody = _rollout(f"{flag}.ladder", 100, stickiness, (), weights, "ladder")
    if not pilots:
        return (everybody,)
    always = (Variant(name=IN, weight=WHOLE, weight_type="fix", stickiness=stickiness),)
    return (_rollout(f"{flag}.pilots", 100, stickiness, pilots, always, "pilots"), everybody)


def child_strategies(flag: str, step: Rung, pilots: tuple[str, ...], stickiness: str) -> tuple[Strategy, ...]:
    """The flag itself: named pilots, and `step.rollout` percent of those on the ladder."""
    share = _rollout(flag, step.rollout, stickiness, (), (), "share")
    return (_rollout(flag, 100, stickiness, pilots, (), "pilots"), share) if pilots else (share,)


def _rollout(group: str, percent: int, stickiness: str, pilots: tuple[str, ...], variants: tuple[Variant, ...],
             title: str) -> Strategy:
    named = (Constraint(context_name="userId", operator="IN", values=pilots),) if pilots else ()
    return Strategy(id=title, name="flexibleRollout", title=title, constraints=named, variants=variants,
                    parameters={"rollout": str(percent), "stickiness": stickiness, "groupId": group})
