"""What a name, a unit and a value may look like. The platform checks the same on its side."""

import math
import re
from typing import Final

from eastwind_sdk.errors import Malformed

LANGUAGES: Final = ("en", "zh")
ARMS: Final = ("treatment", "pilot")
_METRIC = re.compile(r"[a-z][a-z0-9_]{1,40}")
_UNIT = re.compile(r"[A-Za-z0-9._:@-]{1,64}")


def metric(name: str) -> str:
    """`name` if it can name a metric, else `Malformed`."""
    if not _METRIC.fullmatch(name):
        raise Malformed(f"metric {name!r}: a letter, then letters, digits and _ (2 to 41, lower case)")
    return name


def unit(name: str) -> str:
    """`name` if it can stand for a customer, transformer or feeder, else `Malformed`."""
    if not _UNIT.fullmatch(name):
        raise Malformed(f"unit {name!r}: 1 to 64 letters, digits and . _ : @ -")
    return name


def value(number: float) -> float:
    """`number` if it is finite, else `Malformed`."""
    if not isinstance(number, int | float) or not math.isfinite(number):
        raise Malformed(f"value {number!r}: a finite number")
    return number
