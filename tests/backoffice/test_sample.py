from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from backoffice import store
from backoffice.metering import months_before
from backoffice.pricing import TARIFFS
from backoffice.sample import generate

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_sample__same_seed_and_day__is_the_same() -> None:
    assert generate(500, 7, AT) == generate(500, 7, AT)
    assert generate(500, 7, AT).customers != generate(500, 8, AT).customers


def test_sample__at_its_usual_size__has_the_shape_of_a_grid() -> None:
    made = generate(20_000, 1, AT)
    assert (len(made.stations), len(made.feeders), len(made.transformers)) == (3, 18, 267)
    neighbours = Counter(row[4] for row in made.customers).values()
    assert min(neighbours) > 50 and max(neighbours) < 100
    assert len({row[0] for row in made.customers}) == 20_000
    assert {row[3] for row in made.customers} == set(TARIFFS)
    assert len({row[2] for row in made.stations}) == 3


def test_sample__every_row__hangs_on_the_one_above() -> None:
    made = generate(900, 3, AT)
    stations, feeders = {row[0] for row in made.stations}, {row[0] for row in made.feeders}
    transformers = {row[0] for row in made.transformers}
    assert {row[2] for row in made.feeders} <= stations
    assert {row[2] for row in made.transformers} <= feeders
    assert {row[4] for row in made.customers} == transformers
    assert {row[1] for row in made.outages} <= feeders


def test_sample__readings__are_thirteen_months_with_a_summer_in_them() -> None:
    made = generate(2_000, 1, AT)
    months = months_before(AT.date())
    assert (months[0], months[-1], len(months)) == ("2025-10", "2026-10", 13)
    kwh = np.array([row[2:] for row in made.readings], dtype=int).sum(axis=1).reshape(2_000, 13)
    assert kwh.min() >= 0
    mean = dict(zip(months, kwh.mean(axis=0), strict=True))
    assert mean["2026-08"] > 1.4 * mean["2026-04"]


def test_months_before__january__reaches_into_last_year() -> None:
    assert months_before(datetime(2026, 1, 31, tzinfo=UTC).date(), 2) == ["2025-11", "2025-12"]


@pytest.mark.parametrize("customers", [0, 2_000_001])
def test_sample__impossible_size__is_refused(customers: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        generate(customers, 1, AT)


def test_sample__one_customer__still_works(tmp_path: Path) -> None:
    made = generate(1, 1, AT)
    store.write(made, tmp_path)
    assert store.Store(tmp_path).customer(str(made.customers[0][0])) is not None


def test_store__no_sample__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="backoffice sample"):
        store.Store(tmp_path)


def test_freshen__week_old_sample__has_its_outages_now(tmp_path: Path) -> None:
    made = generate(500, 1, AT)
    store.write(made, tmp_path)
    later = AT + timedelta(days=7)
    opened = store.Store(tmp_path)
    opened.start_outage("F0001", "reported", 60, AT)
    assert opened.outages(later) == []
    opened.freshen(later)
    told = [replace(outage, id=0) for outage, _ in opened.outages(later)]
    store.write(made, tmp_path)
    then = [replace(outage, id=0) for outage, _ in store.Store(tmp_path).outages(AT)]
    week = timedelta(days=7)
    moved = [replace(o, starts_at=o.starts_at + week, expected_restoration=o.expected_restoration + week) for o in then]
    assert told == moved
