from datetime import datetime
from typing import Any

import pytest

from eastwind_sdk import Malformed, Reporter
from eastwind_sdk.reporter import BATCH
from eastwind_sdk.testing import free_port


def sent(far: Any) -> list[list[dict[str, Any]]]:
    return [body["events"] for _, _, body in far.received]


def test_reporter__close__sends_all_with_ids_token_and_time(far: Any) -> None:
    with Reporter(far.url, "secret", "outage-lookup", every=60) as reporter:
        reporter.exposure("0100000001", "treatment")
        reporter.outcome("0100000001", "hotline_call", 0)
    (first, heads, exposures), (second, _, outcomes) = far.received
    assert first == "/api/v1/experiments/outage-lookup/exposures"
    assert second == "/api/v1/experiments/outage-lookup/outcomes"
    assert heads["authorization"] == "Bearer secret"
    (exposure,), (outcome,) = exposures["events"], outcomes["events"]
    assert {**exposure, "id": "", "at": ""} == {"id": "", "at": "", "unit": "0100000001", "arm": "treatment"}
    assert (outcome["metric"], outcome["value"]) == ("hotline_call", 0)
    assert datetime.fromisoformat(outcome["at"]).tzinfo is not None
    assert (reporter.sent, reporter.dropped, reporter.pending) == (2, 0, 0)


def test_reporter__server_fails_then_recovers__same_ids_again(far: Any) -> None:
    far.status = 503
    with Reporter(far.url, "t", "x1", every=60) as reporter:
        reporter.exposure("u1", "control")
        assert reporter.flush(timeout=0.3) is False
        far.status = 202
        assert reporter.flush() is True
    batches = sent(far)
    assert len(batches) > 1 and all(batch == batches[0] for batch in batches)


def test_reporter__full_buffer__is_counted(far: Any) -> None:
    reporter = Reporter(far.url, "t", "x1", every=60, capacity=3)
    for number in range(5):
        reporter.exposure(f"u{number}", "control")
    assert (reporter.pending, reporter.dropped) == (3, 2)
    reporter.close()
    reporter.exposure("late", "control")
    assert (reporter.sent, reporter.dropped) == (3, 3)


def test_reporter__refused_for_good__is_counted_and_not_repeated(far: Any) -> None:
    far.status = 403
    with Reporter(far.url, "t", "x1", every=60) as reporter:
        reporter.exposure("u1", "control")
    assert (reporter.refused, reporter.sent, len(far.received)) == (1, 0, 1)


def test_reporter__many__go_in_batches_by_themselves(far: Any) -> None:
    with Reporter(far.url, "t", "x1", every=0.05) as reporter:
        for number in range(BATCH + 1):
            reporter.exposure(f"u{number}", "control")
    assert reporter.sent == BATCH + 1
    assert max(len(batch) for batch in sent(far)) <= BATCH
    ids = [event["id"] for batch in sent(far) for event in batch]
    assert len(set(ids)) == len(ids) == BATCH + 1


def test_reporter__nobody_there__close_is_bounded_and_the_loss_counted() -> None:
    reporter = Reporter(f"http://127.0.0.1:{free_port()}", "t", "x1")
    reporter.outcome("u1", "helped", 1)
    reporter.close(timeout=0.3)
    assert (reporter.sent, reporter.dropped) == (0, 1)


@pytest.mark.parametrize(("metric", "value"), [("Bad Name", 1), ("ok_name", float("nan")), ("ok_name", float("inf"))])
def test_reporter__malformed__raises_at_once(far: Any, metric: str, value: float) -> None:
    with Reporter(far.url, "t", "x1") as reporter, pytest.raises(Malformed):
        reporter.outcome("u1", metric, value)
