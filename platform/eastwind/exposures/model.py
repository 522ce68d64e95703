"""An exposure: a unit was shown an arm. Who was shown what is counted per run, once per unit and arm."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from eastwind.errors import Message, Problem, msg

ArmName = Literal["treatment", "control", "pilot"]
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _storable(text: str) -> str:
    """Not every engine stores control characters, and none the halves of surrogate pairs."""
    if _UNSTORABLE.search(text):
        raise ValueError(msg("must not hold control characters"))
    return text


Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]

MOST_EVENTS = 1000
_LATEST = timedelta(days=30)
_AHEAD = timedelta(minutes=5)


class Exposure(BaseModel):
    """One event as it arrives: at `at`, `unit` was shown `arm`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    unit: Text
    arm: ArmName
    at: Annotated[AwareDatetime, Field(strict=False)]
    id: Text | None = None
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{0,40}$")] = ""


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
