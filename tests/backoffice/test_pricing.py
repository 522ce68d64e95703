from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from backoffice.pricing import RESIDENTIAL, SMALL_BUSINESS, TIME_OF_USE, Reading, bill

MONTHS = st.tuples(st.integers(2020, 2030), st.integers(1, 12)).map(lambda ym: f"{ym[0]}-{ym[1]:02d}")
KWH = st.integers(0, 100_000)


def test_bill__winter__steps_at_200_and_400() -> None:
    priced = bill(RESIDENTIAL, Reading("2026-01", (450, 0, 0)))
    assert [(line.period, line.kwh) for line in priced.lines] == [("step-1", 200), ("step-2", 200), ("step-3", 50)]
    assert priced.amount == Decimal("290.50")  # 118.00 + 128.00 + 44.50


def test_bill__summer__steps_are_wider() -> None:
    priced = bill(RESIDENTIAL, Reading("2026-07", (450, 0, 0)))
    assert [(line.period, line.kwh) for line in priced.lines] == [("step-1", 260), ("step-2", 190)]


def test_bill__nothing_used__costs_nothing() -> None:
    priced = bill(RESIDENTIAL, Reading("2026-02", (0, 0, 0)))
    assert (priced.amount, priced.days, len(priced.lines)) == (Decimal("0.00"), 28, 1)


def test_bill__new_price_list__holds_from_its_month() -> None:
    before, after = (bill(TIME_OF_USE, Reading(month, (100, 100, 100))) for month in ("2026-06", "2026-07"))
    assert (before.lines[0].price, after.lines[0].price) == (Decimal("0.9800"), Decimal("1.0300"))


@given(MONTHS, st.tuples(KWH, KWH, KWH), st.sampled_from((TIME_OF_USE, SMALL_BUSINESS)))
def test_bill__by_period__lines_are_the_registers(month: str, registers: tuple[int, int, int], tariff: str) -> None:
    priced = bill(tariff, Reading(month, registers))
    assert tuple(line.kwh for line in priced.lines) == registers
    assert priced.amount == sum(line.amount for line in priced.lines)


@given(MONTHS, KWH)
def test_bill__stepped__loses_no_kwh_and_never_falls(month: str, kwh: int) -> None:
    priced, more = (bill(RESIDENTIAL, Reading(month, (used, 0, 0))) for used in (kwh, kwh + 1))
    assert priced.kwh == kwh
    assert more.amount > priced.amount
