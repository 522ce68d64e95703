"""Tables of flags. Strategies, variants and constraints are kept as Unleash's JSON, as they go over the wire.

JSON is fetched as text and read row by row: a row that somebody damaged must not keep another one from being closed.
A state that cannot be read counts as off and empty, which is also how it goes out.
"""

import json
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Integer, RowMapping, String, Table, Text, cast, func, select

from eastwind.db import Connection, Json, Moment, RowId, metadata
from eastwind.db.upsert import put
from eastwind.errors import Conflict, Problem, msg
from eastwind.flags.model import Environment, Feature, FeatureEnvironment, Project, Segment

log = logging.getLogger(__name__)

project = Table(
    "project",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("description", Text, nullable=False),
)

environment = Table(
    "environment",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("type", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("sort_order", Integer, nullable=False),
)

feature = Table(
    "feature",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("name_key", String(100), nullable=False, unique=True),
    Column("project", String(100), ForeignKey("project.id"), nullable=False, index=True),
    Column("type", String(20), nullable=False),
    Column("description", Text, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("impression_data", Boolean, nullable=False),
    Column("dependencies", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("archived_at", Moment),
    Column("completed_at", Moment),
    Column("completed_status", String(20), nullable=False),
    Column("completed_value", Text, nullable=False),
    Column("deleted_at", Moment),
)

state = Table(
    "feature_environment",
    metadata,
    Column("feature", String(100), ForeignKey("feature.name"), primary_key=True),
    Column("environment", String(100), ForeignKey("environment.name"), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("strategies", Json, nullable=False),
    Column("variants", Json, nullable=False),
)

segment = Table(
    "segment",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("project", String(100)),
    Column("constraints", Json, nullable=False),
)


tag_type = Table(
    "tag_type",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("description", Text, nullable=False),
    Column("icon", String(100)),
    Column("color", String(20)),
)

tag = Table(
    "tag",
    metadata,
    Column("type", String(100), ForeignKey("tag_type.name"), primary_key=True),
    Column("value", String(100), primary_key=True),
)

context_field = Table(
    "context_field",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("description", Text, nullable=False),
    Column("stickiness", Boolean, nullable=False),
    Column("sort_order", Integer, nullable=False),
    Column("legal_values", Json, nullable=False),
)

# Every project has every environment, but for these.
gap = Table(
    "project_without_environment",
    metadata,
    Column("project", String(100), ForeignKey("project.id"), primary_key=True),
    Column("environment", String(100), ForeignKey("environment.name"), primary_key=True),
)


def _readable(table: Table) -> list[Any]:
    return [cast(c, Text).label(c.name) if isinstance(c.type, Json) else c for c in table.c]


_FEATURE, _STATE, _SEGMENT = _readable(feature), _readable(state), _readable(segment)
_JSON = ("dependencies", "tags", "strategies", "variants", "constraints")
# What is told of a feature to those who look after it, and to no SDK.
_NOT_SERVED = ("name_key", "created_at", "archived_at", "completed_at", "completed_status", "completed_value",
               "deleted_at")


def projects(tx: Connection) -> list[Project]:
    """All projects."""
    return [Project.model_validate(dict(r)) for r in tx.execute(select(project).order_by(project.c.id)).mappings()]


def environments(tx: Connection) -> list[Environment]:
    """All environments in their order."""
    rows = tx.execute(select(environment).order_by(environment.c.sort_order, environment.c.name)).mappings()
    return [Environment.model_validate(dict(r)) for r in rows]


def change_environment(tx: Connection, name: str, **values: Any) -> None:
    """Set some of an environment's columns."""
    tx.execute(environment.update().where(environment.c.name == name).values(values))


def gaps(tx: Connection, project_id: str) -> set[str]:
    """The environments that a project does not have."""
    return set(tx.execute(select(gap.c.environment).where(gap.c.project == project_id)).scalars())


def open_gap(tx: Connection, project_id: str, environment_name: str) -> None:
    """Take an environment from a project."""
    tx.execute(gap.insert().values(project=project_id, environment=environment_name))


def close_gap(tx: Connection, project_id: str, environment_name: str) -> None:
    """Give it back."""
    tx.execute(gap.delete().where((gap.c.project == project_id) & (gap.c.environment == environment_name)))


def get(tx: Connection, name: str) -> Feature | None:
    """One feature with its state in every environment. Raises `Conflict` if its own row is damaged."""
    query = select(*_FEATURE).where(feature.c.name == name, feature.c.deleted_at.is_(None))
    row = tx.execute(query).mappings().first()
    found = _features(tx, [row]) if row else []
    if row and not found:
        raise Conflict(Problem("feature", msg("{name} is damaged in the database", name=name)))
    return found[0] if found else None


def name_taken(tx: Connection, name: str) -> str | None:
    """The feature, live, archived or deleted, whose name is this one but for case. Names are never used twice."""
    found: str | None = tx.execute(select(feature.c.name).where(feature.c.name_key == name.casefold())).scalar()
    return found


def features(tx: Connection, project_id: str | None = None, archived: bool = False) -> list[Feature]:
    """Live (or archived) features by name."""
    out_of_use = feature.c.archived_at.is_not(None) if archived else feature.c.archived_at.is_(None)
    query = select(*_FEATURE).where(out_of_use, feature.c.deleted_at.is_(None))
    if project_id is not None:
        query = query.where(feature.c.project == project_id)
    return _features(tx, tx.execute(query.order_by(feature.c.name)).mappings().all())


def children(tx: Connection, parent: str) -> list[Feature]:
    """The live features that depend on `parent`."""
    query = select(*_FEATURE).where(feature.c.archived_at.is_(None), cast(feature.c.dependencies, Text) != "[]")
    dependents = _features(tx, tx.execute(query).mappings().all())
    return [f for f in dependents if any(d.feature == parent for d in f.dependencies)]


def save(tx: Connection, item: Feature) -> None:
    """Write a feature and all its states."""
    values = item.model_dump(include={"name", "project", "type", "description", "stale", "impression_data",
                                      "created_at", "archived_at", "completed_at", "completed_status",
                                      "completed_value"})
    values |= {"name_key": item.name.casefold(), "dependencies": [d.wire() for d in item.dependencies],
               "tags": [t.wire() for t in item.tags]}
    put(tx, feature, [values])
    for at in item.environments.values():
        put(tx, state, [{
            "feature": item.name, "environment": at.environment, "enabled": at.enabled,
            "strategies": [s.wire() for s in at.strategies], "variants": [v.wire() for v in at.variants],
        }])


def delete(tx: Connection, name: str, at: datetime) -> None:
    """Forget an archived feature's states. Its name stays taken."""
    tx.execute(state.delete().where(state.c.feature == name))
    tx.execute(feature.update().where(feature.c.name == name).values(deleted_at=at))


def segments(tx: Connection) -> dict[int, Segment]:
    """All segments by id; a damaged one is as good as none."""
    rows = tx.execute(select(*_SEGMENT).order_by(segment.c.id)).mappings()
    return {s.id: s for s in (_segment(row) for row in rows) if s is not None}


def add_segment(tx: Connection, item: Segment) -> int:
    """Insert and return the new id."""
    values = item.model_dump(include={"name", "description", "project"}) | _constraints(item)
    return int(tx.execute(segment.insert().values(values).returning(segment.c.id)).scalar_one())


def save_segment(tx: Connection, item: Segment) -> None:
    """Replace a segment."""
    values = item.model_dump(include={"name", "description", "project"}) | _constraints(item)
    tx.execute(segment.update().where(segment.c.id == item.id).values(values))


def remove_segment(tx: Connection, number: int) -> None:
    """Delete a segment."""
    tx.execute(segment.delete().where(segment.c.id == number))


def raw(tx: Connection, environment_name: str) -> tuple[list[RowMapping], list[RowMapping]]:
    """Rows of live features with their state in one environment, and of segments, *as stored*: JSON is text.

    The publisher builds what goes out from these, so that one damaged row cannot keep the others in.
    """
    joined = feature.outerjoin(state, (state.c.feature == feature.c.name) & (state.c.environment == environment_name))
    served = [c for c in _FEATURE if c.name not in _NOT_SERVED]
    query = (
        select(*served, *(c for c in _STATE if c.name not in ("feature", "environment"))).select_from(joined)
        .where(feature.c.archived_at.is_(None)).order_by(feature.c.name)
    )
    return list(tx.execute(query).mappings()), list(tx.execute(select(*_SEGMENT).order_by(segment.c.id)).mappings())


def opened(row: RowMapping) -> dict[str, Any]:
    """A row with its JSON read; what is missing is an empty list. Raises `ValueError` on a damaged one."""
    return {key: json.loads(value or "[]") or [] if key in _JSON else value for key, value in row.items()}


def tags_of(row: RowMapping) -> frozenset[str]:
    """A raw row's tags as `type:value`; none where they cannot be read."""
    try:
        return frozenset(f"{t['type']}:{t['value']}" for t in json.loads(row["tags"]))
    except (ValueError, TypeError, KeyError):
        return frozenset()


def count(tx: Connection) -> int:
    """How many features there are or were."""
    return int(tx.execute(select(func.count()).select_from(feature)).scalar_one())


def _constraints(item: Segment) -> dict[str, Any]:
    return {"constraints": [c.wire() for c in item.constraints]}


def _features(tx: Connection, rows: Iterable[RowMapping]) -> list[Feature]:
    found = list(rows)
    names = [r["name"] for r in found]
    states: dict[str, dict[str, FeatureEnvironment]] = {name: {} for name in names}
    # One query for all where many are asked for: a parameter for each would pass the engines' limit.
    query = select(*_STATE) if len(names) > 100 else select(*_STATE).where(state.c.feature.in_(names))
    for r in tx.execute(query).mappings():
        if r["feature"] in states:
            states[r["feature"]][r["environment"]] = _state(r)
    return [item for item in (_feature(row, states[row["name"]]) for row in found) if item is not None]


def _state(row: RowMapping) -> FeatureEnvironment:
    try:
        return FeatureEnvironment.model_validate(opened(row))
    except ValueError as error:
        log.warning("%s in %s is damaged and counts as off: %s", row["feature"], row["environment"], error)
        return FeatureEnvironment(environment=row["environment"])


def _feature(row: RowMapping, states: dict[str, FeatureEnvironment]) -> Feature | None:
    try:
        return Feature.model_validate({**opened(row), "environments": states})
    except ValueError as error:
        log.warning("%s is damaged and left out: %s", row["name"], error)
        return None


def _segment(row: RowMapping) -> Segment | None:
    try:
        return Segment.model_validate(opened(row))
    except ValueError as error:
        log.warning("segment %s is damaged and left out: %s", row["name"], error)
        return None
