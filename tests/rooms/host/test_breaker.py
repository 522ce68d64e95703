"""The breaker: pure, so that any order of answers can be tried."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from eastwind.host.breaker import Breaker

EVENT = st.tuples(st.sampled_from(["ask", "ok", "fault", "lost"]), st.floats(0, 3), st.integers(0, 5))
EVENTS = st.lists(EVENT, max_size=60)


def after_faults(count: int, at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(count):
        breaker = breaker.report(False, at, at)
    return breaker


def test_breaker__fewer_faults_than_threshold__stays_closed() -> None:
    assert after_faults(4).state == "closed"


def test_breaker__threshold_in_a_row__opens_and_refuses() -> None:
    breaker = after_faults(5)
    assert breaker.state == "open"
    assert breaker.admit(4.9) == (breaker, False)


def test_breaker__a_success_between__starts_the_count_again() -> None:
    breaker = after_faults(4).report(True, 0, 0)
    assert breaker.faults == 0
    assert breaker.report(False, 0, 0).state == "closed"


def test_breaker__after_the_pause__one_trial_only() -> None:
    breaker, first = after_faults(5).admit(5.0)
    breaker, second = breaker.admit(5.1)
    assert (first, second, breaker.state) == (True, False, "half-open")


def test_breaker__trial_succeeds__closes() -> None:
    breaker, _ = after_faults(5).admit(5.0)
    assert breaker.report(True, 5.0, 5.1).state == "closed"


def test_breaker__trial_fails__opens_for_another_pause() -> None:
    breaker, _ = after_faults(5).admit(5.0)
    breaker = breaker.report(False, 5.0, 5.8)
    assert breaker.state == "open"
    assert breaker.admit(10.7)[1] is False
    assert breaker.admit(10.8)[1] is True


def test_breaker__answer_to_an_old_question__says_nothing() -> None:
    breaker, _ = after_faults(5, at=1.0).admit(6.0)
    assert breaker.report(True, 0.9, 6.1) == breaker
    assert breaker.report(False, 0.9, 6.1) == breaker
    opened = after_faults(5, at=1.0)
    assert opened.report(True, 0.9, 1.1) == opened


def test_breaker__trial_never_reports__another_is_let_through() -> None:
    breaker, _ = after_faults(5).admit(5.0)
    assert breaker.admit(9.9)[1] is False
    assert breaker.admit(10.0)[1] is True


@given(EVENTS)
@settings(deadline=None)
def test_breaker__any_history__is_never_stuck(events: list[tuple[str, float, int]]) -> None:
    breaker, at, asked = Breaker(), 0.0, []
    for kind, pause, which in events:
        at += pause
        if kind == "ask":
            breaker, admitted = breaker.admit(at)
            if admitted:
                asked.append(at)
        elif asked:
            question = asked.pop(which % len(asked))
            if kind != "lost":
                breaker = breaker.report(kind == "ok", question, at)
        assert breaker.state != "closed" or breaker.faults < breaker.threshold
    # Whatever happened: a pause later a request passes, and its good answer closes the breaker.
    breaker, admitted = breaker.admit(at + breaker.pause)
    assert admitted
    assert breaker.report(True, at + breaker.pause, at + breaker.pause + 0.1).state == "closed"


@given(st.lists(st.floats(0.01, 20), min_size=1, max_size=40))
def test_breaker__only_faults__at_most_one_request_per_pause_once_open(pauses: list[float]) -> None:
    breaker, at, passed = after_faults(5), 0.0, []
    for pause in pauses:
        at += pause
        breaker, admitted = breaker.admit(at)
        if admitted:
            passed.append(at)
            breaker = breaker.report(False, at, at)
    assert all(b - a >= breaker.pause for a, b in pairwise(passed))
