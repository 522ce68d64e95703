"""What backend SDKs poll: scope, segments, ETags, reports."""

import gzip
import json
import time

import pytest
import requests

from eastwind.db import Database
from eastwind.flags import Constraint, Feature, FeatureEnvironment, Project, Segment, Strategy
from tests.protocol.conftest import BACKEND, FRONTEND, TESTER, Server, until
from tests.protocol.wire_app import app_over, wire_over

SPEC = {"Unleash-Client-Spec": "5.2.0"}


def poll(server: Server, token: str = BACKEND, query: str = "", **headers: str) -> requests.Response:
    return server.call("GET", f"/api/client/features{query}", token=token, headers=SPEC | headers)


def test_features__polled_again__are_304_and_empty(server: Server) -> None:
    server.flag("etag")
    first = poll(server)
    assert first.json()["version"] == 2
    etag = first.headers["ETag"]
    assert etag == first.json()["meta"]["etag"]
    for shown in (etag, f"W/{etag}"):
        again = poll(server, **{"If-None-Match": shown})
        assert (again.status_code, again.content) == (304, b"")
    server.switch("etag", False)
    assert poll(server, **{"If-None-Match": etag}).status_code == 200


def test_features__asked_in_gzip__are_the_same(server: Server) -> None:
    server.flag("zipped")
    plain = poll(server, **{"Accept-Encoding": "identity"})
    with requests.get(f"{server.url}/api/client/features", stream=True, timeout=5,
                      headers=SPEC | {"Authorization": f"bearer {BACKEND}", "Accept-Encoding": "gzip"}) as zipped:
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(zipped.raw.read(decode_content=False)) == plain.content


def test_features__feature__has_the_shape_that_sdks_read(server: Server) -> None:
    server.flag("shape", rollout=25)
    (found,) = [f for f in poll(server).json()["features"] if f["name"] == "shape"]
    (strategy,) = found["strategies"]
    assert strategy == {"name": "flexibleRollout", "constraints": [], "variants": [],
                        "parameters": {"rollout": "25", "stickiness": "userId", "groupId": "shape"}}
    single = server.call("GET", "/api/client/features/shape", token=BACKEND, headers=SPEC)
    assert single.json() == found
    assert server.call("GET", "/api/client/features/no-such", token=BACKEND).status_code == 404


def test_features__token_with_projects__overrides_the_query(server: Server) -> None:
    server.flags.add_project(Project(id="other", name="Other"), TESTER)
    server.flags.create(Feature(name="of-other", project="other"), TESTER)
    server.flag("of-default")
    server.people.issue_token("backend", "development", ("other",), "narrow", TESTER, secret="narrow-secret")

    def names(token: str, query: str = "") -> set[str]:
        return {f["name"] for f in poll(server, token, query).json()["features"]}

    until(lambda: "of-other" in names(BACKEND))
    assert names("narrow-secret") == names("narrow-secret", "?project=default") == {"of-other"}
    assert names(BACKEND, "?project=other") == {"of-other"}
    assert names(BACKEND, "?namePrefix=of-def") == {"of-default"}
    assert poll(server, "narrow-secret").headers["ETag"] != poll(server).headers["ETag"]


def test_segments__old_and_new_sdk__inline_and_apart(server: Server) -> None:
    web = Constraint(context_name="channel", operator="IN", values=("web",))
    made = server.flags.add_segment(Segment(name="web", constraints=(web,)), TESTER)
    server.flags.create(Feature(name="by-segment"), TESTER)
    server.flags.set_state("by-segment", FeatureEnvironment(
        environment="development", enabled=True, strategies=(Strategy(name="default", segments=(made.id,)),)), TESTER)
    until(lambda: made.id in {s["id"] for s in poll(server).json()["segments"]})
    old = server.call("GET", "/api/client/features", token=BACKEND, headers={"Unleash-Client-Spec": "4.1.9"}).json()
    (found,) = [f for f in old["features"] if f["name"] == "by-segment"]
    assert "segments" not in old
    assert [c["contextName"] for c in found["strategies"][0]["constraints"]] == ["channel"]
    assert poll(server, **{"Unleash-Client-Spec": "new"}).status_code == 400


@pytest.mark.parametrize(("token", "status"), [
    ("", 401), ("*:development.no-such-secret", 401), (FRONTEND, 403), ("*:*.admin-secret", 403), ("user:abc", 403)])
def test_features__without_a_backend_token__says_so(server: Server, token: str, status: int) -> None:
    answer = poll(server, token)
    assert answer.status_code == status
    assert list(answer.json()) == ["message"]


def test_token__revoked__is_refused_within_a_second_or_so(server: Server) -> None:
    token, secret = server.people.issue_token("backend", "development", ("*",), "short", TESTER)
    assert poll(server, secret).status_code == 200
    server.people.revoke_token(token.id, TESTER)
    until(lambda: poll(server, secret).status_code == 401, 3)


def test_reports__as_sdks_send_them__are_202(server: Server) -> None:
    toggles = {"x": {"yes": 1, "no": 0, "variants": {}}}
    bucket = {"start": "2026-11-24T00:00:00Z", "stop": 1795478400, "toggles": toggles}
    for path, body in (
        ("register", {"appName": "a", "instanceId": "i", "strategies": ["default"], "started": 1, "interval": 15}),
        ("metrics", {"appName": "a", "instanceId": "i", "bucket": bucket}),
        ("metrics", {"appName": "a", "bucket": None, "impactMetrics": [{"name": "n", "type": "counter"}]}),
        ("metrics", {"appName": "a", "instanceId": "i", "bucket": bucket | {"start": "9999-12-31T23:59:59-12:00"}}),
        ("metrics", {"appName": "a", "instanceId": "i", "bucket": bucket | {"start": "0001-01-01T00:00:00+12:00"}}),
        ("metrics/bulk", {"applications": [{"appName": "a", "instanceId": "i"}], "metrics": []}),
    ):
        answer = server.call("POST", f"/api/client/{path}", body, token=BACKEND)
        assert (answer.status_code, answer.content) == (202, b""), path
    zipped = gzip.compress(json.dumps({"appName": "a", "bucket": None}).encode())
    answer = requests.post(f"{server.url}/api/client/metrics", zipped, timeout=5, headers={
        "Authorization": BACKEND, "Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert answer.status_code == 202


def test_delta__asked_with_the_last_revision__gets_what_came_after(server: Server) -> None:
    server.flag("delta")
    first = server.call("GET", "/api/client/delta", token=BACKEND)
    assert [e["type"] for e in first.json()["events"]] == ["hydration"]

    def since(etag: str) -> requests.Response:
        return server.call("GET", "/api/client/delta", token=BACKEND, headers={"If-None-Match": etag})

    assert since(first.headers["ETag"]).status_code == 304
    server.switch("delta", False)
    (event,) = since(first.headers["ETag"]).json()["events"]
    assert (event["type"], event["feature"]["enabled"]) == ("feature-updated", False)
    assert since('"1"').json()["events"][0]["type"] == "hydration"


def test_edge__validate__names_the_good_tokens_only(server: Server) -> None:
    answer = requests.post(f"{server.url}/edge/validate", json={"tokens": [BACKEND, "no-such"]}, timeout=5)
    assert answer.json() == {"tokens": [
        {"token": BACKEND, "type": "client", "projects": ["*"], "environment": "development"}]}


def test_health__asked__tells_of_the_storage(server: Server) -> None:
    found = requests.get(f"{server.url}/health", timeout=5).json()
    assert found["health"] == "GOOD"
    assert found["storage"]["sound"] is True


def test_features__database_away__are_served_as_last_seen(sqlite_db: Database) -> None:
    wire = wire_over(sqlite_db)
    wire.flags.ensure_defaults()
    wire.people.issue_token("backend", "development", ("*",), "backend", TESTER, secret=BACKEND)
    asker = app_over(wire).test_client()

    def status(token: str) -> int:
        return asker.get("/api/client/features", headers={"Authorization": token}).status_code

    assert status(BACKEND) == 200
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE token RENAME TO elsewhere")
    time.sleep(1.1)  # longer than a look-up is believed
    assert status(BACKEND) == 200  # an SDK that hears 401 would stop asking for ever
    assert status("never-seen") == 503
    wire.publisher.stop()
    wire.arrivals.stop()


def test_features__plain_and_with_a_query__are_answered_alike(server: Server) -> None:
    """The layer in front of Flask and the view behind it."""
    server.flag("alike")
    plain, behind = poll(server), poll(server, query="?")
    asked = poll(server, query="?x=1")
    assert plain.content == behind.content == asked.content
    for name in ("ETag", "Content-Type", "Vary"):
        assert plain.headers[name] == asked.headers[name]
    for query in ("", "?x=1"):
        same = poll(server, query=query, **{"If-None-Match": plain.headers["ETag"]})
        assert (same.status_code, same.content, same.headers.get("ETag")) == (304, b"", None)
