"""Batches of events from services elsewhere: bounded, each event judged by itself, a wrong one set aside with why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from eastwind.errors import Invalid, Message, Problem, msg
from eastwind.validation import checked

MOST_EVENTS = 1000
_LATEST = timedelta(days=30)
_AHEAD = timedelta(minutes=5)
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _storable(text: str) -> str:
    """Not every engine stores control characters, and none the halves of surrogate pairs."""
    if _UNSTORABLE.search(text):
        raise ValueError(msg("must not hold control characters"))
    return text


Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]


class Event(BaseModel):
    """What every event says: when."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    at: Annotated[AwareDatetime, Field(strict=False)]


Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch. Repeated events had arrived before; refused ones are set aside with the reason."""

    new: int
    repeated: int
    refused: tuple[Problem, ...]


def sift(kind: type[Kind], events: Sequence[Any], now: datetime) -> tuple[list[Kind], tuple[Problem, ...]]:
    """The good events, and what is wrong with the others (`events.<index>.<field>`).

    Raises `Invalid` only if the batch itself is empty or has more than 1000 events.
    """
    if not 1 <= len(events) <= MOST_EVENTS:
        raise Invalid(Problem("events", msg("must have 1 to {bound} entries", bound=MOST_EVENTS)))
    good: list[Kind] = []
    refused: list[Problem] = []
    for index, data in enumerate(events):
        try:
            good.append(_judged(kind, data, f"events.{index}", now))
        except Invalid as error:
            refused.extend(error.problems)
    return good, tuple(refused)


def _judged(kind: type[Kind], data: Any, place: str, now: datetime) -> Kind:
    event = checked(kind, data, place)
    reason = untimely(event.at, now)
    if reason:
        raise Invalid(Problem(f"{place}.at", reason))
    return event


def untimely(at: datetime, now: datetime) -> Message | None:
    """Why an event of `at` cannot be taken at `now`: events may be 30 days late, and clocks 5 minutes ahead."""
    if at < now - _LATEST:
        return msg("is more than {days} days ago", days=_LATEST.days)
    if at > now + _AHEAD:
        return msg("is more than {minutes} minutes ahead of now", minutes=int(_AHEAD.total_seconds() // 60))
    return None
