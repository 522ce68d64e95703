"""What these systems know of a customer, and how an outage is told. Pure: no database, clock or randomness."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

OutageKind = Literal["fault", "planned"]

LOCAL = timezone(timedelta(hours=8))  # the utility's wall clock; no summer time there


Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """A metered connection. `pin` is the last six digits of the meter's number."""

    account: str
    name: str
    address: str
    tariff: str
    bureau: str
    channel: str
    transformer: str
    pin: str


@dataclass(frozen=True, slots=True)
class GridPath:
    """The way the electricity takes to one customer."""

    transformer: str
    transformer_name: str
    kva: int
    feeder: str
    feeder_name: str
    station: str
    station_name: str
    bureau: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Supply is, or will be, interrupted on a feeder, or on one transformer of it."""

    id: int
    kind: OutageKind
    feeder: str
    transformer: str | None
    cause: str
    cause_zh: str
    starts_at: datetime
    expected_restoration: datetime

    def is_current(self, at: datetime) -> bool:
        """Has it begun? One that is overdue still counts: nobody has said that the light is back."""
        return self.starts_at <= at

    def notice(self, place: str, at: datetime) -> str:
        """The line that a notice board shows, in English. `place` names the feeder."""
        start, end = _clock_time(self.starts_at), _clock_time(self.expected_restoration)
        if self.is_current(at):
            return f"Power is out on {place} since {start}, back by {end}: {self.cause}."
        return f"Planned outage on {place} from {start} to {end}: {self.cause}."

    def notice_zh(self, place: str, at: datetime) -> str:
        """The same line in Chinese."""
        start, end = _clock_time(self.starts_at), _clock_time(self.expected_restoration)
        if self.is_current(at):
            return f"{place} 自 {start} 起停电，预计 {end} 前恢复：{self.cause_zh}。"
        return f"{place} 计划于 {start} 至 {end} 停电：{self.cause_zh}。"


@dataclass(frozen=True)
class Sample:
    """Rows for the store's tables, in their column order."""

    seed: int
    at: datetime
    stations: list[Row]
    feeders: list[Row]
    transformers: list[Row]
    customers: list[Row]
    readings: list[Row]
    outages: list[Row]


def _clock_time(moment: datetime) -> str:
    return f"{moment.astimezone(LOCAL):%m-%d %H:%M}"
