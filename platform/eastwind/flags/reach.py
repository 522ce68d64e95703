"""How many customers a flag can reach at the most: what the readiness gate compares with the evidence.

An upper bound, never an estimate: an enabled flag without active strategies is everybody, overlapping strategies add
up, and a constraint counts as narrowing only where it lists customers by name.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from eastwind.flags.model import WHOLE, Dependency, Feature, Segment, Strategy, Variant

Lookup = Callable[[str], Feature | None]


@dataclass(frozen=True, slots=True)
class Reach:
    """Customers listed by name, and a share of all others."""

    ids: frozenset[str] = frozenset()
    fraction: Fraction = Fraction(0)

    def share(self, population: int) -> Fraction:
        """As a share of all customers, 0 to 1. Without a known population a list counts as everybody."""
        if not self.ids:
            return self.fraction
        return min(Fraction(1), self.fraction + Fraction(len(self.ids), population)) if population else Fraction(1)


NOBODY = Reach()
EVERYBODY = Reach(frozenset(), Fraction(1))


def reach(feature: Feature, environment: str, lookup: Lookup, segments: Mapping[int, Segment]) -> Reach:
    """The most that `feature` can reach in `environment`."""
    state = feature.at(environment)
    if feature.archived_at or not state.enabled:
        return NOBODY
    own = _union(_strategy(s, segments) for s in state.active) if state.active else EVERYBODY
    for dependency in feature.dependencies:
        own = _within(own, dependency, environment, lookup, segments)
    return own


def _union(parts: Iterable[Reach]) -> Reach:
    found = list(parts)
    ids = frozenset().union(*(p.ids for p in found))
    return Reach(ids, min(Fraction(1), sum((p.fraction for p in found), Fraction(0))))


def _strategy(strategy: Strategy, segments: Mapping[int, Segment]) -> Reach:
    listed = _listed(strategy, segments)
    if listed is not None:
        return Reach(listed)
    return Reach(fraction=_rollout(strategy))


_REDRAWN = ("random", "sessionId")


def _rollout(strategy: Strategy) -> Fraction:
    # What is drawn anew at each visit reaches everybody in time, however small the share.
    if strategy.parameters.get("stickiness") in _REDRAWN or strategy.name in (
            "gradualRolloutRandom", "gradualRolloutSessionId"):
        return Fraction(1)
    if strategy.name == "flexibleRollout":
        return Fraction(int(strategy.parameters.get("rollout", "100")), 100)
    if strategy.name.startswith("gradualRollout"):
        return Fraction(int(strategy.parameters.get("percentage", "100")), 100)
    return Fraction(1)


def _listed(strategy: Strategy, segments: Mapping[int, Segment]) -> frozenset[str] | None:
    """The customers a strategy names, if it lets in nobody else."""
    if strategy.name == "userWithId":
        ids = strategy.parameters.get("userIds", "").split(",")
        return frozenset(i.strip() for i in ids if i.strip())
    shared = [c for number in strategy.segments if number in segments for c in segments[number].constraints]
    lists = [
        frozenset(c.values) for c in (*strategy.constraints, *shared)
        if c.context_name == "userId" and c.operator == "IN" and not c.inverted and not c.case_insensitive
    ]
    return min(lists, key=len) if lists else None


def _within(own: Reach, dependency: Dependency, environment: str, lookup: Lookup,
            segments: Mapping[int, Segment]) -> Reach:
    parent = lookup(dependency.feature)
    if not dependency.enabled:
        return own  # "on where the parent is off" narrows nothing for sure
    if parent is None or parent.archived_at or not parent.at(environment).enabled:
        return NOBODY
    if dependency.variants:
        parts = _shown(parent, environment, frozenset(dependency.variants), segments)
    else:  # a parent's own parents, which there should not be, could only narrow further
        orphan = parent.model_copy(update={"dependencies": ()})
        parts = [(reach(orphan, environment, lookup, segments), Fraction(1))]
    # A variant is drawn with a seed of its own, independent of every rollout, so its weight multiplies. The rollouts of
    # parent and child need not be independent: of those, the smaller counts.
    ids = own.ids.union(*(base.ids for base, weight in parts if weight))
    fraction = sum((min(own.fraction, base.fraction) * weight for base, weight in parts), Fraction(0))
    return Reach(ids, min(own.fraction, fraction))


def _shown(parent: Feature, environment: str, names: frozenset[str],
           segments: Mapping[int, Segment]) -> list[tuple[Reach, Fraction]]:
    """For each way into `parent`: whom it reaches, and the part of those that is shown one of the variants `names`."""
    state = parent.at(environment)
    ways = [(_strategy(s, segments), s.variants or state.variants) for s in state.active]
    return [(base, _weight(variants, names)) for base, variants in ways or [(EVERYBODY, state.variants)]]


def _weight(variants: tuple[Variant, ...], names: frozenset[str]) -> Fraction:
    shown = [v for v in variants if v.name in names]
    # An override gives its variant whatever the weights are; a redrawn variant reaches everybody in time.
    if any(v.overrides or v.stickiness in _REDRAWN for v in shown) or (not variants and "disabled" in names):
        return Fraction(1)
    return Fraction(sum(v.weight for v in shown), sum(v.weight for v in variants) or WHOLE)
