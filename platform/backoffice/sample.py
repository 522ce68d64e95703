"""A seeded grid with its customers, readings and outages: the same seed and day give the same utility."""

from datetime import datetime

import numpy as np

from backoffice.metering import Whole, months_before, readings
from backoffice.model import Row, Sample
from backoffice.pricing import SMALL_BUSINESS, TARIFFS
from backoffice.trouble import plant

BUREAUS = (("Eastshore", "东岸"), ("Riverbend", "河湾"), ("Hillside", "山前"))
CHANNELS = ("web", "wechat", "app", "sms")
STREETS = (
    ("Lotus Road", "莲花路"),
    ("Harbour Street", "海港街"),
    ("Bamboo Lane", "竹园巷"),
    ("Lychee Road", "荔枝路"),
    ("Temple Street", "庙前街"),
    ("Kapok Avenue", "木棉大道"),
    ("Osmanthus Lane", "桂花里"),
    ("Pearl Road", "珍珠路"),
)
SURNAMES = "陈李黄张梁林王吴刘罗何郭谢郑冯邓"
GIVEN = (
    "伟",
    "敏",
    "静",
    "强",
    "丽",
    "军",
    "洋",
    "艳",
    "勇",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "秀英",
    "桂兰",
    "志强",
    "建华",
    "嘉欣",
    "子轩",
    "梓涵",
    "浩然",
    "婉仪",
    "家豪",
)
SHOPS = ("茶餐厅", "五金店", "便利店", "理发店", "面包店", "药房", "汽修店", "书店")

PER_TRANSFORMER, PER_FEEDER, PER_STATION = 75, 15, 8
LARGEST = 2_000_000


def generate(customers: int, seed: int, at: datetime) -> Sample:
    """About 75 customers to a transformer, 15 transformers to a feeder, 8 feeders to a station, 3 bureaus.

    A small sample still has six feeders, so that some are healthy. `ValueError` outside 1 .. 2,000,000.
    """
    if not 1 <= customers <= LARGEST:
        raise ValueError(f"customers must be between 1 and {LARGEST:,}, not {customers:,}")
    rng = np.random.default_rng(seed)
    transformer_count = max(6, round(customers / PER_TRANSFORMER))
    feeder_count = max(6, -(-transformer_count // PER_FEEDER))
    station_count = max(len(BUREAUS), -(-feeder_count // PER_STATION))

    stations = [_station(index, station_count) for index in range(station_count)]
    feeders = [_feeder(index, feeder_count, stations) for index in range(feeder_count)]
    transformers = [_transformer(i, transformer_count, feeders, rng) for i in range(transformer_count)]
    home = _homes(customers, transformer_count, rng)
    tariff = rng.choice(len(TARIFFS), customers, p=[0.72, 0.18, 0.10])
    people = _customers(home, tariff, transformers, feeders, stations, rng)
    months = months_before(at.date())
    return Sample(
        seed,
        at,
        stations,
        feeders,
        [row[:4] for row in transformers],
        people,
        _reading_rows(people, months, readings(tariff, months, rng)),
        plant(feeders, transformers, at, rng),
    )


def _station(index: int, count: int) -> Row:
    english, chinese = BUREAUS[index * len(BUREAUS) // count]
    return f"S{index + 1:03d}", f"{english} Station {index + 1} {chinese}{index + 1}号站", english


def _feeder(index: int, count: int, stations: list[Row]) -> Row:
    station = stations[index * len(stations) // count]
    street, chinese = STREETS[index % len(STREETS)]
    return f"F{index + 1:04d}", f"{street} line {index + 1} {chinese}{index + 1}线", station[0]


def _transformer(index: int, count: int, feeders: list[Row], rng: np.random.Generator) -> Row:
    feeder = feeders[index * len(feeders) // count]
    kva = int(rng.choice([200, 315, 400, 630]))
    return f"T{index + 1:06d}", f"Transformer {index + 1} {index + 1}号公变", feeder[0], kva


def _homes(customers: int, transformers: int, rng: np.random.Generator) -> Whole:
    """Which transformer each customer hangs on: 60 to 90 neighbours share one when it divides so."""
    ends = np.cumsum(rng.uniform(0.8, 1.2, transformers))
    return np.searchsorted(ends / ends[-1], (np.arange(customers) + 0.5) / customers)


def _customers(
    home: Whole,
    tariff: Whole,
    transformers: list[Row],
    feeders: list[Row],
    stations: list[Row],
    rng: np.random.Generator,
) -> list[Row]:
    number = len(home)
    station_of = {feeder[0]: feeder[2] for feeder in feeders}
    bureau_of = {station[0]: station[2] for station in stations}
    bureaus = [str(bureau_of[station_of[row[2]]]) for row in transformers]
    serial = rng.choice(10**8, number, replace=False).tolist()
    meter = rng.choice(10**10, number, replace=False).tolist()
    channel = rng.choice(len(CHANNELS), number, p=[0.45, 0.35, 0.12, 0.08]).tolist()
    pick = rng.integers(0, 2**31, (number, 3)).tolist()
    order = [english for english, _ in BUREAUS]
    rows: list[Row] = []
    for i, (at, kind) in enumerate(zip(home.tolist(), tariff.tolist(), strict=True)):
        bureau = order.index(bureaus[at])
        account = f"{bureau + 1:02d}{serial[i]:08d}"
        rows.append(
            (
                account,
                _name(kind, pick[i]),
                _address(bureau, at, pick[i]),
                TARIFFS[kind],
                transformers[at][0],
                order[bureau],
                CHANNELS[channel[i]],
                f"44{meter[i]:010d}",
            )
        )
    return rows


def _name(kind: int, pick: list[int]) -> str:
    surname = SURNAMES[pick[0] % len(SURNAMES)]
    if TARIFFS[kind] == SMALL_BUSINESS:
        return f"{surname}记{SHOPS[pick[1] % len(SHOPS)]}"
    return surname + GIVEN[pick[1] % len(GIVEN)]


def _address(bureau: int, transformer: int, pick: list[int]) -> str:
    street, chinese = STREETS[transformer % len(STREETS)]
    number = pick[2] % 400 + 1
    return f"{number} {street}, {BUREAUS[bureau][0]} · {BUREAUS[bureau][1]}{chinese}{number}号"


def _reading_rows(people: list[Row], months: list[str], kwh: Whole) -> list[Row]:
    peak, flat, valley = (kwh[:, :, register].ravel().tolist() for register in range(3))
    accounts = [row[0] for row in people for _ in months]
    return list(zip(accounts, months * len(people), peak, flat, valley, strict=True))
