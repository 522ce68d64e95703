"""One error tree. Every refusal names the field and the reason, in a form that any language can be made of.

    EastwindError
    ├─ Invalid          400  a value is wrong; `problems` holds every wrong field, not the first
    ├─ Unauthenticated  401  nobody is signed in, or the token is unknown, revoked or expired
    ├─ Forbidden        403  signed in, but not allowed
    ├─ NotFound         404
    ├─ Conflict         409  the state does not allow it, or somebody was quicker
    │  └─ Refused       409  the readiness gate said no: why, and what to do about it
    ├─ TooLarge         413
    ├─ WrongType        415
    ├─ Busy             429  come back later
    └─ Unavailable      503  a part the answer depends on is away
       └─ Locked        503  only for a moment: somebody else is writing

A `Message` is an English template with its parameters apart: the web translates the template and fills it in,
so no room below the web knows a language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Message:
    """A translatable sentence. `str()` is the English; parameters are only ever shown as text."""

    template: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.params) if self.params else self.template

    def as_json(self) -> dict[str, Any]:
        """`{"template": str, "params": {str: str | number}}`, as stored with verdicts and breaches."""
        return {"template": self.template, "params": {k: _plain(v) for k, v in self.params.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Message":
        """The inverse of `as_json`."""
        return cls(str(data["template"]), dict(data.get("params") or {}))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else str(value)


def msg(template: str, **params: Any) -> Message:
    """A `Message`. Its own function so that the catalogue's extractor finds every template."""
    return Message(template, params)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. `field` is a dotted path (`metrics.1.kind`) or "" for the whole."""

    field: str
    reason: Message


class EastwindError(Exception):
    """Base of all errors that a caller can cause or must hear of."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[Message] = msg("Something went wrong")

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.field}: {p.reason}" if p.field else str(p.reason) for p in problems))


class Invalid(EastwindError):
    """One or more values are wrong. Validators gather every problem before they raise."""

    status, code, title = 400, "invalid", msg("Some values are not valid")


class Unauthenticated(EastwindError):
    """Nobody is signed in, or the token is unknown, revoked or expired."""

    status, code, title = 401, "unauthenticated", msg("Please sign in")


class Forbidden(EastwindError):
    """The caller is known but may not do this."""

    status, code, title = 403, "forbidden", msg("You may not do this")


class NotFound(EastwindError):
    """There is no such thing."""

    status, code, title = 404, "not-found", msg("Not found")


class Conflict(EastwindError):
    """The present state does not allow it."""

    status, code, title = 409, "conflict", msg("The present state does not allow this")


class Refused(Conflict):
    """The readiness gate said no. The problems say why, and what to do."""

    code, title = "refused", msg("Not ready to open")


class TooLarge(EastwindError):
    """The body is larger than the limit."""

    status, code, title = 413, "too-large", msg("Too large")


class WrongType(EastwindError):
    """The body's content type is not understood here."""

    status, code, title = 415, "wrong-type", msg("Wrong content type")


class Busy(EastwindError):
    """Too much at once; the same request may succeed later."""

    status, code, title = 429, "busy", msg("Too many requests")


class Unavailable(EastwindError):
    """A part that the answer depends on is away."""

    status, code, title = 503, "unavailable", msg("Not available right now")


class Locked(Unavailable):
    """Somebody else holds the database's write lock; the same request may succeed in a moment."""

    code = "locked"


def gather(problems: list[Problem]) -> None:
    """Raise `Invalid` with all of `problems`, or return if there are none."""
    if problems:
        raise Invalid(*problems)
