"""What callers send: bodies and queries. Unknown fields are refused by name; nothing is guessed."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from eastwind.batch import MOST_EVENTS
from eastwind.errors import msg

_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _percent(value: Any) -> Decimal:
    """0.1 means a tenth of a percent exactly, not the binary fraction next to it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return Decimal(value)
    raise ValueError(msg('must be a number in percent, or text such as "0.1"'))


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(msg("must be 1 to 100 letters, digits or . _ ~ -"))
    return value


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(msg("must not hold control characters"))
    return value


def _readable(value: str) -> str:
    # A close is never refused for the way its reason is written.
    return " ".join(_CONTROL.sub(" ", value).split())[:500]


Share = Annotated[Decimal, BeforeValidator(_percent), WithJsonSchema({
    "description": "Percent of all customers.", "examples": [0.1, "0.1"],
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}],
})]
EnvironmentName = Annotated[str, AfterValidator(_name)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AskReview(_Strict):
    """Ask for a readiness review."""

    environment: EnvironmentName
    share: Share


class Opening(_Strict):
    """Open, widen or narrow. `pilots` are accounts let in by name; left out, they stay as they are."""

    environment: EnvironmentName
    share: Share
    pilots: list[Line] | None = Field(None, max_length=1000)


class Closing(_Strict):
    """Close: everybody is back on today's way."""

    environment: EnvironmentName
    reason: Annotated[str, AfterValidator(_readable)] = ""


class Events(_Strict):
    """A batch. Each event is judged on its own, so that a wrong one does not hold up the others."""

    events: list[Any] = Field(min_length=1, max_length=MOST_EVENTS)


class InEnvironment(_Strict):
    """Which environment is asked about."""

    environment: EnvironmentName


class ForEnvironment(_Strict):
    """Which environment events are for: only with an admin token; others belong to one."""

    environment: EnvironmentName | None = None


class Trail(BaseModel):
    """Which part of the audit trail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Line = ""
    room: Line = ""
    before: int | None = Field(None, ge=1, le=2**62)
    limit: int = Field(100, ge=1, le=1000)


class Nothing(_Strict):
    """No parameters."""
