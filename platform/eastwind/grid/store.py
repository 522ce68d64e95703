"""Tables of the grid. An import replaces all of them at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, select

from eastwind.db import Connection, Moment, RowId, metadata
from eastwind.grid.model import GridCounts, GridCustomer

station = Table(
    "station",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("bureau", String(100), nullable=False),
)

feeder = Table(
    "feeder",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("station_id", String(100), ForeignKey("station.id"), nullable=False, index=True),
)

transformer = Table(
    "transformer",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("feeder_id", String(100), ForeignKey("feeder.id"), nullable=False, index=True),
    Column("kva", Float, nullable=False),
)

customer = Table(
    "customer",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("transformer_id", String(100), ForeignKey("transformer.id"), nullable=False),
    Column("tariff", String(100), nullable=False),
    Column("bureau", String(100), nullable=False),
    Column("channel", String(100), nullable=False),
    Index("ix_customer_transformer_id_account", "transformer_id", "account"),
)

# What each import brought. The newest row is the census, so that nobody counts millions of customers.
grid_import = Table(
    "grid_import",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("stations", Integer, nullable=False),
    Column("feeders", Integer, nullable=False),
    Column("transformers", Integer, nullable=False),
    Column("customers", Integer, nullable=False),
)

_TABLES = {"stations.csv": station, "feeders.csv": feeder, "transformers.csv": transformer, "customers.csv": customer}
_BATCH = 5000


def replace(tx: Connection, export: Mapping[str, Sequence[Mapping[str, Any]]], at: datetime) -> GridCounts:
    """Put the rows of `export` (file name -> rows) in the place of all there were."""
    for table in reversed(_TABLES.values()):
        tx.execute(table.delete())
    for file, table in _TABLES.items():
        rows = export[file]
        for start in range(0, len(rows), _BATCH):
            tx.execute(table.insert(), rows[start:start + _BATCH])
    counts = GridCounts(*(len(export[file]) for file in _TABLES))
    tx.execute(grid_import.insert().values(at=at, **counts.as_json()))
    return counts


def counts(tx: Connection) -> GridCounts:
    """What the newest import brought; zeros before the first."""
    columns = [grid_import.c[name] for name in GridCounts.__dataclass_fields__]
    row = tx.execute(select(*columns).order_by(grid_import.c.id.desc()).limit(1)).first()
    return GridCounts(*row) if row else GridCounts()


def customer_by_account(tx: Connection, account: str) -> GridCustomer | None:
    """One customer with their path."""
    path = customer.join(transformer).join(feeder)
    query = select(customer.c.account, customer.c.transformer_id, transformer.c.feeder_id, feeder.c.station_id,
                   customer.c.bureau, customer.c.tariff, customer.c.channel)
    row = tx.execute(query.select_from(path).where(customer.c.account == account)).first()
    return GridCustomer(*row) if row else None


def accounts_at(tx: Connection, places: Iterable[int]) -> Iterator[str]:
    """The accounts at these places (from 0) of the list ordered along the grid."""
    wanted = set(places)
    query = select(customer.c.account).order_by(customer.c.transformer_id, customer.c.account)
    streamed = tx.execution_options(yield_per=_BATCH).execute(query).scalars()
    return (account for place, account in enumerate(streamed) if place in wanted)
