"""What a browser is told is what the engine says, flag by flag, whatever the shape of flag and context."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from yggdrasil_engine.engine import UnleashEngine

from eastwind.flags.evaluate import context_for_engine
from eastwind.flags.resolve import Resolver, variant_in

FIELDS = st.sampled_from(["userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime", "channel",
                          "地区", "properties"])
VALUES = st.sampled_from(["", "1", "2", "3", "web", "Web", " web", "微信", "2026-01-01T00:00:00Z", "10.0.0.1",
                          "x" * 300])
GROUPS = st.sampled_from(["g", "flag", "组"])
PERCENT = st.integers(0, 100).map(str)
STICKY = st.sampled_from(["default", "userId", "sessionId", "channel", "random"])


def constraints() -> Any:
    return st.lists(st.fixed_dictionaries({
        "contextName": FIELDS, "operator": st.sampled_from(["IN", "NOT_IN", "STR_CONTAINS", "NUM_GT"]),
        "values": st.lists(VALUES, min_size=1, max_size=3), "value": st.just("1"),
        "inverted": st.booleans(), "caseInsensitive": st.booleans()}), max_size=3)


def variants() -> Any:
    return st.lists(st.sampled_from([
        {"name": "blue", "weight": 500, "stickiness": "default", "payload": {"type": "string", "value": "蓝"}},
        {"name": "red", "weight": 500, "stickiness": "sessionId",
         "payload": {"type": "json", "value": '{"featureEnabled":false}'}}]), max_size=2, unique_by=lambda v: v["name"])


def rollouts() -> Any:
    parameters = st.fixed_dictionaries({"rollout": PERCENT, "stickiness": STICKY}, optional={"groupId": GROUPS})
    return st.fixed_dictionaries({
        "name": st.just("flexibleRollout"), "parameters": parameters, "constraints": constraints(),
        "variants": variants()}, optional={"segments": st.sampled_from([[1], [2], [1, 9]])})


def others() -> Any:
    return st.sampled_from([
        {"name": "default", "parameters": {}, "constraints": []},
        {"name": "userWithId", "parameters": {"userIds": "1,2"}, "constraints": []},
        {"name": "remoteAddress", "parameters": {"IPs": "10.0.0.0/8"}, "constraints": []},
        {"name": "gradualRolloutUserId", "parameters": {"percentage": "50", "groupId": "g"}, "constraints": []},
        {"name": "ours-alone", "parameters": {}, "constraints": []}])


def features() -> Any:
    # Without "random" the answer depends on the context alone; with it, two engines need not agree.
    one = st.fixed_dictionaries({
        "enabled": st.sampled_from([True, True, False]), "strategies": st.lists(st.one_of(rollouts(), others()),
                                                                                max_size=3),
        "variants": variants(), "parent": st.booleans()})
    return st.lists(one.filter(lambda f: '"random"' not in json.dumps(f)), min_size=1, max_size=6)


TEXTS = st.one_of(VALUES, st.text(max_size=5), st.integers(0, 500).map(str))
CONTEXTS = st.dictionaries(FIELDS.filter("properties".__ne__), TEXTS, max_size=6)
SEGMENTS = [{"id": 1, "name": "one", "constraints": [
    {"contextName": "channel", "operator": "IN", "values": ["web"], "inverted": False, "caseInsensitive": False}]},
    {"id": 2, "name": "two", "constraints": []}]


def documents(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for number, shape in enumerate(found):
        feature = {"name": f"flag-{number}", "type": "release", "project": "default", "stale": False,
                   "impressionData": False, "description": ""} | {k: v for k, v in shape.items() if k != "parent"}
        if number and shape["parent"]:
            feature["dependencies"] = [{"feature": "flag-0", "enabled": True}]
        made.append(feature)
    return made


@settings(max_examples=1500, deadline=None)
@given(features(), CONTEXTS, CONTEXTS)
@example([{"enabled": True, "variants": [], "parent": False, "strategies": []}], {}, {})
def test_resolver__any_flags_and_context__says_what_the_engine_says(
        found: list[dict[str, Any]], top: dict[str, str], properties: dict[str, str]) -> None:
    made = documents(found)
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": made, "segments": SEGMENTS}))
    context = context_for_engine({"sessionId": "s-1", **top, "properties": properties})
    if not context["sessionId"]:
        context["sessionId"] = "s-1"  # without any id the engine draws lots
    expected = {}
    for feature in made:
        public = engine.check_variant(feature["name"], context).variant
        assert public.feature_enabled == engine.check_enabled(feature["name"], context).is_enabled
        if public.feature_enabled:
            expected[feature["name"]] = (public.name, public.enabled, public.payload)
    resolver = Resolver(engine, tuple(made), tuple(SEGMENTS))
    told = {}
    for document, said in resolver.on(context, lambda _: True):
        variant = variant_in(said)
        if variant is not None:
            told[document["name"]] = (variant["name"], variant["enabled"], variant.get("payload"))
    assert told == expected


def test_resolver__many_users__draws_the_same_line_as_the_engine() -> None:
    strategy = {"name": "flexibleRollout", "constraints": [], "variants": []}
    made = documents([{"enabled": True, "variants": [], "parent": False, "strategies": [
        strategy | {"parameters": {"rollout": str(share), "stickiness": "default", "groupId": f"g{share}"}}]}
        for share in (0, 1, 7, 50, 99, 100)])
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": made, "segments": []}))
    resolver = Resolver(engine, tuple(made), ())
    for user in range(3000):
        context = context_for_engine({"userId": f"客户{user}"})
        told = {document["name"] for document, _ in resolver.on(context, lambda _: True)}
        assert told == {f["name"] for f in made if engine.check_enabled(f["name"], context).is_enabled}


def test_resolver__projects_not_covered__are_never_told() -> None:
    (made,) = documents([{"enabled": True, "variants": [], "parent": False, "strategies": [
        {"name": "default", "parameters": {}, "constraints": []}]}])
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": [made]}))
    assert list(Resolver(engine, (made,), ()).on(context_for_engine({}), lambda _: False)) == []
