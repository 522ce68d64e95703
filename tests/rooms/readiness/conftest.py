"""A back end, and places for locustfiles."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eastwind.readiness import Target
from tests.rooms.readiness.backend import serving


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    with serving() as found:
        yield found


@pytest.fixture
def locustfile(tmp_path: Path) -> Callable[[str], Path]:
    """Writes home/locustfile.py and returns the home."""

    def write(text: str) -> Path:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        (home / "locustfile.py").write_text(text, encoding="utf-8")
        return home

    return write
