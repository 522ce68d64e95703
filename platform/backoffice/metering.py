"""Thirteen months of meter readings for every customer at once: seeded, vectorised, with seasons in them."""

from calendar import monthrange
from datetime import date

import numpy as np
from numpy.typing import NDArray

from backoffice.pricing import RESIDENTIAL, SMALL_BUSINESS, TARIFFS

MONTHS = 13

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# January to December, for a warm coast: how much of the hottest month's cooling, the coldest month's heating.
_COOLING = np.array([0.0, 0.0, 0.05, 0.2, 0.5, 0.8, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0])
_HEATING = np.array([1.0, 0.8, 0.35, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.7])
# A tariff's typical kWh a day: always on, cooling at its height, heating at its height, and its spread.
_HABITS = {
    "residential": (5.0, 7.0, 2.5, 0.45),
    "time-of-use": (8.0, 9.0, 4.0, 0.4),
    "small-business": (28, 22, 4, 0.6),
}
# How a day's kWh divide over peak, flat and valley hours.
_SHARES = {"time-of-use": (0.30, 0.38, 0.32), "small-business": (0.42, 0.43, 0.15)}


def months_before(day: date, count: int = MONTHS) -> list[str]:
    """The `count` complete months before `day`, oldest first, as `YYYY-MM`."""
    newest = day.year * 12 + day.month - 2
    return [f"{index // 12:04d}-{index % 12 + 1:02d}" for index in range(newest - count + 1, newest + 1)]


def readings(tariff: Whole, months: list[str], rng: np.random.Generator) -> Whole:
    """kWh as whole numbers, shape (customers, months, 3 registers). `tariff` indexes `TARIFFS`."""
    daily = _daily(tariff, months, rng)
    days = np.array([monthrange(int(m[:4]), int(m[5:]))[1] for m in months])
    kwh = daily * days
    registers = np.zeros((*kwh.shape, 3))
    for index, name in enumerate(TARIFFS):
        own = tariff == index
        if name == RESIDENTIAL:
            registers[own, :, 0] = kwh[own]
        else:
            registers[own] = _split(kwh[own], _SHARES[name], rng)
    return np.rint(registers).astype(np.int64)


def _daily(tariff: Whole, months: list[str], rng: np.random.Generator) -> Floats:
    """kWh a day, shape (customers, months): base, seasons, weather, chance, and a new habit for a few."""
    number, calendar = len(tariff), np.array([int(m[5:]) - 1 for m in months])
    habits = np.array([_HABITS[name] for name in TARIFFS])[tariff]
    size = rng.lognormal(-(habits[:, 3] ** 2) / 2, habits[:, 3])[:, None]
    tastes = rng.lognormal(-0.045, 0.3, (2, number, 1))
    weather = rng.normal(1.0, 0.08, len(months))  # shared: a hot July is hot for everybody
    cooling = habits[:, 1:2] * tastes[0] * _COOLING[calendar] * weather
    heating = habits[:, 2:3] * tastes[1] * _HEATING[calendar] * weather
    chance = rng.normal(1.0, 0.05, (number, len(months))).clip(0.7, 1.3)
    daily: Floats = size * (habits[:, 0:1] + cooling + heating) * chance + _new_habits(tariff, len(months), rng)
    return daily


def _new_habits(tariff: Whole, months: int, rng: np.random.Generator) -> Floats:
    """One household in twelve charges a vehicle, say, from some month on: 3 to 9 kWh a day more."""
    number = len(tariff)
    taken = (rng.random(number) < 1 / 12) & (tariff != TARIFFS.index(SMALL_BUSINESS))
    since = rng.integers(1, months, number)
    extra = rng.uniform(3, 9, number) * taken
    return np.asarray(extra[:, None] * (np.arange(months) >= since[:, None]))


def _split(kwh: Floats, shares: tuple[float, float, float], rng: np.random.Generator) -> Floats:
    own = rng.dirichlet(np.array(shares) * 60, len(kwh))
    return np.asarray(kwh[:, :, None] * own[:, None, :])
