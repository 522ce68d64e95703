"""What goes out: only what the SDKs' engine has loaded, a close first and alone."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import text
from yggdrasil_engine.engine import UnleashEngine

from eastwind.db import Database
from eastwind.errors import EastwindError, NotFound
from eastwind.flags import Feature, Flags, Publisher, Snapshot
from eastwind.flags.changes import changes, hydration
from eastwind.flags.constraints import OPERATORS
from eastwind.flags.model import Segment, Strategy
from eastwind.validation import checked
from tests.rooms.flags.conftest import ANNA, AskedGate, a_flag, published, rollout

PLACE = "production"


def everything(_project: str) -> bool:
    return True


def damage(db: Database, sql: str, **values: Any) -> None:
    with db.write() as tx:
        tx.execute(text(sql), values)


BROKEN = [
    '[{"name": "flexibleRollout", "parameters": {"rollout": 50}}]', '[{"name": "default", "constraints": [{}]}]', "7",
    '[{"name": null}]', '[{"name": "default", "parameters": {"a": "\\ud800"}}]', '{"a": 1}', '["x"]',
    '[{"name": "default", "variants": [{"name": "v", "weight": 99999999999}]}]',
    '[{"name": "flexibleRollout", "parameters": {"rollout": "0.5"}}]',
    '[{"name": "default", "constraints": [{"contextName": "x", "operator": "NOT_IN", "values": []}]}]',
]


@pytest.mark.parametrize("strategies", BROKEN)
def test_publisher__row_that_no_engine_should_read__goes_out_closed(
        flags: Flags, sqlite_db: Database, strategies: str) -> None:
    a_flag(flags, "good")
    a_flag(flags, "bad")
    damage(sqlite_db, "UPDATE feature_environment SET strategies = :s WHERE feature = 'bad'", s=strategies)
    snapshot = Publisher(sqlite_db).current(PLACE)
    served = {f["name"]: f["enabled"] for f in snapshot.features}
    assert served == {"good": True, "bad": False}
    assert list(snapshot.quarantined) == ["bad"]
    engine = UnleashEngine()
    engine.take_state(json.dumps(snapshot.document()))
    assert len(engine.list_known_toggles()) == 2
    flags.switch("good", PLACE, False, ANNA)  # what is damaged elsewhere holds no close back
    assert not published(sqlite_db)["good"]["enabled"]


def test_publisher__text_that_is_not_json__closes_only_its_row(flags: Flags, sqlite_db: Database) -> None:
    a_flag(flags, "good")
    for name in ("a", "b", "c"):
        a_flag(flags, name)
    damage(sqlite_db, "UPDATE feature_environment SET strategies = '[{' WHERE feature = 'a'")
    damage(sqlite_db, "UPDATE feature SET dependencies = 'x' WHERE name = 'b'")
    damage(sqlite_db, "UPDATE feature SET type = 'nonsense' WHERE name = 'c'")
    assert {n for n, f in published(sqlite_db).items() if f["enabled"]} == {"good"}
    assert {f.name for f in flags.features()} == {"good", "a"}
    assert not flags.feature("a").at(PLACE).enabled  # read as it is served
    flags.switch("good", PLACE, False, ANNA)
    flags.switch("a", PLACE, True, ANNA)  # written anew, it is whole again
    assert {n for n, f in published(sqlite_db).items() if f["enabled"]} == {"a"}


def test_publisher__broken_segment__is_left_out_and_its_users_are_off(flags: Flags, sqlite_db: Database) -> None:
    segment = flags.add_segment(Segment(name="few"), ANNA)
    a_flag(flags, "bill", Strategy(name="default", segments=(segment.id,)))
    damage(sqlite_db, "UPDATE segment SET constraints = :c", c='[{"contextName": "x", "operator": "NOT_IN"}]')
    snapshot = Publisher(sqlite_db).current(PLACE)
    assert snapshot.segments == ()
    engine = UnleashEngine()
    engine.take_state(json.dumps(snapshot.document()))
    assert not engine.check_enabled("bill", {"x": "1"}).is_enabled
    flags.switch("bill", PLACE, False, ANNA)


def test_publisher__unchanged_rows__keep_their_very_documents(flags: Flags, sqlite_db: Database) -> None:
    a_flag(flags, "same")
    a_flag(flags, "other")
    publisher = Publisher(sqlite_db)
    before = publisher.current(PLACE)
    elsewhere = publisher.current("development")
    flags.switch("other", PLACE, False, ANNA)
    publisher.refresh()
    now = publisher.current(PLACE)
    assert now.revision > before.revision
    assert next(f for f in now.features if f["name"] == "same") is next(
        f for f in before.features if f["name"] == "same")
    assert publisher.current("development") is elsewhere
    with pytest.raises(NotFound):
        publisher.current("mars")


def test_publisher__another_process_wrote__wakes_who_waits(flags: Flags, sqlite_db: Database) -> None:
    a_flag(flags, "bill")
    publisher = Publisher(sqlite_db)
    held = publisher.current(PLACE).revision
    publisher.start()
    try:
        assert publisher.wait(PLACE, held, 0.05) is None
        flags.switch("bill", PLACE, False, ANNA)
        newer = publisher.wait(PLACE, held, 5)
        assert newer and not newer.features[0]["enabled"]
    finally:
        publisher.stop()
    assert publisher.wait(PLACE, 10_000, 60) is None  # nobody is kept waiting by a server that goes down


def replayed(steps: list[Snapshot]) -> UnleashEngine:
    engine = UnleashEngine()
    engine.take_state(json.dumps({"events": [hydration(steps[0], everything)]}))
    for before, now in itertools.pairwise(steps):
        for message in changes(before, now, everything):
            engine.take_state(json.dumps({"events": message}))
    return engine


def test_changes__several__close_first_alone_then_segments_then_users(flags: Flags, sqlite_db: Database) -> None:
    publisher = Publisher(sqlite_db)
    for name in ("closes-a", "closes-b", "goes"):
        a_flag(flags, name)
    publisher.refresh()
    before = publisher.current(PLACE)
    segment = flags.add_segment(Segment(name="few"), ANNA)
    a_flag(flags, "comes", Strategy(name="default", segments=(segment.id,)))
    flags.switch("closes-a", PLACE, False, ANNA)
    flags.switch("closes-b", PLACE, False, ANNA)
    flags.archive("goes", ANNA)
    publisher.refresh()
    now = publisher.current(PLACE)
    messages = changes(before, now, everything)
    assert [[(e["type"], e.get("feature", {}).get("name")) for e in m] for m in messages] == [
        [("feature-updated", "closes-a")], [("feature-updated", "closes-b")],
        [("segment-updated", None), ("feature-updated", "comes"), ("feature-removed", None)]]
    assert {e["eventId"] for m in messages for e in m} == {now.revision}
    engine = replayed([before, now])
    assert {t.name for t in engine.list_known_toggles()} == {"closes-a", "closes-b", "comes"}
    assert engine.check_enabled("comes", {}).is_enabled
    assert changes(before, now, lambda project: project == "other") == []


texts = some.text(max_size=12)
constraints = some.fixed_dictionaries(
    {"contextName": texts, "operator": some.sampled_from(OPERATORS) | texts},
    optional={"values": some.lists(texts | some.integers(), max_size=3), "inverted": some.booleans(),
              "value": texts | some.integers() | some.sampled_from(["5", "1.2.3", "2026-01-01T00:00:00Z", "a+"]),
              "caseInsensitive": some.booleans()})
variants = some.fixed_dictionaries(
    {"name": texts, "weight": some.integers(-1, 1001)},
    optional={"payload": some.fixed_dictionaries({"type": some.sampled_from(["string", "json", "x"]), "value": texts}),
              "stickiness": texts, "weightType": some.sampled_from(["fix", "variable"])})
strategies = some.fixed_dictionaries(
    {"name": some.sampled_from(["default", "flexibleRollout", "userWithId", "remoteAddress", "own"]) | texts},
    optional={"parameters": some.dictionaries(some.sampled_from(["rollout", "stickiness", "userIds"]) | texts,
                                              texts | some.integers(-1, 101), max_size=3),
              "constraints": some.lists(constraints, max_size=2), "variants": some.lists(variants, max_size=2),
              "disabled": some.booleans(), "title": some.none() | texts})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(strategies, min_size=1, max_size=2), some.booleans(), texts)
def test_write__whatever_is_accepted__is_loaded_by_the_engine_and_agrees(
        flags: Flags, sqlite_db: Database, given_strategies: list[dict[str, Any]], on: bool, description: str) -> None:
    if "any" not in {f.name for f in flags.features()}:
        flags.create(Feature(name="any"), ANNA)
    try:
        state = flags.feature("any").at(PLACE).model_copy(update={
            "enabled": on, "strategies": tuple(checked(Strategy, s) for s in given_strategies)})
        flags.set_state("any", state, ANNA)
        flags.describe("any", {"description": description}, ANNA)
    except EastwindError:
        return
    snapshot = Publisher(sqlite_db).current(PLACE)
    assert snapshot.quarantined == {}
    assert snapshot.features[0]["enabled"] == (on and any(not s.disabled for s in state.strategies))


def test_gate__is_the_only_one_asked(flags: Flags, gate: AskedGate) -> None:
    a_flag(flags, "bill", rollout(5))
    assert [a[1] for a in gate.asked] == ["bill"]
