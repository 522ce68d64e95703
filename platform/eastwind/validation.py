"""From a shape (a pydantic model) and untrusted data to a value, or to `Invalid` with every wrong field."""

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
    if kind == "missing":
        return msg("is missing")
    if kind == "extra_forbidden":
        return msg("is not known here")
    if kind in ("literal_error", "enum"):
        return msg("must be one of {choices}", choices=context.get("expected", ""))
    if kind in ("value_error", "assertion_error"):
        return _own(context.get("error"), detail["msg"])
    if kind.endswith("_type") or kind.endswith("_parsing"):
        return msg("must be of type {type}", type=kind.rsplit("_", 1)[0])
    return _bound(kind, context) or msg("is not valid: {detail}", detail=detail["msg"])


def _own(error: Any, text: str) -> Message:
    """A validator of ours raises `ValueError(Message)`, so that its words can be translated."""
    first = error.args[0] if isinstance(error, Exception) and error.args else None
    return first if isinstance(first, Message) else msg("is not valid: {detail}", detail=text)


def _bound(kind: str, context: dict[str, Any]) -> Message | None:
    bounds = {
        "greater_than": ("must be greater than {bound}", "gt"),
        "greater_than_equal": ("must be at least {bound}", "ge"),
        "less_than": ("must be less than {bound}", "lt"), "less_than_equal": ("must be at most {bound}", "le"),
        "string_too_long": ("must have at most {bound} characters", "max_length"),
        "string_too_short": ("must have at least {bound} characters", "min_length"),
        "too_long": ("must have at most {bound} entries", "max_length"),
        "too_short": ("must have at least {bound} entries", "min_length"),
        "string_pattern_mismatch": ("must look like {bound}", "pattern"),
    }
    if kind not in bounds:
        return None
    template, key = bounds[kind]
    return msg(template, bound=context.get(key, ""))
