"""The migrations lead to exactly the schema that the rooms declare; the engine keeps what it acknowledged."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, select, text

from eastwind.db import Database, Moment, metadata
from eastwind.db.engine import _wal_is_sound
from eastwind.db.migrate import is_current, upgrade
from tests.conftest import all_modules


def test_upgrade__fresh__is_what_the_rooms_declare(db: Database) -> None:
    all_modules()
    with db.read() as tx:
        found = compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata)
    assert found == []


def test_upgrade__again__changes_nothing(db: Database) -> None:
    assert is_current(db)
    upgrade(db)
    assert is_current(db)


def test_write__exception__leaves_nothing(db: Database) -> None:
    def failing() -> None:
        with db.write() as tx:
            tx.execute(text("INSERT INTO project (id, name, description) VALUES ('p', 'p', '')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM project")).scalar() == 0


@pytest.mark.parametrize("moment", [
    datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=8))),
])
def test_moment__there_and_back__is_the_same_instant(db: Database, moment: datetime) -> None:
    table = Table("moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", Moment))
    with db.write() as tx:
        table.create(tx)
        tx.execute(table.insert().values(at=moment))
    with db.read() as tx:
        assert tx.execute(select(table.c.at)).scalar_one() == moment


def test_moment__without_a_zone__refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]  # noqa: DTZ001


@pytest.mark.parametrize(("version", "sound"), [
    ((3, 40, 1), False), ((3, 44, 6), True), ((3, 45, 0), False), ((3, 50, 7), True), ((3, 51, 2), False),
    ((3, 51, 3), True), ((3, 53, 4), True), ((4, 0, 0), True),
])
def test_sqlite__releases_that_lose_commits__are_known(version: tuple[int, ...], sound: bool) -> None:
    assert _wal_is_sound(version) is sound


def test_sqlite__ours__is_sound(sqlite_db: Database) -> None:
    assert sqlite_db.verdict()["sound"]


_FLIPS = """
import sys
from eastwind.audit import Actor
from eastwind.db import Database
from eastwind.flags import Feature, Flags, OpenGate
flags, actor = Flags(Database(sys.argv[1]), OpenGate()), Actor("user", "x")
for n in range(10**6):
    flags.switch("f", "development", n % 2 == 0, actor)
    print(n, flush=True)
"""


def test_flips__kill_9_at_any_moment__none_acknowledged_is_lost(
        tmp_path: Path, sqlite_file: Callable[[], tuple[str, Database]]) -> None:
    from eastwind.audit import Actor, Audit
    from eastwind.flags import Feature, Flags, OpenGate

    url, db = sqlite_file()
    flags = Flags(db, OpenGate())
    flags.ensure_defaults()
    flags.create(Feature(name="f"), Actor("user", "x"))
    for kill_after in (3, 17, 40, 71, 99):
        before = len(Audit(db).history(subject="f", limit=1000))
        process = subprocess.Popen([sys.executable, "-c", _FLIPS, url], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        acknowledged = 0
        for _line in process.stdout:
            acknowledged += 1
            if acknowledged == kill_after:
                process.kill()
        process.wait(timeout=10)
        durable = len(Audit(db).history(subject="f", limit=1000)) - before
        assert acknowledged <= durable + 1  # the first may have found the state it asked for, and added no event
        assert Audit(db).verify() is None
        last = Audit(db).history(subject="f", limit=1)[0]
        assert flags.feature("f").at("development").enabled == (last.act == "feature-environment-enabled")
