"""Export and import: everything arrives, or nothing and every reason."""

import json
import tempfile
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eastwind.db import Database
from eastwind.db.migrate import upgrade
from eastwind.errors import Invalid, Refused
from eastwind.flags import Dependency, Feature, FeatureEnvironment, Flags, OpenGate, Segment, Strategy
from eastwind.flags.catalogue import Catalogue
from eastwind.flags.exchange import Exchange
from eastwind.flags.model import ContextField, LegalValue, Tag, TagType
from eastwind.flags.parcel import export_of, opened
from tests.rooms.flags.conftest import ANNA, AskedGate, acts, published, rollout

PLACE = "production"
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
WORD = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=12).filter(
    lambda t: t not in (".", ".."))
NAME = st.from_regex(r"[a-zA-Z0-9_~-][a-zA-Z0-9._~-]{0,20}", fullmatch=True)
CONSTRAINT = st.one_of(
    st.fixed_dictionaries({"contextName": WORD, "operator": st.sampled_from(["IN", "STR_CONTAINS", "NOT_IN"]),
                           "values": st.lists(TEXT, min_size=1, max_size=3), "caseInsensitive": st.booleans()}),
    st.fixed_dictionaries({"contextName": WORD, "operator": st.just("SEMVER_GT"), "value": st.just("1.2.3")}),
    st.fixed_dictionaries({"contextName": WORD, "operator": st.just("DATE_AFTER"),
                           "value": st.just("2027-05-31T00:00:00Z"), "inverted": st.booleans()}))
VARIANTS = st.lists(st.fixed_dictionaries(
    {"name": WORD, "weight": st.integers(0, 1000), "weightType": st.sampled_from(["fix", "variable"]),
     "stickiness": WORD}, optional={"payload": st.fixed_dictionaries({"type": st.just("string"), "value": TEXT})}),
    max_size=2)
STRATEGY = st.fixed_dictionaries(
    {"name": st.sampled_from(["flexibleRollout", "default", "userWithId", "custom, ours"]),
     "parameters": st.fixed_dictionaries({"rollout": st.integers(0, 100).map(str), "groupId": TEXT, "userIds": TEXT}),
     "constraints": st.lists(CONSTRAINT, max_size=2), "segments": st.lists(st.sampled_from([0, 1]), max_size=2),
     "variants": VARIANTS, "disabled": st.booleans()},
    optional={"title": TEXT, "sortOrder": st.integers(-5, 5)})
FEATURE = st.fixed_dictionaries({
    "type": st.sampled_from(["release", "experiment", "operational", "kill-switch", "permission", "sunset"]),
    "description": TEXT, "stale": st.booleans(), "impressionData": st.booleans(), "enabled": st.booleans(),
    "strategies": st.lists(STRATEGY, max_size=3), "variants": VARIANTS,
    "tags": st.lists(st.tuples(st.sampled_from(["simple", "team"]), WORD), max_size=2), "child": st.booleans()})
World = dict[str, dict[str, Any]]
WORLD = st.dictionaries(NAME, FEATURE, min_size=1, max_size=3)


def a_server(folder: str) -> Database:
    database = Database(f"sqlite:///{Path(folder) / 'flags.db'}")
    upgrade(database)
    Flags(database, OpenGate()).ensure_defaults()
    return database


def fill(database: Database, world: World, segments: list[list[dict[str, Any]]]) -> None:
    """A server with this world, numbered otherwise than the next one will number it."""
    flags, words = Flags(database, OpenGate()), Catalogue(database)
    words.add_tag_type(TagType(name="team", icon="T", description="谁"), ANNA)
    words.add_field(ContextField(name="区", legal_values=(LegalValue(value="东", description="east"),)), ANNA)
    numbers = [flags.add_segment(Segment.model_validate({"name": name, "constraints": constraints}), ANNA).id
               for name, constraints in zip(("unused", "z", "a"), [[], *segments], strict=True)][1:]
    parent = ""
    for name, about in world.items():
        if flags.name_taken(name):
            continue
        flags.create(Feature.model_validate({"name": name, **{k: about[k] for k in (
            "type", "description", "stale", "impressionData")}, "tags": [
                {"type": t, "value": v} for t, v in about["tags"]]}), ANNA)
        if about["child"] and parent:
            flags.set_dependencies(name, (Dependency(feature=parent, enabled=False),), ANNA)
        else:
            parent = parent or name
        for way in about["strategies"]:
            flags.add_strategy(name, PLACE, Strategy.model_validate(
                way | {"segments": [numbers[n] for n in way["segments"]]}), ANNA)
        state = flags.feature(name).at(PLACE)
        flags.set_state(name, FeatureEnvironment.model_validate(
            state.model_dump() | {"enabled": about["enabled"], "variants": about["variants"]}), ANNA)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=WORLD, segments=st.lists(st.lists(CONSTRAINT, max_size=2), min_size=2, max_size=2))
def test_export__into_an_empty_server__exports_the_same(world: World, segments: list[list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other, \
            closing(a_server(one)) as here, closing(a_server(other)) as there:
        fill(here, world, segments)
        sent = document(here)
        take(there, json.loads(json.dumps(sent, ensure_ascii=False)))
        assert document(there) == sent
        assert [f | {"segments": 0} for f in told(there)] == [f | {"segments": 0} for f in told(here)]
        count = len(acts(there))
        take(there, sent)  # again: nothing changes, and only the import itself is told
        assert document(there) == sent
        assert len(acts(there)) == count + 1


def told(database: Database) -> list[dict[str, Any]]:
    """What SDKs hear, but for the segments' numbers."""
    found = Exchange(database, Flags(database, OpenGate())).client_document(PLACE)
    for item in found["features"]:
        for way in item["strategies"]:
            way["segments"] = len(way.get("segments", []))
    return list(found["features"])


def document(database: Database) -> dict[str, Any]:
    return export_of(Exchange(database, Flags(database, OpenGate())).packed(PLACE), PLACE)


def take(database: Database, data: Any, gate: Any = None, place: str = PLACE) -> None:
    Exchange(database, Flags(database, gate or OpenGate())).take(opened(data, "default", place), "default", place, ANNA)


def test_import__client_features__go_on_meaning_the_same(flags: Flags, sqlite_db: Database) -> None:
    web = {"contextName": "channel", "operator": "IN", "values": ["网"]}
    take(sqlite_db, {"version": 2, "segments": [{"id": 7, "constraints": [web]}], "features": [
        {"name": "open", "enabled": True, "strategies": []},
        {"name": "child", "enabled": True, "dependencies": [{"feature": "some", "enabled": True}],
         "strategies": [{"name": "default"}]},
        {"name": "some", "enabled": True, "project": "elsewhere", "strategies": [
            {"name": "flexibleRollout", "parameters": {"rollout": "5"}, "segments": [7]}]}]})
    served = published(sqlite_db)
    assert served["open"]["strategies"][0]["parameters"]["rollout"] == "100"
    assert flags.segments()[0].name == "segment-7"
    assert served["some"]["strategies"][0]["segments"] == [flags.segments()[0].id]
    assert served["some"]["project"] == "default"
    again = Exchange(sqlite_db, flags).client_document(PLACE)
    take(sqlite_db, again)
    assert Exchange(sqlite_db, flags).client_document(PLACE) == again


Broken = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(("broken", "reason"), [
    (lambda d: d["features"][0].update(name="a b"), "features.0.name"),
    (lambda d: d["features"][0].update(links=[{"url": "x"}]), "would be lost"),
    (lambda d: d.update(releasePlans=[{"id": 1}]), "releasePlans"),
    (lambda d: d["featureStrategies"][0].update(milestoneId="m"), "milestoneId"),
    (lambda d: d["featureStrategies"][0].update(segments=[99]), "there is no segment 99"),
    (lambda d: d["featureStrategies"].append({"featureName": "nobody", "name": "default"}), "speaks of nobody"),
    (lambda d: d["featureEnvironments"].append({"featureName": "bill", "environment": "x"}), "one at a time"),
    (lambda d: d["featureTags"].append({"featureName": "bill", "tagType": "no-such", "tagValue": "x"}), "no-such"),
    (lambda d: d["segments"].append({"id": 5, "name": "only-the-name"}), "only its name"),
    (lambda d: d["dependencies"].append({"feature": "bill", "dependencies": [{"feature": "gone"}]}), "gone"),
    (lambda d: d.update(features="x"), "must be a list of objects"),
    (lambda d: d["features"].append(dict(d["features"][0])), "twice"),
    (lambda d: d["features"][0].update(archived=True), "archived"),
])
def test_import__something_cannot_be_kept__nothing_is_done_and_it_is_said(
        flags: Flags, sqlite_db: Database, broken: Broken, reason: str) -> None:
    data = {"features": [{"name": "bill", "createdAt": "2027-05-31T08:00:00Z"}], "segments": [], "tagTypes": [],
            "featureStrategies": [{"featureName": "bill", "name": "default"}], "featureTags": [], "dependencies": [],
            "featureEnvironments": [{"featureName": "bill", "environment": PLACE, "enabled": True}]}
    broken(data)
    before = acts(sqlite_db)
    with pytest.raises(Invalid) as caught:
        take(sqlite_db, data)
    assert reason in str(caught.value)
    assert (flags.features(), acts(sqlite_db)) == ([], before)


def test_import__gate_refuses_two__both_are_named_and_nothing_is_left(
        flags: Flags, gate: AskedGate, sqlite_db: Database) -> None:
    gate.most = Decimal(5)
    for name in ("one", "two", "small"):
        flags.create(Feature(name=name), ANNA)
        flags.add_strategy(name, PLACE, rollout(5 if name == "small" else 50), ANNA)
    before = acts(sqlite_db)
    sent = document(sqlite_db)
    for row in sent["featureEnvironments"]:
        row["enabled"] = True
    with pytest.raises(Refused) as caught:
        take(sqlite_db, sent, gate)
    assert {p.field for p in caught.value.problems} == {"one.share", "two.share"}
    parcel = opened(sent, "default", PLACE)
    assert len(Exchange(sqlite_db, flags).check(parcel, "default", PLACE, ANNA)) == 2
    assert acts(sqlite_db) == before
    assert not flags.feature("small").at(PLACE).enabled


def test_import__a_segment_of_that_name_means_something_else__is_refused(flags: Flags, sqlite_db: Database) -> None:
    flags.add_segment(Segment(name="few"), ANNA)
    rows = {"features": [], "featureStrategies": [], "segments": [{"id": 1, "name": "few", "constraints": [
        {"contextName": "x", "operator": "IN", "values": ["1"]}]}]}
    with pytest.raises(Invalid, match="something else"):
        take(sqlite_db, rows)
    take(sqlite_db, rows | {"segments": [{"id": 9, "name": "few"}]})


def test_tags__are_beside_the_snapshot_and_not_on_the_wire(flags: Flags, sqlite_db: Database) -> None:
    from eastwind.flags import Publisher

    flags.create(Feature(name="bill", tags=(Tag(type="simple", value="账"),)), ANNA)
    snapshot = Publisher(sqlite_db).current(PLACE)
    assert snapshot.tags == {"bill": frozenset({"simple:账"})}
    assert "tags" not in snapshot.features[0]
