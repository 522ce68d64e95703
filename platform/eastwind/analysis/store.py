"""Sums over exposures × outcomes, made by the database: no row leaves it."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import CTE, Select, Table, and_, case, distinct, func, select

from eastwind.analysis.model import CONTROL, PILOT, TREATMENT, Counts, Sums
from eastwind.db import Connection
from eastwind.exposures.store import exposure
from eastwind.outcomes.store import outcome

_CROSSED = "crossed"


def counts(tx: Connection, experiment: str, environment: str, run: int, metrics: Collection[str] | None) -> Counts:
    """What a run adds up to, in all metrics or only in `metrics`."""
    place = (experiment, environment, run)
    units = _units(place)
    sizes = {arm: int(n) for arm, n in tx.execute(select(units.c.arm, func.count()).group_by(units.c.arm))}
    found: dict[str, dict[str, Sums]] = {}
    for metric, arm, *numbers in tx.execute(_sums(place, units, metrics)):
        found.setdefault(metric, {})[arm] = Sums(int(numbers[0]), int(numbers[1]), float(numbers[2]), float(numbers[3]))
    return Counts(
        units={arm: sizes.get(arm, 0) for arm in (TREATMENT, CONTROL)}, crossed=sizes.get(_CROSSED, 0),
        pilots=sizes.get(PILOT, 0), metrics=found, touched=int(tx.execute(_touched(place)).scalar_one()),
        harmed={metric: int(n) for metric, n in tx.execute(_harmed(place, metrics))})


def _units(place: tuple[str, str, int]) -> CTE:
    """Each unit of a run once, with its arm: pilot if ever let in by name, crossed if shown both arms."""
    pilot = func.max(case((exposure.c.arm == PILOT, 1), else_=0)) == 1
    arm = case((pilot, PILOT), (func.count() > 1, _CROSSED), else_=func.min(exposure.c.arm))
    query = select(exposure.c.unit, arm.label("arm")).where(*_at(exposure, place)).group_by(exposure.c.unit)
    return query.cte("units")


def _sums(place: tuple[str, str, int], units: CTE, metrics: Collection[str] | None) -> Select[Any]:
    positive = func.max(case((outcome.c.value > 0, 1), else_=0)).label("positive")
    per_unit = (
        select(outcome.c.metric, outcome.c.unit, positive, func.avg(outcome.c.value).label("value"))
        .where(*_at(outcome, place), *_named(metrics)).group_by(outcome.c.metric, outcome.c.unit).subquery())
    value = per_unit.c.value
    return (
        select(per_unit.c.metric, units.c.arm, func.count(), func.sum(per_unit.c.positive), func.sum(value),
               func.sum(value * value))
        .select_from(per_unit.join(units, units.c.unit == per_unit.c.unit))
        .where(units.c.arm.in_((TREATMENT, CONTROL))).group_by(per_unit.c.metric, units.c.arm))


def _touched(place: tuple[str, str, int]) -> Select[Any]:
    return select(func.count(distinct(exposure.c.unit))).where(*_at(exposure, place), exposure.c.arm != CONTROL)


def _harmed(place: tuple[str, str, int], metrics: Collection[str] | None) -> Select[Any]:
    """Units with a positive value at or after they first saw the new way; what happened before is not its doing."""
    seen = and_(*_at(exposure, place), exposure.c.unit == outcome.c.unit, exposure.c.arm != CONTROL,
                exposure.c.at <= outcome.c.at)
    return (
        select(outcome.c.metric, func.count(distinct(outcome.c.unit))).select_from(outcome.join(exposure, seen))
        .where(*_at(outcome, place), *_named(metrics), outcome.c.value > 0).group_by(outcome.c.metric))


def _at(table: Table, place: tuple[str, str, int]) -> tuple[Any, ...]:
    experiment, environment, run = place
    return table.c.experiment == experiment, table.c.environment == environment, table.c.run == run


def _named(metrics: Collection[str] | None) -> tuple[Any, ...]:
    return () if metrics is None else (outcome.c.metric.in_(sorted(metrics)),)
