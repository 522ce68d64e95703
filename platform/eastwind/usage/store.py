"""Tables of usage: counts by the hour, applications, series and their minutes."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    tuple_,
)

from eastwind.db import Connection, Json, Moment, RowId, metadata
from eastwind.db.upsert import insert, put
from eastwind.usage.model import Application, Buckets, Hour, Key, Kind, Labels, Point, Series, joined

_BATCH = 500
_WHO = ("feature", "environment", "app", "hour")

hourly = Table(
    "usage_hour",
    metadata,
    Column("feature", String(200), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("app", String(200), primary_key=True),
    Column("hour", Moment, primary_key=True, index=True),
    Column("yes", BigInteger, nullable=False),
    Column("no", BigInteger, nullable=False),
)

variant = Table(
    "usage_variant",
    metadata,
    Column("feature", String(200), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("app", String(200), primary_key=True),
    Column("hour", Moment, primary_key=True, index=True),
    Column("variant", String(200), primary_key=True),
    Column("shown", BigInteger, nullable=False),
)

application = Table(
    "usage_application",
    metadata,
    Column("app", String(200), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("sdk", String(200), nullable=False),
    Column("strategies", Json, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)

series = Table(
    "impact_series",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("environment", String(100), nullable=False),
    Column("app", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("labels_hash", String(64), nullable=False),  # an index holds no text of any length
    Column("labels", Json, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("help", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("value", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("total", Float, nullable=False),
    Column("buckets", Json, nullable=False),
    UniqueConstraint("environment", "app", "name", "labels_hash"),
)

point = Table(
    "impact_point",
    metadata,
    Column("series", BigInteger, ForeignKey("impact_series.id", ondelete="CASCADE"), primary_key=True,
           autoincrement=False),
    Column("minute", Moment, primary_key=True, index=True),
    Column("value", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("total", Float, nullable=False),
    Column("buckets", Json, nullable=False),
)

_SERIES_KEY = (series.c.environment, series.c.app, series.c.name, series.c.labels_hash)


def add_hours(tx: Connection, hours: Iterable[Hour]) -> None:
    """Add counts to what the same hours hold already."""
    found = sorted(hours, key=lambda h: (h.feature, h.environment, h.app, h.hour))
    rows = [{"feature": h.feature, "environment": h.environment, "app": h.app, "hour": h.hour} for h in found]
    _add(tx, hourly, [{**row, "yes": h.yes, "no": h.no} for row, h in zip(rows, found, strict=True)])
    _add(tx, variant, [{**row, "variant": name, "shown": shown} for row, h in zip(rows, found, strict=True)
                       for name, shown in sorted(h.variants.items())])


def hours(tx: Connection, feature: str, since: datetime) -> list[Hour]:
    """A flag's counts from an hour on, newest first."""
    shown: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in tx.execute(select(variant).where(variant.c.feature == feature, variant.c.hour >= since)).mappings():
        shown.setdefault(tuple(row[c] for c in _WHO), {})[row["variant"]] = row["shown"]
    query = select(hourly).where(hourly.c.feature == feature, hourly.c.hour >= since)
    rows = tx.execute(query.order_by(hourly.c.hour.desc(), hourly.c.environment, hourly.c.app)).mappings()
    return [Hour(**row, variants=shown.get(tuple(row[c] for c in _WHO), {})) for row in rows]


def features_of(tx: Connection, app: str) -> list[tuple[str, str]]:
    """The flags an application counted, each with the environment, in order."""
    query = select(hourly.c.feature, hourly.c.environment).where(hourly.c.app == app).distinct()
    return [(str(f), str(e)) for f, e in tx.execute(query.order_by(hourly.c.feature, hourly.c.environment))]


def see(tx: Connection, seen: Iterable[Application]) -> None:
    """Note applications; when one was first seen stays."""
    newer = sorted(seen, key=lambda a: (a.app, a.environment))
    apps = sorted({a.app for a in newer})
    known = {(a.app, a.environment): a for start in range(0, len(apps), _BATCH)
             for a in _applications(tx, application.c.app.in_(apps[start:start + _BATCH]))}
    put(tx, application, [_application_row(joined(known.get((a.app, a.environment), a), a)) for a in newer])


def applications(tx: Connection, app: str | None = None) -> list[Application]:
    """All applications, or one, in each environment it was seen in, by name."""
    return _applications(tx, *(() if app is None else (application.c.app == app,)))


def locked(tx: Connection, keys: Iterable[Key]) -> dict[Key, tuple[int, Series]]:
    """These series as they stand, with their ids, locked until the transaction ends where the engine can."""
    wanted = sorted((k.environment, k.app, k.name, _hash(k.labels)) for k in keys)
    query = select(series).where(tuple_(*_SERIES_KEY).in_(wanted)).order_by(*_SERIES_KEY).with_for_update()
    found = ((int(row["id"]), _series(row)) for row in tx.execute(query).mappings())
    return {item.key: (number, item) for number, item in found}


def count_series(tx: Connection) -> int:
    """How many series there are."""
    return int(tx.execute(select(func.count()).select_from(series)).scalar_one())


def enter_series(tx: Connection, items: Sequence[Series]) -> None:
    """Insert those that another process has not inserted meanwhile."""
    # In one order everywhere, so that none waits in a ring.
    rows = sorted(map(_series_row, items), key=lambda r: (r["name"], r["labels_hash"]))
    if rows:
        tx.execute(insert(tx, series).on_conflict_do_nothing(), rows)


def save_series(tx: Connection, number: int, item: Series) -> None:
    """Replace what one stands at."""
    tx.execute(series.update().where(series.c.id == number).values(_series_row(item)))


def all_series(tx: Connection, since: datetime) -> list[Series]:
    """Every series that something came in for since a moment, by name."""
    query = select(series).where(series.c.at >= since).order_by(series.c.name, *_SERIES_KEY)
    return [_series(row) for row in tx.execute(query).mappings()]


def points(tx: Connection, key: Key, since: datetime) -> list[Point]:
    """A series minute by minute, oldest first."""
    here = series.join(point, point.c.series == series.c.id)
    query = select(point).select_from(here).where(
        tuple_(*_SERIES_KEY) == (key.environment, key.app, key.name, _hash(key.labels)), point.c.minute >= since)
    return [Point(r["minute"], r["value"], r["count"], r["total"], _buckets(r["buckets"]))
            for r in tx.execute(query.order_by(point.c.minute)).mappings()]


def point_at(tx: Connection, number: int, minute: datetime) -> Point | None:
    """What came in for a series in a minute."""
    row = tx.execute(select(point).where(point.c.series == number, point.c.minute == minute)).mappings().first()
    return Point(minute, row["value"], row["count"], row["total"], _buckets(row["buckets"])) if row else None


def save_point(tx: Connection, number: int, item: Point) -> None:
    """Insert or replace."""
    put(tx, point, [{"series": number, "minute": item.minute, "value": item.value, "count": item.count,
                     "total": item.total, "buckets": _bounds(item.buckets)}])


def forget(tx: Connection, hours_before: datetime, points_before: datetime) -> None:
    """Remove what is older: counts, and minutes of series."""
    for table in (hourly, variant):
        tx.execute(table.delete().where(table.c.hour < hours_before))
    tx.execute(application.delete().where(application.c.last_seen < hours_before))
    tx.execute(point.delete().where(point.c.minute < points_before))
    tx.execute(series.delete().where(series.c.at < points_before))


def _applications(tx: Connection, *where: ColumnElement[bool]) -> list[Application]:
    query = select(application).where(*where).order_by(application.c.app, application.c.environment)
    return [Application(**{**row, "strategies": tuple(row["strategies"])}) for row in tx.execute(query).mappings()]


def _application_row(item: Application) -> dict[str, Any]:
    return {"app": item.app, "environment": item.environment, "sdk": item.sdk, "strategies": list(item.strategies),
            "first_seen": item.first_seen, "last_seen": item.last_seen}


def _add(tx: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement, keys = insert(tx, table), [c.name for c in table.primary_key]
    sums = {name: table.c[name] + statement.excluded[name] for name in rows[0] if name not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums), rows)


def _series(row: RowMapping) -> Series:
    labels: Labels = tuple((str(k), str(v)) for k, v in row["labels"])
    kind: Kind = row["kind"]
    return Series(Key(row["environment"], row["app"], row["name"], labels), kind, row["help"], row["at"], row["value"],
                  row["count"], row["total"], _buckets(row["buckets"]))


def _series_row(item: Series) -> dict[str, Any]:
    key = item.key
    return {"environment": key.environment, "app": key.app, "name": key.name, "kind": item.kind, "help": item.help,
            "labels": [list(pair) for pair in key.labels], "labels_hash": _hash(key.labels), "at": item.at,
            "value": item.value, "count": item.count, "total": item.total, "buckets": _bounds(item.buckets)}


def _hash(labels: Labels) -> str:
    return hashlib.sha256(json.dumps(labels).encode("ascii")).hexdigest()


def _bounds(buckets: Buckets) -> list[list[Any]]:
    return [["+Inf" if math.isinf(le) else le, n] for le, n in buckets]


def _buckets(stored: list[list[Any]]) -> Buckets:
    return tuple((math.inf if le == "+Inf" else float(le), int(n)) for le, n in stored)
