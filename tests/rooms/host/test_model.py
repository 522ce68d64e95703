"""What is said of exits, which paths and headers pass, and how outcomes are read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eastwind.host.model import Pace, exit_reason, is_safe_path, read_outcomes, unsafe_header


@pytest.mark.parametrize(("code", "tail", "text"), [
    (-9, "", "killed by signal 9 (out of memory?)"),
    (-11, "", "killed by signal 11 SIGSEGV"),
    (3, "Traceback\n  boom\nimport failed\n\n", "exit 3: import failed"),
    (3, "", "exit 3"),
    (0, "bye", "exit 0"),
    (1, "{curly} %s", "exit 1: {curly} %s"),
])
def test_exit_reason(code: int, tail: str, text: str) -> None:
    assert str(exit_reason(code, tail)) == text


def test_pace__delay_doubles_to_ten_seconds() -> None:
    assert [Pace().delay(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 1000)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]


@pytest.mark.parametrize("path", ["/", "/bill", "/bill?month=2026-10&x=//", "/a/b.css", "/%E5%81%9C"])
def test_path__ordinary__passes(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize("path", [
    "", "bill", "//evil/_eastwind/drill", "/_eastwind/drill", "/_EASTWIND/drill", "/%5feastwind/drill",
    "/x/../_eastwind/a", "/%255feastwind/drill", "/a/..", "/%2e%2e/a", "http://x/", "/a b", "/a\r\nX: y", "/a\x00",
    "/\\x", "/%2f/x", "/停电", "/a#b", "/" + "a" * 3000,
])
def test_path__to_control_or_malformed__is_refused(path: str) -> None:
    assert not is_safe_path(path)


@pytest.mark.parametrize("value", ["", "a\r\nX-Eastwind-Key: 1", "a\n", "停", "\x00", " a", "a ", "x" * 201, "é"])
def test_header__unsafe__is_named(value: str) -> None:
    assert unsafe_header({"Good": "0123456789", "Bad": value}) == "Bad"


def test_outcomes__good__are_numbers() -> None:
    assert read_outcomes('{"found_answer": 1, "kwh": -2.5}') == ({"found_answer": 1.0, "kwh": -2.5}, "")
    assert read_outcomes(None) == ({}, "")


@pytest.mark.parametrize("header", [
    "{", "[1]", "1", '"a"', "null", '{"a_b": NaN}', '{"a_b": Infinity}', '{"a_b": 1, "a_b": 2}', "[" * 100_000,
    '{"a_b": ' + "9" * 5000 + "}", json.dumps({f"m{i}": 1 for i in range(21)}),
])
def test_outcomes__rubbish__is_ignored_and_noted(header: str) -> None:
    outcomes, note = read_outcomes(header)
    assert outcomes == {} and note


@pytest.mark.parametrize("entry", ['"A": 1', '"a": 1', '"a-b": 1', '"ab": true', '"ab": "1"', '"ab": null', '"ab": [1]',
                                   '"ab": 1e999', '"ab": ' + "9" * 400, '"ab\\n": 1', '"' + "a" * 50 + '": 1'])
def test_outcomes__a_bad_entry__does_not_lose_the_others(entry: str) -> None:
    outcomes, note = read_outcomes('{"good": 1, ' + entry + "}")
    assert outcomes == {"good": 1.0} and "ignored" in note


@given(st.text(max_size=200))
def test_outcomes__any_text__never_raises(header: str) -> None:
    outcomes, _ = read_outcomes(header)
    assert all(isinstance(v, float) for v in outcomes.values())
