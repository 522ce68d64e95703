"""Bars for months: where each piece of each bar goes in the picture. Pure geometry, in SVG units."""

from dataclasses import dataclass

from explain import Month

WIDTH, HEIGHT, FLOOR = 338, 140, 118
_STEP, _BAR = 26, 18
SHADES = ("1", "0.65", "0.35")  # for a tariff's first, second and third period or step


@dataclass(frozen=True, slots=True)
class Piece:
    """One period's part of a bar."""

    y: float
    height: float
    opacity: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One month, drawn."""

    x: float
    middle: float
    month: Month
    pieces: tuple[Piece, ...]


def bars(months: list[Month]) -> list[Bar]:
    """A bar for each month, its height in proportion to kWh, stacked by period from the floor up."""
    tallest = max((month.kwh for month in months), default=0) or 1
    scale = (FLOOR - 14) / tallest
    return [_bar(index, month, scale) for index, month in enumerate(months)]


def _bar(index: int, month: Month, scale: float) -> Bar:
    x, top, pieces = index * _STEP + (_STEP - _BAR) / 2, float(FLOOR), []
    for part, shade in zip(month.parts, SHADES, strict=False):
        height = part.kwh * scale
        top -= height
        pieces.append(Piece(round(top, 1), round(height, 1), shade))
    return Bar(x, x + _BAR / 2, month, tuple(pieces))
