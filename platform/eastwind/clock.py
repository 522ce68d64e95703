"""One source of "now". Services take a `Clock`, so that a test can step it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment as an aware UTC datetime."""
    return datetime.now(UTC)
