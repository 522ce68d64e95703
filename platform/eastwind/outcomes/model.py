"""An outcome: something that happened to a unit, as a number. Each event has an id and counts once."""

from math import isfinite
from typing import Annotated

from pydantic import Field, StringConstraints

from eastwind.batch import Event, Text

# Far beyond any latency, amount or count, and small enough that sums of squares stay finite.
LARGEST = 1e12


class Outcome(Event):
    """One event as it arrives: at `at`, `metric` of `unit` was `value`."""

    id: Text
    unit: Text
    metric: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    value: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


def is_countable(value: float) -> bool:
    """Whether `value` is finite and within ±`LARGEST`."""
    return isfinite(value) and abs(value) <= LARGEST
