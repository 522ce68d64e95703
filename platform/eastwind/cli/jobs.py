"""The jobs process: guards that look twice a second, and reviews that are waiting to be run."""

from eastwind.app import House


def run(house: House) -> int:
    """Work until SIGTERM."""
    raise NotImplementedError(house)
