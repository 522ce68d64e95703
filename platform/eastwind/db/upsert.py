"""INSERT with ON CONFLICT, which both engines have and SQLAlchemy spells twice."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def insert(tx: Connection, table: Table) -> SqliteInsert | PostgresqlInsert:
    """An INSERT of the engine that `tx` talks to, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite_insert(table) if tx.dialect.name == "sqlite" else postgresql_insert(table)


def put(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those with the same primary key. All rows have the same columns."""
    if not rows:
        return
    statement, keys = insert(tx, table), [c.name for c in table.primary_key]
    rest = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), rows)
