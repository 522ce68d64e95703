"""JSON Patch (RFC 6902) as scripts send it: add, remove, replace and test, on a copy."""

import copy
from typing import Any

from eastwind.errors import Invalid, Problem, msg

_MOST = 100


def patched(document: Any, operations: Any) -> Any:
    """`document` after `operations`. Raises `Invalid` naming the first that cannot be done."""
    if not isinstance(operations, list) or len(operations) > _MOST:
        raise Invalid(Problem("", msg("must be a list of at most {most} operations", most=_MOST)))
    result = {"": copy.deepcopy(document)}  # so that the whole is a member like any other
    for place, operation in enumerate(operations):
        try:
            _apply(result, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise Invalid(Problem(str(place), msg("cannot be applied"))) from None
    return result[""]


def _apply(root: Any, operation: dict[str, Any]) -> None:
    path = operation["path"]
    if path and not path.startswith("/"):
        raise ValueError(path)
    *way, last = ["", *(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])]
    holder = root
    for part in way:
        holder = holder[_key(holder, part)]
    _ACTS[operation["op"]](holder, _key(holder, last), operation)


def _key(holder: Any, part: str) -> Any:
    if not isinstance(holder, list):
        return part
    if part != "-" and not (part.isascii() and part.isdigit()):
        raise ValueError(part)
    return len(holder) if part == "-" else int(part)


def _add(holder: Any, key: Any, operation: dict[str, Any]) -> None:
    if isinstance(holder, list):
        if key > len(holder):
            raise IndexError(key)
        holder.insert(key, operation["value"])
    else:
        holder[key] = operation["value"]


def _replace(holder: Any, key: Any, operation: dict[str, Any]) -> None:
    holder[key] = operation["value"]


def _remove(holder: Any, key: Any, _operation: dict[str, Any]) -> None:
    del holder[key]


def _test(holder: Any, key: Any, operation: dict[str, Any]) -> None:
    if holder[key] != operation["value"]:
        raise ValueError(key)


_ACTS = {"add": _add, "replace": _replace, "remove": _remove, "test": _test}
