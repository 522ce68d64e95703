"""Reviews: asked for, claimed once, finished once; what counts and what does not."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from eastwind.audit import Audit
from eastwind.db import Database
from eastwind.errors import Busy, Conflict, Invalid, NotFound, msg
from eastwind.readiness import Progress, Readiness, Ready, Review, Verdict
from eastwind.readiness.decide import decide
from eastwind.readiness.model import Evidence, LoadPlan
from eastwind.readiness.service import LONGEST_QUEUE, evidence_digest
from tests.rooms.readiness.builders import ANNA, a_plan, evidence

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class Steps:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Steps:
    return Steps()


@pytest.fixture
def readiness(db: Database, clock: Steps) -> Readiness:
    return Readiness(db, clock)


def reviewed(readiness: Readiness, plan: LoadPlan, found: Evidence | None) -> Review:
    asked = readiness.ask(plan, ANNA)
    taken = readiness.claim("runner")
    assert taken and taken.id == asked.id
    verdict = decide(plan, found) if found else Verdict("inconclusive", (msg("killed"),))
    return readiness.finish(asked.id, found, verdict)


def ready(db: Database, readiness: Readiness, build: str = "b1") -> Ready:
    with db.read() as tx:
        return readiness.ready(tx, "outage-lookup", "production", build)


def test_review__asked_run_finished__everything_is_kept(db: Database, readiness: Readiness, clock: Steps) -> None:
    asked = readiness.ask(a_plan(share=Decimal("0.125")), ANNA)
    assert (asked.state, asked.asked_by, asked.done) == ("queued", "user:anna", False)
    readiness.claim("runner-1")
    how_far = Progress("measuring", 3.0, 2.0, 60, 55, 1, 59.5, 41.0)
    assert readiness.progress(asked.id, how_far)
    assert readiness.get(asked.id).progress == how_far
    clock.at += timedelta(seconds=5)
    done = readiness.finish(asked.id, evidence(), decide(asked.plan, evidence()))
    assert done == readiness.get(asked.id) == readiness.latest("outage-lookup", "production")
    assert (done.state, done.owner, done.share) == ("ready", "runner-1", Decimal("0.125"))
    assert (done.started_at, done.finished_at, done.expires_at) == (START, clock.at, clock.at + timedelta(days=7))
    assert done.plan == asked.plan and done.evidence == evidence()
    assert ready(db, readiness) == Ready(Decimal("0.125"), done.expires_at, done.id)
    events = Audit(db).history(room="readiness")
    assert [e.act for e in events] == ["review-finished", "review-started", "review-asked"]
    assert events[0].after["evidence"] == evidence_digest(evidence()) != ""


def test_ask__same_share_again__is_the_same_review(db: Database, readiness: Readiness) -> None:
    first = readiness.ask(a_plan(), ANNA)
    with db.write() as tx:
        assert readiness.ask(a_plan(), ANNA, tx) == first
    readiness.claim("runner")
    assert readiness.ask(a_plan(), ANNA).id == first.id
    assert readiness.ask(a_plan(share=Decimal(5)), ANNA).id != first.id
    assert readiness.ask(a_plan(build="b2"), ANNA).id != first.id
    assert len(Audit(db).history(room="readiness")) == 4


def test_ask__bad_plan__every_field_is_named_and_nothing_is_queued(readiness: Readiness) -> None:
    with pytest.raises(Invalid) as refused:
        readiness.ask(a_plan(share=Decimal(0), p95_ms=float("nan"), build=""), ANNA)
    assert {p.field for p in refused.value.problems} == {"share", "p95_ms", "build"}
    assert readiness.claim("runner") is None


def test_ask__queue_is_full__busy(readiness: Readiness) -> None:
    for n in range(LONGEST_QUEUE):
        readiness.ask(a_plan(share=Decimal(n + 1)), ANNA)
    with pytest.raises(Busy):
        readiness.ask(a_plan(share=Decimal("0.1")), ANNA)


def test_claim__eight_runners_at_once__each_review_goes_to_one(readiness: Readiness) -> None:
    for n in range(12):
        readiness.ask(a_plan(share=Decimal(n + 1)), ANNA)
    taken: Counter[int] = Counter()

    def work(name: str) -> None:
        while (review := readiness.claim(name)) is not None:
            taken[review.id] += 1

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 12 and set(taken.values()) == {1}


def test_claim__fence_raises__nothing_is_taken(readiness: Readiness) -> None:
    readiness.ask(a_plan(), ANNA)

    def lost(_tx: object) -> None:
        raise Conflict

    with pytest.raises(Conflict):
        readiness.claim("old leader", lost)
    assert readiness.claim("new leader") is not None


def test_finish__verdict_without_support__is_refused(readiness: Readiness) -> None:
    number = readiness.ask(a_plan(), ANNA).id
    yes = Verdict("ready", (), Decimal(1))
    with pytest.raises(Conflict):
        readiness.finish(number, evidence(), yes)  # not running
    readiness.claim("runner")
    for found, verdict in ((None, yes), (evidence(build="b2"), yes), (evidence(p95_ms=float("nan")), yes),
                           (evidence(), Verdict("ready", (), Decimal(2)))):
        with pytest.raises(Conflict):
            readiness.finish(number, found, verdict)
    assert readiness.finish(number, evidence(), yes).state == "ready"
    with pytest.raises(Conflict):
        readiness.finish(number, None, Verdict("inconclusive"))
    with pytest.raises(NotFound):
        readiness.finish(number + 1, None, Verdict("inconclusive"))


def test_finish__rubbish_numbers__inconclusive_and_not_kept(readiness: Readiness) -> None:
    done = reviewed(readiness, a_plan(), evidence(p95_ms=float("nan")))
    assert (done.state, done.evidence) == ("inconclusive", None)


def test_cancel__queued_and_running__inconclusive_and_the_runner_hears_of_it(readiness: Readiness) -> None:
    first, second = readiness.ask(a_plan(), ANNA), readiness.ask(a_plan(share=Decimal(2)), ANNA)
    readiness.claim("runner")
    for review in (first, second):
        done = readiness.cancel(review.id, ANNA)
        assert (done.state, str(done.reasons[0]), done.evidence) == ("inconclusive", "cancelled by anna", None)
        assert readiness.cancel(review.id, ANNA) == done
    assert not readiness.progress(first.id, Progress("measuring", 1.0, 2.0))
    assert readiness.claim("runner") is None


def test_abandon_stale__runner_is_silent__inconclusive(readiness: Readiness, clock: Steps) -> None:
    number = readiness.ask(a_plan(), ANNA).id
    readiness.claim("runner")
    clock.at += timedelta(seconds=10)
    assert readiness.progress(number, Progress("measuring", 1.0, 2.0))
    clock.at += timedelta(seconds=10)
    assert readiness.abandon_stale(timedelta(seconds=15)) == []
    clock.at += timedelta(seconds=10)
    assert [r.id for r in readiness.abandon_stale(timedelta(seconds=15))] == [number]
    assert str(readiness.get(number).reasons[0]) == "the runner ended without a result"


def test_ready__nothing_counts__says_why(db: Database, readiness: Readiness, clock: Steps) -> None:
    assert str(ready(db, readiness).reasons[0]).startswith("no readiness review has been run")
    readiness.ask(a_plan(), ANNA)
    assert "is not finished" in str(ready(db, readiness).reasons[0])
    readiness.cancel(1, ANNA)
    assert [str(r) for r in ready(db, readiness).reasons][1:] == ["cancelled by anna"]
    reviewed(readiness, a_plan(), evidence(p95_ms=300.0, p99_ms=300.0))
    assert str(ready(db, readiness).reasons[0]) == "review 2 found that it is not ready"
    reviewed(readiness, a_plan(), evidence())
    assert "another build" in str(ready(db, readiness, "b2").reasons[0])
    clock.at += timedelta(days=7)
    assert "has expired" in str(ready(db, readiness).reasons[0])
    clock.at = START - timedelta(days=1)
    assert "from the future" in str(ready(db, readiness).reasons[0])


def test_ready__later_review_fails__larger_shares_no_longer_count(db: Database, readiness: Readiness) -> None:
    for share in (1, 5, 20):
        reviewed(readiness, a_plan(share=Decimal(share)), evidence())
    reviewed(readiness, a_plan(share=Decimal(5)), evidence(p95_ms=300.0, p99_ms=300.0))
    assert ready(db, readiness).share == 1


def test_void__breach__only_later_evidence_counts(db: Database, readiness: Readiness, clock: Steps) -> None:
    reviewed(readiness, a_plan(), evidence())
    running = readiness.ask(a_plan(share=Decimal(2)), ANNA)
    readiness.claim("runner")
    clock.at += timedelta(minutes=1)
    with db.write() as tx:
        readiness.void(tx, "outage-lookup", "production", clock.at)
        assert readiness.ready(tx, "outage-lookup", "production", "b1").share == 0
    assert readiness.get(1).voided_at == clock.at
    assert readiness.get(running.id).state == "inconclusive"
    assert not readiness.progress(running.id, Progress("measuring", 1.0, 2.0))
    reviewed(readiness, a_plan(), evidence())
    assert ready(db, readiness).share == 1


def test_evidence__row_is_changed__digest_in_the_chain_shows_it(db: Database, readiness: Readiness) -> None:
    done = reviewed(readiness, a_plan(), evidence())
    with db.write() as tx:
        tx.execute(text("UPDATE review SET evidence = replace(CAST(evidence AS TEXT), '40.0', '39.0')"
                        + ("" if db.is_sqlite else "::json")))
    recorded = Audit(db).history(room="readiness")[0].after["evidence"]
    assert recorded == evidence_digest(done.evidence) != evidence_digest(readiness.get(done.id).evidence)
