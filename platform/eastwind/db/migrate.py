"""Bring a database to this release's schema, by Alembic, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from eastwind.db.engine import Database


def config(db: Database) -> Config:
    """Alembic's configuration for `db`; the connection is handed over, not its address."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    alembic.attributes["engine"] = db.engine
    return alembic


def upgrade(db: Database) -> None:
    """Run every migration that `db` has not had. A no-op, and quick, when there is none."""
    if not is_current(db):
        command.upgrade(config(db), "head")


def is_current(db: Database) -> bool:
    """Whether the schema is this release's."""
    head = ScriptDirectory.from_config(config(db)).get_current_head()
    with db.read() as tx:
        return MigrationContext.configure(tx).get_current_revision() == head
