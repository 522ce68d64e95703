"""What a month of electricity costs. Pure, exact, and the only place that knows a price.

Amounts are yuan as `Decimal`, each line rounded half up to the cent; a bill is the sum of its lines. Meters
count whole kWh in registers: `(all, 0, 0)` for the stepped tariff, `(peak, flat, valley)` for the others.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

RESIDENTIAL, TIME_OF_USE, SMALL_BUSINESS = "residential", "time-of-use", "small-business"
TARIFFS = (RESIDENTIAL, TIME_OF_USE, SMALL_BUSINESS)
PERIODS = ("peak", "flat", "valley")

_SUMMER = range(5, 11)
# Upper ends of the first two steps in kWh a month; the third has none. Wider when it is hot.
_STEPS_SUMMER, _STEPS_ORDINARY = (260, 600), (200, 400)
_STEP_PRICES = ("0.5900", "0.6400", "0.8900")
# Price lists in force from a month on, newest first: (since, tariff -> peak, flat, valley).
_PERIOD_PRICES = (
    ("2026-07", {TIME_OF_USE: ("1.0300", "0.5900", "0.2200"), SMALL_BUSINESS: ("1.1900", "0.7300", "0.2900")}),
    ("0000-00", {TIME_OF_USE: ("0.9800", "0.5900", "0.2500"), SMALL_BUSINESS: ("1.1500", "0.7200", "0.3100")}),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter counted in one month (`YYYY-MM`), in kWh by register."""

    month: str
    registers: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """kWh in one step or period, the price of each in yuan, and the product."""

    period: str
    kwh: int
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """One month, priced. Lines come in the tariff's own order and leave out steps that were not reached."""

    month: str
    days: int
    registers: dict[str, int]
    lines: tuple[Line, ...]

    @property
    def kwh(self) -> int:
        """All kWh of the month."""
        return sum(line.kwh for line in self.lines)

    @property
    def amount(self) -> Decimal:
        """Yuan, to the cent."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


def bill(tariff: str, reading: Reading) -> Bill:
    """Prices a reading. An unknown tariff is a `KeyError`: the store holds only `TARIFFS`."""
    year, month = (int(part) for part in reading.month.split("-"))
    days = monthrange(year, month)[1]
    if tariff == RESIDENTIAL:
        total = reading.registers[0]
        return Bill(reading.month, days, {"all": total}, tuple(_stepped(month, total)))
    registers = dict(zip(PERIODS, reading.registers, strict=True))
    return Bill(reading.month, days, registers, tuple(_by_period(tariff, reading.month, registers)))


def _stepped(month: int, kwh: int) -> Iterator[Line]:
    ends = (0, *(_STEPS_SUMMER if month in _SUMMER else _STEPS_ORDINARY), max(kwh, 600))
    for step, price in enumerate(_STEP_PRICES, start=1):
        used = min(kwh, ends[step]) - ends[step - 1]
        if used > 0 or step == 1:
            yield _line(f"step-{step}", used, price)


def _by_period(tariff: str, month: str, registers: dict[str, int]) -> Iterator[Line]:
    prices = next(prices for since, prices in _PERIOD_PRICES if since <= month)[tariff]
    for period, price in zip(PERIODS, prices, strict=True):
        yield _line(period, registers[period], price)


def _line(period: str, kwh: int, price: str) -> Line:
    exact = Decimal(price)
    return Line(period, kwh, exact, (kwh * exact).quantize(Decimal("0.01"), ROUND_HALF_UP))
