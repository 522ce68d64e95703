"""Shares from 0.001 % to 100 % with unmodified SDKs: sticky, each inside the next, and independent between flags."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import mmh3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache
from yggdrasil_engine.engine import UnleashEngine

from eastwind.flags import bucket, ladder
from eastwind.flags.ladder import Rung

FLAG = "outage-lookup"
IDS = tuple(f"01{n:08d}" for n in range(1_000_000))
SAMPLE = IDS[:: len(IDS) // 20_000]
FINE = tuple(ladder.rung(Decimal(n) / 1000) for n in range(1, 101))
COARSE = tuple(ladder.rung(Decimal(n) / 10) for n in range(1, 1001))
STEPS = FINE + COARSE


def wire(flag: str, step: Rung, pilots: tuple[str, ...] = ()) -> dict[str, Any]:
    """What goes out for an experiment's flag and its ladder."""
    def feature(name: str, strategies: tuple[Any, ...], **more: Any) -> dict[str, Any]:
        return {"name": name, "type": "experiment", "project": "default", "enabled": True, "variants": [],
                "strategies": [s.wire() for s in strategies], **more}

    child = feature(flag, ladder.child_strategies(flag, step, pilots, "userId"),
                    dependencies=[ladder.dependency(flag).wire()])
    parent = feature(ladder.parent_name(flag), ladder.parent_strategies(flag, step, pilots, "userId"))
    return {"version": 2, "features": [child, parent], "segments": []}


def asked(step: Rung, ids: Sequence[str], flag: str = FLAG) -> list[bool]:
    """The real engine's answers."""
    engine = UnleashEngine()
    engine.take_state(json.dumps(wire(flag, step)))
    return [engine.check_enabled(flag, {"userId": i}).is_enabled for i in ids]


@pytest.fixture(scope="module")
def buckets() -> tuple[np.ndarray, np.ndarray]:
    """Each customer's thousandth and percent."""
    return bucket.variant(ladder.parent_name(FLAG), IDS), bucket.rollout(FLAG, IDS)


def test_ladder__every_step_on_a_million__holds_the_step_before_and_keeps_its_share(
        buckets: tuple[np.ndarray, np.ndarray]) -> None:
    thousandth, percent = buckets
    assert STEPS[0].share == Decimal("0.001") and STEPS[-1].share == 100
    before = np.zeros(len(IDS), bool)
    for step in STEPS:
        now = (thousandth <= step.weight) & (percent <= step.rollout)
        assert not (before & ~now).any(), f"someone falls out at {step.share} %"
        wanted = float(step.share) / 100 * len(IDS)
        assert abs(int(now.sum()) - wanted) <= 5 * wanted**0.5 + 1, f"{step.share} % came out as {now.sum()}"
        before = now
    assert before.all()
    assert all(one.share <= other.share for one, other in pairwise(STEPS))


def test_first_step__says_for_each_id_where_the_ladder_takes_it_in() -> None:
    ids = IDS[::50]
    first = bucket.first_step(FLAG, ids)
    for step in (*FINE[::9], *COARSE[::111]):
        assert (bucket.on_ladder(FLAG, step, ids) == (first <= int(step.share * 1000))).all()


@pytest.mark.parametrize("share", ["0.001", "0.05", "0.1", "0.7", "25", "100"])
def test_ladder__real_engine__agrees_id_by_id(share: str, buckets: tuple[np.ndarray, np.ndarray]) -> None:
    step = ladder.rung(Decimal(share))
    # Few of a sample are in at a small share: add some who are.
    inside = np.flatnonzero((buckets[0] <= step.weight) & (buckets[1] <= step.rollout))[:500]
    ids = [*SAMPLE[::10], *(IDS[n] for n in inside)]
    answers = asked(step, ids)
    assert answers == bucket.on_ladder(FLAG, step, ids).tolist()
    assert any(answers) and asked(step, ids) == answers


def test_ladder__unmodified_sdk__agrees_id_by_id(tmp_path: Path) -> None:
    step = ladder.rung(Decimal("0.05"))
    inside = [IDS[n] for n in np.flatnonzero(bucket.on_ladder(FLAG, step, IDS))]
    cache = FileCache("billing", directory=str(tmp_path))
    cache.bootstrap_from_dict(wire(FLAG, step))
    client = UnleashClient("http://127.0.0.1:9/api", "billing", cache=cache, disable_metrics=True)
    try:
        assert all(client.is_enabled(FLAG, {"userId": i}) for i in inside)
        outside = [i for i in SAMPLE[::20] if i not in inside]
        assert not any(client.is_enabled(FLAG, {"userId": i}) for i in outside)
    finally:
        client.destroy()


def test_hashes__real_engine__are_the_same_on_twenty_thousand_ids() -> None:
    ids = [*SAMPLE[:19_000], *(f"客户-{n}" for n in range(1000))]
    percent, thousandth = bucket.rollout("g", ids), bucket.variant("g", ids)
    engine = UnleashEngine()
    variants = [{"name": str(n), "weight": 1, "weightType": "fix", "stickiness": "userId"} for n in range(1, 1001)]
    strategy = {"name": "flexibleRollout", "variants": variants,
                "parameters": {"rollout": "37", "stickiness": "userId", "groupId": "g"}}
    engine.take_state(json.dumps({"version": 2, "segments": [], "features": [
        {"name": "f", "type": "release", "project": "default", "enabled": True, "variants": [],
         "strategies": [strategy]}]}))
    found = [engine.check_variant("f", {"userId": i}).variant for i in ids]
    assert [v.feature_enabled for v in found] == (percent <= 37).tolist()
    assert [int(v.name) for v in found if v.feature_enabled] == thousandth[percent <= 37].tolist()


def tables(weight: np.ndarray, percent: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Pairs of hashes that must know nothing of each other, each cut into ten."""
    ours = np.where(weight == 1, percent, weight * 100)
    for other in ("bill-breakdown", "outage-lookup2", "outage-lookup.pilots"):
        yield f"{FLAG} and {other}", ours // 10_001, bucket.first_step(other, IDS) // 10_001
    yield "a flag's ladder and its rollout", (weight - 1) // 100, (percent - 1) // 10
    # Those on the lowest rung alone, where every share up to 0.1 % is taken from.
    low, other_percent = weight == 1, bucket.rollout("bill-breakdown", IDS)
    yield "two flags on the lowest rung", (percent[low] - 1) // 50, (other_percent[low] - 1) // 50


def test_flags__million_ids__are_independent(buckets: tuple[np.ndarray, np.ndarray]) -> None:
    for name, one, other in tables(*buckets):
        wide = other.max() + 1
        table = np.bincount(one * wide + other, minlength=(one.max() + 1) * wide).reshape(-1, wide)
        assert chi2_contingency(table).pvalue > 1e-4, name


def test_independence__the_same_flag_twice__is_told_apart() -> None:
    percent = bucket.rollout(FLAG, IDS[:10_000])
    assert chi2_contingency(np.histogram2d(percent, percent, bins=10)[0]).pvalue < 1e-4


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)),
       st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**32 - 1))
def test_murmur3__any_ids__are_hashed_as_one_by_one(ids: list[str], group: str, seed: int) -> None:
    assert bucket.murmur3(group, ids, seed).tolist() == [
        mmh3.hash(f"{group}:{i}", seed, signed=False) for i in ids]
