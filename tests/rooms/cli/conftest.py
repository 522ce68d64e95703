"""A folder on which the platform was once prepared, and a hand that types verbs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from eastwind.app import House, build
from eastwind.cli.entry import app
from eastwind.cli.first_start import prepare
from eastwind.settings import load
from tests.journeys.platform_process import settings_for

Type = Callable[..., Result]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a prepared folder. Session-wide: the tests leave nothing behind that another minds."""
    made = settings_for(tmp_path_factory.mktemp("cli"))
    prepared = build(load(made))
    prepare(prepared, {})
    prepared.db.close()
    return made


@pytest.fixture
def house(environment: dict[str, str]) -> Iterator[House]:
    """A second hand on the same database."""
    made = build(load(environment))
    yield made
    made.db.close()


@pytest.fixture
def verb(environment: dict[str, str]) -> Type:
    """Type a verb: `verb("open", "outage-lookup", EASTWIND_PORT="x")`. Out and error are kept apart."""
    def type_(*words: str, **more: str) -> Result:
        return CliRunner().invoke(app, list(words), env={**environment, **more}, prog_name="eastwind")

    return type_


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """A home with a configuration of its own to spoil."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "default.toml").write_text("port = 4242\n", encoding="utf-8")
    return tmp_path
