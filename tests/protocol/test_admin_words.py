"""Tags, context fields, places, tokens, search, exchange and playground over the admin API, as scripts use them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from eastwind.clock import now
from eastwind.db import Database
from tests.protocol.conftest import ADMIN, FEATURES, TESTER
from tests.protocol.wire_app import app_over, wire_over

A = "/api/admin"
P = f"{A}/projects/default"
DEEP: Any = "x"
for _ in range(28):
    DEEP = [DEEP]


class Desk:
    """Who asks with the admin token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: Any = None) -> TestResponse:
        sent: dict[str, Any] = {} if body is None else {"json": body}
        return self.client.open(path, method=method, headers={"Authorization": ADMIN}, **sent)

    def told(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status_code == status, (method, path, answer.get_data(as_text=True))
        return answer.get_json() if answer.data else None

    def flag(self, flag: str, /, **strategy: Any) -> None:
        self.told("POST", FEATURES, {"name": flag}, 201)
        if strategy:
            self.told("POST", f"{FEATURES}/{flag}/environments/development/strategies", strategy)
            self.told("POST", f"{FEATURES}/{flag}/environments/development/on")


@pytest.fixture
def desk(sqlite_db: Database) -> Iterator[Desk]:
    wire = wire_over(sqlite_db, max_body_kb=64)
    wire.flags.ensure_defaults()
    wire.people.issue_token("admin", "*", ("*",), "admin", TESTER, secret=ADMIN)
    yield Desk(app_over(wire).test_client())
    wire.publisher.stop()
    wire.arrivals.stop()
    wire.usage.stop()


def test_tags__are_put_on_and_taken_off_one_or_many(desk: Desk) -> None:
    desk.told("POST", FEATURES, {"name": "bill", "tags": [{"type": "simple", "value": "账单"}]}, 201)
    desk.flag("water")
    desk.told("POST", f"{A}/tag-types", {"name": "team", "description": "谁"}, 201)
    desk.told("POST", f"{A}/tag-types", {"name": "team"}, 409)
    desk.told("POST", f"{A}/features/bill/tags", {"type": "team", "value": "a/b"}, 201)
    desk.told("POST", f"{A}/features/bill/tags", {"type": "no-such", "value": "x"}, 400)
    team = {"type": "team", "value": "east"}
    desk.told("PUT", f"{P}/tags", {"features": ["bill", "water"], "tags": {"addedTags": [team], "removedTags": []}})
    desk.told("PUT", f"{P}/tags", {"features": ["bill", "gone"], "tags": {"addedTags": [], "removedTags": [team]}}, 404)
    assert team in desk.told("GET", f"{A}/features/bill/tags")["tags"]
    desk.told("DELETE", f"{A}/features/bill/tags/team/east")
    changed = {"addedTags": [], "removedTags": [{"type": "team", "value": "a/b"}]}
    assert desk.told("PUT", f"{A}/features/bill/tags", changed)["tags"] == [{"type": "simple", "value": "账单"}]
    assert desk.told("GET", f"{FEATURES}/bill")["tags"] == [{"type": "simple", "value": "账单"}]
    assert {"type": "team", "value": "a/b"} in desk.told("GET", f"{A}/tags/team")["tags"]
    desk.told("DELETE", f"{A}/tags/team/east", status=409)
    desk.told("DELETE", f"{A}/tag-types/team", status=409)
    told = [e["type"] for e in desk.told("GET", f"{A}/events/bill")["events"]]
    assert told[:2] == ["feature-untagged", "feature-untagged"] and "feature-tagged" in told


def test_context__fields_and_legal_values__are_kept_in_order(desk: Desk) -> None:
    assert {f["name"] for f in desk.told("GET", f"{A}/context")} >= {"userId", "appName", "environment"}
    desk.told("POST", f"{A}/context", {"name": "区域", "legalValues": [{"value": "东"}, {"value": "西"}]}, 201)
    desk.told("POST", f"{A}/context", {"name": "区域"}, 409)
    desk.told("POST", f"{A}/context", {"name": "x", "legalValues": [{"value": "1"}, {"value": "1"}]}, 400)
    desk.told("POST", f"{A}/context/区域/legal-values", {"value": "北", "description": "north"})
    desk.told("DELETE", f"{A}/context/区域/legal-values/东")
    desk.told("PUT", f"{A}/context/区域", {"description": "where", "stickiness": True})
    found = desk.told("GET", f"{A}/context/区域")
    assert [v["value"] for v in found["legalValues"]] == ["西", "北"] and found["stickiness"] is True
    desk.told("POST", f"{A}/context/validate", {"name": "区域"}, 409)
    desk.told("DELETE", f"{A}/context/区域")
    desk.told("GET", f"{A}/context/区域", status=404)


def test_places__what_is_on_keeps_an_environment_open(desk: Desk) -> None:
    desk.flag("bill", name="default")
    desk.told("POST", f"{A}/environments/development/off", status=409)
    desk.told("DELETE", f"{P}/environments/development", status=409)
    desk.told("POST", f"{FEATURES}/bill/environments/development/off")
    desk.told("DELETE", f"{P}/environments/development")
    desk.told("POST", f"{FEATURES}/bill/environments/development/on", status=409)
    assert [e["name"] for e in desk.told("GET", f"{FEATURES}/bill")["environments"]] == ["production"]
    desk.told("POST", f"{P}/environments", {"environment": "development"})
    desk.told("POST", f"{A}/environments/development/off", status=204)
    desk.told("POST", f"{FEATURES}/bill/environments/development/on", status=409)
    desk.told("POST", f"{A}/environments/development/on", status=204)
    desk.told("POST", f"{FEATURES}/bill/environments/development/on")
    desk.told("PUT", f"{A}/environments/sort-order", {"production": 0, "development": 9})
    assert [e["name"] for e in desk.told("GET", f"{A}/environments")["environments"]] == ["production", "development"]
    desk.told("PUT", f"{A}/environments/sort-order", {"mars": 1}, 404)
    assert desk.told("POST", f"{A}/projects", {"name": "East Grid"}, 201)["id"] == "east-grid"


def test_tokens__expiry_and_projects(desk: Desk) -> None:
    body = {"tokenName": "t", "type": "backend", "environment": "development"}
    made = desk.told("POST", f"{P}/api-tokens", body, 201)
    assert made["projects"] == ["default"]
    desk.told("POST", f"{P}/api-tokens", {"tokenName": "t", "type": "admin"}, 400)
    wide = desk.told("POST", f"{A}/api-tokens", body, 201)
    assert [t["id"] for t in desk.told("GET", f"{P}/api-tokens")["tokens"]] == [made["id"]]
    desk.told("DELETE", f"{P}/api-tokens/{wide['secret']}", status=404)
    later = (now() + timedelta(days=1)).isoformat()
    desk.told("PUT", f"{A}/api-tokens/{made['secret']}", {"expiresAt": later})
    desk.told("PUT", f"{A}/api-tokens/{made['secret']}", {"expiresAt": "soon"}, 400)
    (shown,) = desk.told("GET", f"{P}/api-tokens")["tokens"]
    assert shown["expiresAt"][:16] == later[:16]
    desk.told("DELETE", f"{P}/api-tokens/{made['secret']}")


def test_life__clone_complete_archive_and_forget(desk: Desk) -> None:
    desk.flag("bill", name="flexibleRollout", parameters={"rollout": "5"})
    copy = desk.told("POST", f"{FEATURES}/bill/clone", {"name": "copy"}, 201)
    state = {e["name"]: e for e in copy["environments"]}["development"]
    assert not state["enabled"] and state["strategies"][0]["parameters"]["groupId"] == "copy"
    desk.told("POST", f"{FEATURES}/bill/clone", {"name": "Copy"}, 409)
    desk.told("POST", f"{FEATURES}/bill/lifecycle/complete", {"status": "kept", "statusValue": "甲"})
    stages = desk.told("GET", f"{FEATURES}/bill/lifecycle")
    assert (stages[-1]["stage"], stages[-1]["statusValue"]) == ("completed", "甲")
    desk.told("POST", f"{FEATURES}/bill/lifecycle/uncomplete")
    assert len(desk.told("GET", f"{FEATURES}/bill/lifecycle")) == 1
    desk.told("POST", f"{FEATURES}/copy/dependencies", {"feature": "bill"})
    checked = desk.told("POST", f"{P}/archive/validate", {"features": ["bill"]})
    assert checked["parentsWithChildFeatures"] == ["bill"]
    desk.told("POST", f"{P}/archive", {"features": ["bill"]}, 409)
    desk.told("POST", f"{P}/archive", {"features": ["bill", "copy"]}, 202)
    desk.told("POST", f"{P}/revive", {"features": ["copy"]}, 400)  # what it depends on is gone
    desk.told("POST", f"{P}/delete", {"features": ["bill"]})
    desk.told("GET", f"{FEATURES}/bill", status=404)
    desk.told("POST", FEATURES, {"name": "bill"}, 409)
    desk.told("DELETE", f"{A}/archive/copy")
    assert desk.told("GET", f"{A}/archive/features")["features"] == []
    desk.flag("other")
    desk.told("POST", f"{P}/stale", {"features": ["other"], "stale": True}, 202)
    assert desk.told("GET", f"{A}/events/other")["events"][0]["type"] == "feature-stale-on"


def test_search__features_and_events__are_found_by_their_filters(desk: Desk) -> None:
    for name in ("bill-one", "bill-two", "water"):
        desk.flag(name, name="default")
    desk.told("POST", f"{A}/features/water/tags", {"type": "simple", "value": "水"}, 201)
    desk.told("POST", f"{FEATURES}/bill-two/environments/development/off")

    def names(query: str) -> list[str]:
        found = desk.told("GET", f"{A}/search/features?sortBy=name&sortOrder=asc&{query}")
        return [f["name"] for f in found["features"]]

    assert names("query=bill") == ["bill-one", "bill-two"]
    assert names("tag=INCLUDE:simple:水") == ["water"]
    assert names("project=IS_NOT:default") == []
    assert names("status[]=development:disabled") == ["bill-two"]
    assert names("limit=1&offset=1") == ["bill-two"]
    desk.told("GET", f"{A}/search/features?type=nonsense", status=400)
    found = desk.told("GET", f"{A}/search/events?feature=IS:bill-two&type=IS:feature-environment-disabled")
    assert found["total"] == 1
    assert desk.told("POST", f"{A}/events/search", {"feature": "water", "limit": 1})["totalEvents"] == 4
    assert desk.told("GET", f"{A}/events?project=default&limit=2&offset=1")["events"][0]["project"] == "default"
    assert desk.told("GET", f"{A}/search/events?from=IS:2999-01-01")["total"] == 0
    desk.told("GET", f"{A}/search/events?from=IS:soon", status=400)


def test_exchange__export_validate_import(desk: Desk) -> None:
    desk.flag("bill", name="flexibleRollout", parameters={"rollout": "5"})
    data = desk.told("POST", f"{A}/features-batch/export", {"environment": "development", "features": ["bill"]})
    assert [s["parameters"]["rollout"] for s in data["featureStrategies"]] == ["5"]
    sent = {"project": "default", "environment": "production", "data": data}
    assert desk.told("POST", f"{A}/features-batch/validate", sent)["errors"] == []
    desk.told("POST", f"{A}/features-batch/import", sent)
    assert desk.told("GET", f"{FEATURES}/bill/environments/production")["enabled"] is True
    data["features"][0]["links"] = [{"url": "https://example.org"}]
    answer = desk.told("POST", f"{A}/features-batch/import", sent, 400)
    assert answer["details"] == [{"message": "features.0.links: is not known here, and would be lost"}]
    for asked, count in (({"tag": "none"}, 0), ({"project": "default"}, 1), ({"features": []}, 0)):
        found = desk.told("POST", f"{A}/features-batch/export", {"environment": "development"} | asked)
        assert len(found["features"]) == count


def test_playground__says_which_strategy_lets_somebody_in(desk: Desk) -> None:
    web = {"contextName": "channel", "operator": "IN", "values": ["网"]}
    segment = desk.told("POST", f"{A}/segments", {"name": "web", "constraints": [web]}, 201)
    desk.flag("bill", name="default", segments=[segment["id"]])
    desk.told("POST", f"{FEATURES}/bill/environments/development/strategies",
              {"name": "userWithId", "parameters": {"userIds": "7"}})
    desk.told("POST", f"{FEATURES}/bill/environments/development/strategies", {"name": "theirs"})

    def played(**context: Any) -> Any:
        body = {"environment": "development", "projects": "*", "context": {"appName": "a", **context}}
        (found,) = desk.told("POST", f"{A}/playground", body)["features"]
        return found["isEnabled"], [s["result"]["enabled"] for s in found["strategies"]["data"]], found

    assert played(userId="1")[:2] == (False, [False, False, "unknown"])
    assert played(userId="7")[:2] == (True, [False, True, "unknown"])
    assert played(channel="网")[:2] == (True, [True, False, "unknown"])
    assert played(properties={"channel": "网"})[2]["strategies"]["data"][0]["segments"][0]["result"] is True
    body = {"environments": ["development", "production"], "context": {"appName": "a", "userId": "6,7"}}
    (found,) = desk.told("POST", f"{A}/playground/advanced", body)["features"]
    assert [r["isEnabled"] for r in found["environments"]["development"]] == [False, True]
    assert [r["isEnabled"] for r in found["environments"]["production"]] == [False, False]
    many = {"environments": ["development"], "context": {str(n): "a,b,c" for n in range(40)}}
    desk.told("POST", f"{A}/playground/advanced", many, 400)


BODIES: list[Any] = [
    {}, [], "x", 1, None, DEEP, {"name": DEEP}, {"name": "a b"}, {"name": ".."}, {"name": "a/b"}, {"name": 10**300},
    {"features": DEEP}, {"features": ["..", "a b", "\u202e"]}, {"features": [1]}, {"environment": DEEP},
    {"environment": "..", "data": {"features": DEEP}}, {"environment": "production", "data": {"featureStrategies": 1}},
    {"environment": "production", "data": {"version": 2, "features": [{"name": "x", "enabled": DEEP}]}},
    {"environment": "production", "data": {"version": 2, "features": [{"name": "x", "enabled": True, "strategies": [
        {"name": "unknown", "segments": [10**30], "sortOrder": 10**30, "parameters": {"rollout": "٣"}}]}]}},
    {"environment": "production", "context": {"userId": DEEP, "properties": {str(n): n for n in range(1000)}}},
    {"environment": "production", "context": {"properties": DEEP}}, {"environment": "mars", "context": {}},
    {"environments": ["production", 1], "context": {}}, {"environments": ["production"], "context": {"a": 10**300}},
    {"type": "simple", "value": "\u202e 𝔘"}, {"type": DEEP, "value": ""}, {"addedTags": DEEP}, {"production": 10**30},
    {"name": "x", "type": "test", "sortOrder": 10**30}, {"name": "x", "sortOrder": -(10**30)}, {"value": 10**300},
    {"name": "x", "legalValues": [{"value": DEEP}]}, {"tokenName": "t", "type": "backend", "environment": DEEP},
    {"expiresAt": 10**300}, {"expiresAt": "0000-00-00"}, {"status": "kept", "statusValue": "x" * 1000},
    {"feature": "..", "variants": DEEP}, {"limit": 10**300, "offset": -1}, {"stale": "maybe", "features": ["bill"]},
    [{"id": "x", "sortOrder": 10**30}], [{"op": "add", "path": "/x/y", "value": DEEP}],
    [{"name": "v", "weight": 1e308}],
]
VALUES = ("bill", "..", "a b", "名", "%00", "x" * 300, "99999999999999999999999", "production")


def test_admin__anything_anywhere__is_never_a_500(desk: Desk) -> None:
    desk.flag("bill", name="default")
    for turn, rule in enumerate(desk.client.application.url_map.iter_rules()):
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"} if rule.rule.startswith("/api/admin") else ():
            # Every body somewhere, and every route with a quarter of them.
            bodies = BODIES[turn % 4::4] if method in ("POST", "PUT", "PATCH") else [None] * len(VALUES)
            for place, body in enumerate(bodies):
                path = rule.rule.replace("<int:number>", ("1", "9" * 25)[place % 2]).replace("<project>", "default")
                for n, name in enumerate(sorted(rule.arguments - {"number", "project"})):
                    value = VALUES[(place // 2 + n) % len(VALUES)] if place % 2 else VALUES[-1 if name == "environment"
                                                                                            else 0]
                    path = path.replace(f"<path:{name}>", value).replace(f"<{name}>", value)
                answer = desk.ask(method, path, body)
                assert answer.status_code < 500, (method, path, body, answer.get_data(as_text=True))


def test_client_features__asked_by_tag__are_those_with_any_of_them(desk: Desk) -> None:
    for name in ("tagged", "other", "bare"):
        desk.flag(name)
    desk.told("POST", f"{A}/features/tagged/tags", {"type": "simple", "value": "hall"}, 201)
    desk.told("POST", f"{A}/features/other/tags", {"type": "simple", "value": "counter"}, 201)
    wanted = {"tokenName": "sdk", "type": "backend", "environment": "development", "projects": ["*"]}
    secret = desk.told("POST", f"{A}/api-tokens", wanted, 201)["secret"]

    def served(query: str) -> set[str]:
        answer = desk.client.get(f"/api/client/features?{query}", headers={"Authorization": secret})
        return {f["name"] for f in answer.get_json()["features"]}

    assert served("tag=simple:hall") == {"tagged"}
    assert served("tag=simple:hall&tag=simple:counter") == {"tagged", "other"}
    assert served("tag=simple:nothing") == set()
    assert {"tagged", "other", "bare"} <= served("")
