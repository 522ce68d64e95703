"""Real databases for every test: SQLite in a folder of its own, PostgreSQL in a database of its own."""

import contextlib
import importlib
import pkgutil
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

import eastwind
from eastwind.db import Database
from eastwind.db.migrate import upgrade

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of a PostgreSQL server that lives as long as this test process."""
    data = Path(tempfile.mkdtemp(prefix="ewpg"))
    process = subprocess.Popen(
        [ROOT / ".venv/postgres/bin/python", ROOT / "tests/postgres_server.py", data],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    assert process.stdout and process.stdin
    url = process.stdout.readline().strip()
    assert url.startswith("postgresql://"), "PostgreSQL did not start: run `make install-dev`"
    yield url.replace("postgresql://", "postgresql+psycopg://", 1)
    process.stdin.close()
    process.wait(timeout=20)
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty database, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    with _postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@contextlib.contextmanager
def _postgres_database(server: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as tx:
        tx.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as tx:
        tx.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A fresh database with this release's schema, on SQLite and on PostgreSQL."""
    database = Database(database_url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def sqlite_db(tmp_path: Path) -> Iterator[Database]:
    """A fresh embedded database, for tests in which the engine makes no difference."""
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade(database)
    yield database
    database.close()


def all_modules() -> list[str]:
    """Every module of the core, imported, so that `metadata` knows every table."""
    found = [m.name for m in pkgutil.walk_packages(eastwind.__path__, "eastwind.") if "migrations" not in m.name]
    for name in found:
        if not name.endswith(("wsgi", "__main__")):
            importlib.import_module(name)
    return found


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Iterator[Callable[[], tuple[str, Database]]]:
    """Make an embedded database and tell its address, for tests that open it from several processes."""
    made: list[Database] = []

    def make() -> tuple[str, Database]:
        url = f"sqlite:///{tmp_path / f'shared{len(made)}.db'}"
        made.append(Database(url))
        upgrade(made[-1])
        return url, made[-1]

    yield make
    for database in made:
        database.close()
