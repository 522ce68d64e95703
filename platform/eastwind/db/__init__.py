"""Engine, transactions, column types, migrations."""

from sqlalchemy import Connection

from eastwind.db.engine import Database
from eastwind.db.types import Json, Moment, Percent, RowId, metadata

__all__ = ["Connection", "Database", "Json", "Moment", "Percent", "RowId", "metadata"]
