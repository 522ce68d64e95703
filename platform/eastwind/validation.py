"""From a shape (a pydantic model) and untrusted data to a value, or to `Invalid` with every wrong field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from eastwind.errors import Invalid, Message, Problem, msg

Shape = TypeVar("Shape", bound=BaseModel)


def checked(shape: type[Shape], data: Any, at: str = "") -> Shape:
    """`data` as a `shape`. Raises `Invalid` naming every wrong field as a dotted path below `at`."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise Invalid(*problems(error, at)) from error


def problems(error: ValidationError, at: str = "") -> list[Problem]:
    """Every problem that pydantic found, in our words."""
    return [Problem(".".join(part for part in (at, *map(str, e["loc"])) if part), _reason(e)) for e in error.errors()]


def _reason(detail: ErrorDetails) -> Message:
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        return _own(context.get("error"), detail["msg"])
    known = _REASONS.get(kind)
    if known is None:
        return msg("is not valid: {detail}", detail=detail["msg"])
    return Message(known.template, {k: v for k, v in context.items() if "{" + k + "}" in known.template})


def _own(error: Any, text: str) -> Message:
    """A validator of ours raises `ValueError(Message)`, so that its words can be translated."""
    first = error.args[0] if isinstance(error, Exception) and error.args else None
    return first if isinstance(first, Message) else msg("is not valid: {detail}", detail=text)


_NUMBER, _WHOLE, _TRUTH = msg("must be a number"), msg("must be a whole number"), msg("must be true or false")
_LIST, _TABLE = msg("must be a list"), msg("must be a table (an object)")
_DATE = msg("must be a date, as in 2027-05-31")
_TIME = msg("must be a time with its zone, as in 2027-05-31T08:00:00Z")
_REASONS: Mapping[str, Message] = {
    "missing": msg("is missing"),
    "extra_forbidden": msg("is not known here"),
    "string_type": msg("must be text"),
    "string_too_long": msg("must have at most {max_length} characters"),
    "string_too_short": msg("must have at least {min_length} characters"),
    "string_pattern_mismatch": msg("must match {pattern}"),
    "literal_error": msg("must be one of {expected}"),
    "bool_type": _TRUTH, "bool_parsing": _TRUTH,
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": msg("must be a finite number"),
    "date_type": _DATE, "date_parsing": _DATE, "date_from_datetime_parsing": _DATE,
    "datetime_type": _TIME, "datetime_parsing": _TIME, "datetime_from_date_parsing": _TIME, "timezone_aware": _TIME,
    "model_type": _TABLE, "dict_type": _TABLE, "tuple_type": _LIST, "list_type": _LIST,
    "greater_than": msg("must be more than {gt}"),
    "greater_than_equal": msg("must be at least {ge}"),
    "less_than": msg("must be less than {lt}"),
    "less_than_equal": msg("must be at most {le}"),
    "too_short": msg("must have at least {min_length} entries"),
    "too_long": msg("must have at most {max_length} entries"),
}
