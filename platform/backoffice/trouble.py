"""What is broken or will be switched off in the sample: some feeders, a transformer, and work announced."""

from datetime import datetime

import numpy as np

from backoffice.model import Row

_FAULTS = (
    ("a tree fell on the line", "树木倒压线路"),
    ("an excavator cut a cable", "施工挖断电缆"),
    ("a lightning strike", "雷击"),
    ("a burnt fuse", "熔断器烧毁"),
)
_WORKS = (
    ("replacing poles", "更换电杆"),
    ("enlarging a transformer", "变压器增容"),
    ("tree cutting along the line", "线路砍树"),
)


def plant(feeders: list[Row], transformers: list[Row], at: datetime, rng: np.random.Generator) -> list[Row]:
    """Outage rows: one feeder in nine is down, as many have planned work, and one transformer elsewhere is down.

    No feeder is struck twice, so that most customers' honest answer is "no outage known".
    """
    number = max(1, len(feeders) // 9)
    struck = rng.permutation(len(feeders))[: 2 * number + 1].tolist()
    now = int(at.timestamp())
    rows = [_fault(feeders[index][0], None, now, rng) for index in struck[:number]]
    rows += [_work(feeders[index][0], now, rng) for index in struck[number : 2 * number]]
    own = [row for row in transformers if row[2] == feeders[struck[-1]][0]]
    rows += [_fault(row[2], row[0], now, rng) for row in own[:1]]
    return rows


def _fault(feeder: object, transformer: object, now: int, rng: np.random.Generator) -> Row:
    start = now - 60 * int(rng.integers(10, 90))
    cause = _FAULTS[int(rng.integers(len(_FAULTS)))]
    return "fault", feeder, transformer, *cause, start, now + 1800 * int(rng.integers(3, 9)), 1


def _work(feeder: object, now: int, rng: np.random.Generator) -> Row:
    start = now - now % 3600 + 3600 * int(rng.integers(14, 60))
    cause = _WORKS[int(rng.integers(len(_WORKS)))]
    return "planned", feeder, None, *cause, start, start + 3600 * int(rng.integers(2, 6)), 1
