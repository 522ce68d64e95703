"""An outcome: something that happened to a unit, as a number. Each event has an id and counts once."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from eastwind.errors import Message, Problem, msg

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _storable(text: str) -> str:
    """Not every engine stores control characters, and none the halves of surrogate pairs."""
    if _UNSTORABLE.search(text):
        raise ValueError(msg("must not hold control characters"))
    return text


Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]

MOST_EVENTS = 1000
# Far beyond any latency, amount or count, and small enough that sums of squares stay finite.
LARGEST = 1e12
_LATEST = timedelta(days=30)
_AHEAD = timedelta(minutes=5)


class Outcome(BaseModel):
    """One event as it arrives: at `at`, `metric` of `unit` was `value`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    id: Text
    unit: Text
    metric: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    value: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
    at: Annotated[AwareDatetime, Field(strict=False)]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch. Repeated events had arrived before; refused ones are set aside with the reason."""

    new: int
    repeated: int
    refused: tuple[Problem, ...]


def untimely(at: datetime, now: datetime) -> Message | None:
    """Why an event of `at` cannot be taken at `now`: events may be 30 days late, and clocks 5 minutes ahead."""
    if at < now - _LATEST:
        return msg("is more than {days} days ago", days=_LATEST.days)
    if at > now + _AHEAD:
        return msg("is more than {minutes} minutes ahead of now", minutes=int(_AHEAD.total_seconds() // 60))
    return None


def is_countable(value: float) -> bool:
    """Whether `value` is finite and within ±`LARGEST`."""
    return isfinite(value) and abs(value) <= LARGEST
