"""Why a bill changed. Pure: months in, yuan out.

The meter does not say what the electricity was for, so *use* is an estimate, and called one: what a household
takes every day of the year is the mean of its three thriftiest months, and all above it is the season.
"""

from dataclasses import dataclass
from typing import Any

COOLING, HEATING = range(5, 11), (12, 1, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """One step or period of the tariff in one month; `price` in yuan per kWh, `amount` in yuan."""

    period: str
    kwh: int
    price: float
    amount: float


@dataclass(frozen=True, slots=True)
class Month:
    """One bill. `base_kwh` and `season_kwh` are the estimated uses; they add up to `kwh`."""

    name: str
    days: int
    kwh: int
    amount: float
    parts: tuple[Part, ...]
    base_kwh: float
    season_kwh: float

    @property
    def number(self) -> int:
        """1 for January."""
        return int(self.name[5:])

    @property
    def season(self) -> str:
        """What electricity is taken for beyond every day's use: cooling, heating or neither."""
        return "cooling" if self.number in COOLING else "heating" if self.number in HEATING else "mild"

    @property
    def price(self) -> float:
        """The average price of a kWh, in yuan."""
        return self.amount / self.kwh if self.kwh else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """Yuan by which a bill differs from another; `season + use + price == total`, to the cent."""

    total: float
    season: float
    use: float
    price: float


def read(bills: list[dict[str, Any]]) -> list[Month]:
    """The back office's bills as months, oldest first, each with its estimated uses."""
    daily = sorted(bill["total_kwh"] / bill["days"] for bill in bills)[:3]
    base = sum(daily) / len(daily) if daily else 0.0
    return [_month(bill, min(base * bill["days"], float(bill["total_kwh"]))) for bill in bills]


def change(now: Month, before: Month) -> Change:
    """What of the difference is season, what is everyday use, and what is the price of a kWh.

    kWh are valued at the earlier month's average price; the price's part is then what remains.
    """
    total = round(now.amount - before.amount, 2)
    season = round((now.season_kwh - before.season_kwh) * before.price, 2)
    use = round((now.base_kwh - before.base_kwh) * before.price, 2)
    return Change(total, season, use, round(total - season - use, 2))


def _month(bill: dict[str, Any], base: float) -> Month:
    parts = tuple(Part(line["period"], line["kwh"], line["price"], line["amount"]) for line in bill["lines"])
    kwh = bill["total_kwh"]
    return Month(bill["month"], bill["days"], kwh, bill["amount"], parts, base, kwh - base)
