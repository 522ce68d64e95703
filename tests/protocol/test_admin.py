"""What scripts do over the admin API: a flag's whole life, and the right answer to everything that is wrong."""

import gzip
import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from flask.testing import FlaskClient

from eastwind.audit import Event
from eastwind.db import Connection, Database
from eastwind.errors import Problem, Refused, msg
from eastwind.flags import Environment, Flags, OpenGate
from tests.protocol.conftest import ADMIN, BACKEND, FEATURES, FRONTEND, TESTER, Server
from tests.protocol.wire_app import app_over, wire_over

DEVELOPMENT = f"{FEATURES}/life/environments/development"


def test_admin__a_flag__lives_its_whole_life(server: Server) -> None:
    def ask(method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = server.call(method, path, body)
        assert answer.status_code == status, (method, path, answer.text)
        return answer.json() if answer.content else None

    ask("POST", "/api/admin/features/validate", {"name": "life"})
    made = ask("POST", FEATURES, {"name": "life", "type": "experiment", "description": "生"}, 201)
    assert (made["type"], made["description"], made["archived"]) == ("experiment", "生", False)
    ask("POST", "/api/admin/features/validate", {"name": "Life"}, 409)  # as making it would be
    ask("POST", FEATURES, {"name": "LIFE"}, 409)
    assert ask("PATCH", f"{FEATURES}/life", [{"op": "replace", "path": "/stale", "value": True}])["stale"] is True
    assert ask("PUT", f"{FEATURES}/life", {"description": "new"})["description"] == "new"
    first = ask("POST", f"{DEVELOPMENT}/strategies", {"name": "flexibleRollout", "parameters": {"rollout": 10}})
    assert first["parameters"] == {"rollout": "10", "stickiness": "default", "groupId": "life"}
    assert ask("POST", f"{DEVELOPMENT}/strategies", {"name": "flexibleRollout", "parameters": {"rollout": 10}}) == first
    second = ask("POST", f"{DEVELOPMENT}/strategies", {"name": "userWithId", "parameters": {"userIds": "1,2"}})
    place = f"{DEVELOPMENT}/strategies/{first['id']}"
    twenty = [{"op": "add", "path": "/parameters/rollout", "value": "20"}]
    assert ask("PATCH", place, twenty)["parameters"]["rollout"] == "20"
    ask("PUT", place, {"name": "flexibleRollout", "parameters": {"rollout": 30}})
    ask("POST", f"{DEVELOPMENT}/strategies/set-sort-order",
        [{"id": first["id"], "sortOrder": 2}, {"id": second["id"], "sortOrder": 1}])
    assert [s["id"] for s in ask("GET", f"{DEVELOPMENT}/strategies")] == [second["id"], first["id"]]
    variants = ask("PUT", f"{DEVELOPMENT}/variants", [{"name": n, "weight": 0} for n in "abc"])["variants"]
    assert [v["weight"] for v in variants] == [334, 333, 333]
    assert ask("POST", f"{DEVELOPMENT}/on")["enabled"] is True
    assert ask("GET", DEVELOPMENT)["hasEnabledStrategies"] is True
    ask("DELETE", place)
    ask("DELETE", f"{DEVELOPMENT}/strategies/{second['id']}")
    assert ask("GET", DEVELOPMENT)["enabled"] is False  # no strategy would mean everybody
    ask("POST", FEATURES, {"name": "parent"}, 201)
    ask("POST", f"{FEATURES}/life/dependencies", {"feature": "parent"})
    ask("DELETE", f"{FEATURES}/parent", status=409)
    ask("DELETE", f"{FEATURES}/life/dependencies")
    ask("DELETE", f"{FEATURES}/life", status=202)
    assert "life" in {f["name"] for f in ask("GET", "/api/admin/archive/features/default")["features"]}
    assert "life" not in {f["name"] for f in ask("GET", FEATURES)["features"]}
    ask("POST", "/api/admin/archive/revive/life")
    assert ask("GET", f"{FEATURES}/life")["archived"] is False
    told = [e["type"] for e in ask("GET", "/api/admin/events/life")["events"]]
    assert told[0] == "feature-revived" and told[-1] == "feature-created"
    assert all(e["createdBy"] == "token:admin" for e in ask("GET", "/api/admin/events/life")["events"])


def test_admin__segment__is_made_changed_and_kept_while_in_use(server: Server) -> None:
    web = {"contextName": "channel", "operator": "IN", "values": ["web"]}
    made = server.call("POST", "/api/admin/segments", {"name": "web-people", "constraints": [web]})
    assert made.status_code == 201
    place = f"/api/admin/segments/{made.json()['id']}"
    server.call("POST", FEATURES, {"name": "uses-segment"})
    assert server.call("POST", f"{FEATURES}/uses-segment/environments/development/strategies",
                       {"name": "default", "segments": [made.json()["id"]]}).status_code == 200
    sms = {"name": "web-people", "constraints": [web | {"values": ["sms"]}]}
    assert server.call("PUT", place, sms).status_code == 204
    assert server.call("GET", place).json()["constraints"][0]["values"] == ["sms"]
    assert server.call("DELETE", place).status_code == 409
    assert server.call("POST", "/api/admin/segments", {"name": "others"}).status_code == 201
    assert server.call("PUT", place, {"name": "others"}).status_code == 409


def test_admin__token__is_shown_once_and_can_be_revoked(server: Server) -> None:
    body = {"tokenName": "new", "type": "client", "environment": "development", "projects": ["default"]}
    made = server.call("POST", "/api/admin/api-tokens", body)
    secret = made.json()["secret"]
    assert made.status_code == 201 and secret.startswith("default:development.")
    assert server.call("GET", "/api/client/features", token=secret).status_code == 200
    assert secret not in server.call("GET", "/api/admin/api-tokens").text
    assert server.call("DELETE", f"/api/admin/api-tokens/{secret}").status_code == 200
    assert server.call("POST", "/api/admin/api-tokens", body | {"environment": "mars"}).status_code == 400


def test_admin__world__can_be_looked_at_and_grown(server: Server) -> None:
    assert server.call("POST", "/api/admin/projects", {"id": "grid", "name": "Grid"}).status_code == 201
    assert server.call("POST", "/api/admin/environments", {"name": "staging", "type": "test"}).status_code == 201
    for path in ("projects", "projects/grid", "environments", "environments/staging", "feature-types", "ui-config",
                 "events", "segments"):
        assert server.call("GET", f"/api/admin/{path}").status_code == 200, path


def test_admin__bulk__turns_off_what_exists_even_beside_what_does_not(server: Server) -> None:
    server.flag("bulk")
    place = "/api/admin/projects/default/bulk_features/environments/development"
    assert server.call("POST", f"{place}/off", {"features": ["no-such", "bulk"]}).status_code == 404
    assert not server.flags.feature("bulk").at("development").enabled
    assert server.call("POST", f"{place}/on", {"features": ["bulk"]}).status_code == 200


class Closed(OpenGate):
    """A gate that lets nothing grow."""

    def check(self, tx: Connection, environment: Environment, feature: str, share: Fraction) -> None:
        raise Refused(Problem("share", msg("run a review of {feature} first", feature=feature)))

    def settle(self, tx: Connection, environment: Environment, feature: str, share: Fraction, event: Event,
               named: frozenset[str]) -> None:
        """Nothing is settled."""


@pytest.fixture
def client(sqlite_db: Database) -> Any:
    wire = wire_over(sqlite_db, max_body_kb=16)
    wire.flags.ensure_defaults()
    for kind, environment, secret in (("admin", "*", ADMIN), ("backend", "development", BACKEND),
                                      ("frontend", "development", FRONTEND)):
        wire.people.issue_token(kind, environment, ("*",), kind, TESTER, secret=secret)
    yield app_over(wire).test_client()
    wire.publisher.stop()
    wire.arrivals.stop()


def test_admin__gate_refuses__is_409_with_the_reason_and_nothing_changed(sqlite_db: Database) -> None:
    wire = wire_over(sqlite_db)
    held = replace(wire, flags=Flags(sqlite_db, Closed()))
    held.flags.ensure_defaults()
    held.people.issue_token("admin", "*", ("*",), "admin", TESTER, secret=ADMIN)
    asker = app_over(held).test_client()
    headers = {"Authorization": ADMIN}
    assert asker.post(FEATURES, json={"name": "held"}, headers=headers).status_code == 201
    for path in ("on", "on?shouldActivateDisabledStrategies=true"):
        answer = asker.post(f"{FEATURES}/held/environments/production/{path}", headers=headers)
        assert answer.status_code == 409
        assert answer.get_json()["details"] == [{"message": "share: run a review of held first"}]
    assert asker.post(f"{FEATURES}/held/environments/production/off", headers=headers).status_code == 200
    assert not held.flags.feature("held").at("production").enabled
    wire.publisher.stop()
    wire.arrivals.stop()


BAD: list[tuple[str, dict[str, Any], int]] = [
    ("NaN", {"data": '{"name": NaN}'}, 400), ("infinite", {"data": '{"name": 1e999}'}, 400),
    ("endless integer", {"data": '{"name": ' + "9" * 5000 + "}"}, 400),
    ("deep", {"data": "[" * 5000}, 400), ("deep and closed", {"data": "[" * 100 + "]" * 100}, 400),
    ("too large", {"data": '"' + "x" * 20_000 + '"'}, 413), ("zero character", {"data": '{"name": "a\\u0000"}'}, 400),
    ("half a character", {"data": '{"description": "\\ud800", "name": "x"}'}, 400), ("empty", {"data": ""}, 400),
    ("not UTF-8", {"data": b'{"name": "\xff\xfe"}'}, 400), ("a list", {"data": "[]"}, 400),
    ("wrong type", {"data": "name=x", "content_type": "text/plain"}, 415),
    ("no type", {"data": "{}", "content_type": ""}, 415),
    ("unknown packing", {"data": "{}", "headers": {"Content-Encoding": "br"}}, 415),
    ("not gzip", {"data": "{}", "headers": {"Content-Encoding": "gzip"}}, 400),
    *((f"name {name!r}", {"data": json.dumps({"name": name})}, 400)
      for name in ("", ".", "..", "a b", "a/b", "名", "a\n", "%2e%2e", "x" * 101, None, 1, ["a"], {})),
    ("wrong field", {"data": json.dumps({"name": "x", "type": "nonsense", "impressionData": "maybe"})}, 400),
]


@pytest.mark.parametrize(("case", "how", "status"), BAD, ids=[b[0] for b in BAD])
def test_admin__bad_body__is_refused_and_named(
        client: FlaskClient, case: str, how: dict[str, Any], status: int) -> None:
    headers = how.get("headers", {}) | {"Authorization": ADMIN}
    answer = client.post(FEATURES, **{"content_type": "application/json"} | how | {"headers": headers})
    assert answer.status_code == status, case
    assert set(answer.get_json()) == {"id", "name", "message", "details"}
    assert answer.get_json()["details"][0]["message"]


def test_admin__gzip_bomb__is_refused_without_being_unpacked(client: FlaskClient) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    assert len(bomb) < 16 * 1024
    answer = client.post(FEATURES, data=bomb, content_type="application/json",
                         headers={"Authorization": ADMIN, "Content-Encoding": "gzip"})
    assert answer.status_code == 413


BAD_STRATEGIES: list[Any] = [
    {"name": "flexibleRollout", "parameters": {"rollout": "0.5"}},
    {"name": "flexibleRollout", "parameters": {"rollout": 101}},
    {"name": "default", "segments": [99]}, {"name": "default", "variants": [{"name": "v", "weight": 1001}]}, {},
    *({"name": "default", "constraints": [{"contextName": "x"} | c]} for c in (
        {"operator": "NOT_IN", "values": []}, {"operator": "IN", "values": [], "inverted": True}, {"operator": "MAYBE"},
        {"operator": "REGEX", "value": "(a"}, {"operator": "REGEX", "value": "a" * 300},
        {"operator": "NUM_GT", "value": "5", "inverted": True}, {"operator": "NUM_GT", "value": "five"},
        {"operator": "SEMVER_EQ", "value": "1"}, {"operator": "DATE_AFTER", "value": "soon"},
        {"operator": "IN_CIDR", "values": ["300.0.0.0/8"]},
        {"operator": "SEMVER_GT", "value": "1.0.0", "inverted": True})),
]


def test_admin__strategy_that_would_fail_open_or_poison__is_refused(client: FlaskClient) -> None:
    headers = {"Authorization": ADMIN}
    client.post(FEATURES, json={"name": "strict"}, headers=headers)
    place = f"{FEATURES}/strict/environments/development/strategies"
    for strategy in BAD_STRATEGIES:
        assert client.post(place, json=strategy, headers=headers).status_code == 400, strategy
    for path, status in (("/x/environments/development/on", 404), ("/strict/environments/mars/on", 404),
                         ("/%00/environments/development/on", 404)):
        assert client.post(FEATURES + path, headers=headers).status_code == status
    assert client.post(f"{place}/set-sort-order", json=[{"id": "x"}], headers=headers).status_code == 400
    assert client.patch(f"{FEATURES}/strict", json=[{"op": "move"}], headers=headers).status_code == 400


@pytest.mark.parametrize(("token", "status"), [("", 401), ("unknown", 401), (BACKEND, 403), (FRONTEND, 403)])
def test_admin__without_an_admin_token__is_refused(client: FlaskClient, token: str, status: int) -> None:
    answer = client.post(FEATURES, json={"name": "x"}, headers={"Authorization": token})
    assert answer.status_code == status


def test_client__bad_reports__are_400(client: FlaskClient) -> None:
    for path, body in (("register", {}), ("register", {"appName": ""}), ("metrics", {"appName": "a", "bucket": {}}),
                       ("metrics", {"appName": "a", "bucket": {"start": "x", "stop": "y", "toggles": {}}}),
                       ("metrics", {"appName": "a", "bucket": {"start": 1e300, "stop": 1, "toggles": {}}}),
                       ("metrics", {"appName": "a", "bucket": {"start": 1, "stop": 1, "toggles": {"x": {"yes": -1}}}}),
                       ("metrics/bulk", {"applications": 1})):
        answer = client.post(f"/api/client/{path}", json=body, headers={"Authorization": BACKEND})
        assert answer.status_code == 400, (path, body)
