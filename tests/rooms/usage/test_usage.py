"""What SDKs count: added up by the hour, kept in series, bounded, and never lost silently."""

import math
import threading
from datetime import UTC, datetime, timedelta

import pytest

from eastwind.db import Database
from eastwind.errors import Unavailable
from eastwind.usage import Count, Metric, Sample, Usage
from eastwind.usage.model import Key, hour_of
from eastwind.usage.pending import Pending

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR = AT.replace(minute=0)


def usage_at(db: Database, at: datetime = AT) -> Usage:
    return Usage(db, clock=lambda: at)


def test_counts__of_one_hour__add_up_over_reports_writes_and_processes(db: Database) -> None:
    one, other = usage_at(db), usage_at(db)
    for usage in (one, other):
        usage.counted("production", "billing", AT, {"lookup": Count(2, 1, {"blue": 2})})
        usage.counted("production", "billing", AT, {"lookup": Count(3, 0, {"red": 3}), "other": Count(0, 1)})
        usage.flush()
    (found,) = one.hours("lookup", HOUR)
    assert (found.app, found.hour, found.yes, found.no) == ("billing", HOUR, 10, 2)
    assert found.variants == {"blue": 4, "red": 6}
    assert one.features_of("billing") == [("lookup", "production"), ("other", "production")]
    for usage in (one, other):
        usage.stop()


def test_hours__of_strange_clocks__are_never_in_the_future_nor_long_ago() -> None:
    assert hour_of(AT + timedelta(days=9), AT) == HOUR
    assert hour_of(AT - timedelta(days=900), AT) == HOUR - timedelta(days=2)
    assert hour_of(datetime.fromisoformat("2026-11-24T14:50:00+05:30"), AT) == HOUR


def test_counts__database_away__are_kept_and_written_later(sqlite_db: Database) -> None:
    usage = usage_at(sqlite_db)
    usage.counted("production", "billing", AT, {"lookup": Count(1, 0)})
    usage.registered("production", "billing", "python:6", ("default",))
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE usage_hour RENAME TO elsewhere")
    with pytest.raises(Unavailable):
        usage.flush()
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE elsewhere RENAME TO usage_hour")
    usage.flush()
    assert [h.yes for h in usage.hours("lookup", HOUR)] == [1]
    usage.stop()


def test_pending__flood_of_names__is_shed_and_counted_and_known_ones_still_count() -> None:
    pending = Pending()
    pending.add("production", "billing", HOUR, {"known": Count(1, 0)})
    pending.add("production", "flood", HOUR, {f"f{n}": Count(1, 0) for n in range(100_010)})
    assert pending.shed == 11
    hours, _ = pending.take()
    assert len(hours) == 100_000
    pending.add("production", "billing", HOUR, {"known": Count(5, 0), "new": Count(1, 0)})
    assert [h.yes for h in pending.take()[0]] == [5]
    pending.add("production", "billing", HOUR + timedelta(hours=1), {"new": Count(1, 0)})
    assert len(pending.take()[0]) == 1


def test_pending__huge_sums__still_fit_into_a_database(db: Database) -> None:
    usage = usage_at(db)
    for _ in range(5):
        usage.counted("production", "billing", AT, {"lookup": Count(10**15, 0, {"blue": 10**15})})
    usage.flush()
    assert [h.yes for h in usage.hours("lookup", HOUR)] == [10**14]
    usage.stop()


def test_applications__seen_again__keep_what_they_said_before(db: Database) -> None:
    usage, later = usage_at(db), usage_at(db, AT + timedelta(minutes=5))
    usage.registered("production", "billing", "python:6", ("default", "ours"))
    usage.flush()
    later.registered("production", "billing", "")
    (found,) = later.applications("billing")
    assert (found.sdk, found.strategies) == ("python:6", ("default", "ours"))
    assert (found.first_seen, found.last_seen) == (AT, AT + timedelta(minutes=5))
    assert later.applications("nobody") == []
    for each in (usage, later):
        each.stop()


def test_series__each_kind__grows_in_its_own_way(db: Database) -> None:
    usage = usage_at(db)
    labels = (("lookup", "enabled"),)
    bounds = ((0.1, 1), (math.inf, 2))
    for _ in range(2):
        usage.measured("production", "billing", [
            Metric("calls", "counter", "Calls.", (Sample(labels, 3.0), Sample((), 1.0))),
            Metric("queue", "gauge", "", (Sample((), 7.0),)),
            Metric("seconds", "histogram", "", (Sample(labels, count=2, total=0.5, buckets=bounds),))])
    found = {(s.key.name, s.key.labels): s for s in usage.series(AT - timedelta(days=1))}
    assert found["calls", labels].value == 6.0
    assert found["queue", ()].value == 7.0
    histogram = found["seconds", labels]
    assert (histogram.count, histogram.total, histogram.buckets) == (4, 1.0, ((0.1, 2), (math.inf, 4)))
    (point,) = usage.points(Key("production", "billing", "calls", labels), AT - timedelta(hours=1))
    assert (point.minute, point.value) == (AT, 6.0)


def test_series__stored__is_durable_before_it_is_said_so(db: Database) -> None:
    usage = usage_at(db)
    assert usage.measured("production", "billing", [Metric("calls", "counter", "", (Sample((), 1.0),))]) == 0
    (found,) = usage_at(db).series(AT)  # another process sees it, and nothing was flushed
    assert found.value == 1.0


def test_series__from_many_threads__lose_no_increment(db: Database) -> None:
    usage = [usage_at(db), usage_at(db)]

    def count(each: Usage) -> None:
        for _ in range(5):
            each.measured("production", "billing", [Metric("calls", "counter", "", (Sample((), 1.0),))])

    threads = [threading.Thread(target=count, args=(usage[n % 2],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [s.value for s in usage[0].series(AT)] == [30.0]


def test_series__changes_its_kind__begins_anew(db: Database) -> None:
    usage = usage_at(db)
    usage.measured("production", "a", [Metric("m", "counter", "", (Sample((), 5.0),))])
    usage.measured("production", "a", [Metric("m", "gauge", "", (Sample((), 2.0),))])
    (found,) = usage.series(AT)
    assert (found.kind, found.value) == ("gauge", 2.0)
