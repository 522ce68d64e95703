"""Which constraints may be written. What an engine would evaluate to "on" by mistake is refused.

Measured on the engine inside the official SDKs: an inverted constraint whose value or context cannot be read lets
everybody in, and so do `NOT_IN []` and an inverted `IN []`.
"""

import ipaddress
import math
import re
from datetime import datetime

import re2

from eastwind.errors import Message, msg

_LISTS = ("IN", "NOT_IN", "STR_ENDS_WITH", "STR_STARTS_WITH", "STR_CONTAINS", "IN_CIDR")
_NUMBERS = ("NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT", "NUM_LTE")
_DATES = ("DATE_AFTER", "DATE_BEFORE")
_VERSIONS = ("SEMVER_EQ", "SEMVER_GT", "SEMVER_LT", "SEMVER_GTE", "SEMVER_LTE")
OPERATORS = (*_LISTS, *_NUMBERS, *_DATES, *_VERSIONS, "REGEX")

_SEMVER = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,100})?(\+[0-9A-Za-z.-]{1,100})?")
_LONGEST_REGEX = 200


def constraint_problem(operator: str, values: tuple[str, ...], value: str | None, inverted: bool) -> Message | None:
    """What is wrong, or None."""
    if operator in _LISTS:
        return _list_problem(operator, values, inverted)
    if value is None:
        return msg("{operator} needs a value", operator=operator)
    if inverted and operator in (*_NUMBERS, *_VERSIONS):
        return msg("an inverted {operator} lets in everybody whose value cannot be read; use the opposite operator",
                   operator=operator)
    return _value_problem(operator, value)


def _list_problem(operator: str, values: tuple[str, ...], inverted: bool) -> Message | None:
    if not values and (operator == "NOT_IN" or inverted):
        return msg("an empty list here lets everybody in")
    if operator == "IN_CIDR":
        return next((_cidr_problem(v) for v in values if _cidr_problem(v)), None)
    return None


def _cidr_problem(text: str) -> Message | None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return msg("{value} is not an address range", value=text[:60])
    return None


def _value_problem(operator: str, value: str) -> Message | None:
    readable = {
        **dict.fromkeys(_NUMBERS, _is_number), **dict.fromkeys(_DATES, _is_date),
        **dict.fromkeys(_VERSIONS, _is_version), "REGEX": _is_regex,
    }[operator]
    return None if readable(value) else msg("{value} cannot be read by {operator}", value=value[:60], operator=operator)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_version(text: str) -> bool:
    return _SEMVER.fullmatch(text) is not None


def _is_regex(text: str) -> bool:
    if len(text) > _LONGEST_REGEX:
        return False
    try:  # RE2 runs in linear time, whatever the pattern
        re2.compile(text)
    except re2.error:
        return False
    return True
