"""What SDKs count is kept, and told again: to admins by the hour, to Prometheus now."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.protocol.conftest import BACKEND, FRONTEND, Server

STARTED = datetime.now(UTC).isoformat()


def report(app: str, flag: str, **more: Any) -> dict[str, Any]:
    toggles = {flag: {"yes": 2, "no": 1, "variants": {"蓝": 2}}}
    return {"appName": app, "instanceId": "i", "bucket": {"start": STARTED, "stop": STARTED, "toggles": toggles}} | more


def figures(server: Server, path: str = "prometheus", **headers: str) -> requests.Response:
    return requests.get(f"{server.url}/internal-backstage/{path}", headers=headers, timeout=5)


def test_metrics__of_backends_browsers_and_edge__are_kept_by_the_hour(server: Server) -> None:
    assert server.call("POST", "/api/client/metrics", report("kept", "kept-flag"), token=BACKEND).status_code == 202
    web = server.call("POST", "/api/frontend/client/metrics", report("kept", "kept-flag"), token=FRONTEND)
    assert (web.status_code, web.headers["Access-Control-Allow-Origin"]) == (200, "*")
    here = {"featureName": "kept-flag", "appName": "behind-edge", "environment": "development", "timestamp": STARTED,
            "yes": 5, "no": 0, "variants": {"蓝": 5}}
    bulk = {"applications": [], "metrics": [here, here | {"environment": "production"}]}
    assert server.call("POST", "/api/client/metrics/bulk", bulk, token=BACKEND).status_code == 202
    raw = server.call("GET", "/api/admin/client-metrics/features/kept-flag/raw").json()
    assert {(d["appName"], d["environment"], d["yes"], d["no"], d["variants"]["蓝"]) for d in raw["data"]} == {
        ("kept", "development", 4, 2, 4), ("behind-edge", "development", 5, 0, 5)}
    shown = server.call("GET", "/api/admin/client-metrics/features/kept-flag").json()
    assert shown["seenApplications"] == ["behind-edge", "kept"]
    assert [(u["environment"], u["yes"]) for u in shown["lastHourUsage"]] == [("development", 9)]
    assert server.call("GET", "/api/admin/client-metrics/features/kept-flag", token=BACKEND).status_code == 403
    assert server.call("GET", "/api/admin/client-metrics/features/no-such/raw?hoursBack=x").json()["data"] == []


def test_applications__registered_or_counting__are_told_with_instances_and_flags(server: Server) -> None:
    body = {"appName": "told", "instanceId": "t1", "sdkVersion": "python:6", "strategies": ["default", "ours"],
            "started": STARTED, "interval": 15000}
    answer = server.call("POST", "/api/client/register", body, token=BACKEND)
    assert (answer.status_code, answer.headers["X-Unleash-Version"]) == (202, "8.1.0")
    server.call("POST", "/api/client/metrics", report("told", "kept-flag"), token=BACKEND)
    listed = server.call("GET", "/api/admin/metrics/applications").json()
    assert listed["total"] == len(listed["applications"]) >= 1
    shown = server.call("GET", "/api/admin/metrics/applications/told").json()
    assert (shown["strategies"], [t["name"] for t in shown["seenToggles"]]) == (["default", "ours"], ["kept-flag"])
    assert {i["instanceId"] for i in shown["instances"]} == {"t1", "i"}
    overview = server.call("GET", "/api/admin/metrics/applications/told/overview").json()
    (place,) = overview["environments"]
    assert (overview["featureCount"], place["name"], place["instanceCount"]) == (1, "development", 2)
    assert server.call("GET", "/api/admin/metrics/applications/no-such").status_code == 404


def test_impact_metrics__accepted__are_told_to_prometheus_at_once(server: Server) -> None:
    metrics = [
        {"name": "calls", "help": "Calls\nmade.", "type": "counter",
         "samples": [{"labels": {"appName": "x", "lookup": 'on "a"'}, "value": 2}]},
        {"name": "calls", "type": "counter", "samples": [{"labels": {"lookup": 'on "a"'}, "value": 3}]},
        {"name": "wait-seconds", "help": "", "type": "histogram", "samples": [
            {"count": 2, "sum": 0.3, "buckets": [{"le": 0.1, "count": 1}, {"le": "+Inf", "count": 2}]}]}]
    body = {"appName": "impact", "bucket": None, "impactMetrics": metrics}
    assert server.call("POST", "/api/client/metrics", body, token=BACKEND).status_code == 202
    lines = figures(server, "impact/metrics").text.splitlines()
    place = 'app="impact",environment="development"'
    for line in ("# HELP calls Calls\\nmade.", "# TYPE calls counter", "# TYPE wait_seconds histogram",
                 'calls{lookup="on \\"a\\"",' + place + "} 5",
                 "wait_seconds_bucket{" + place + ',le="0.1"} 1', "wait_seconds_bucket{" + place + ',le="+Inf"} 2',
                 "wait_seconds_sum{" + place + "} 0.3", "wait_seconds_count{" + place + "} 2"):
        assert line in lines, line


@pytest.mark.parametrize("metrics", [
    [{"name": "", "type": "counter"}], [{"name": "x", "type": "gauges"}], {}, [1], "x",
    [{"name": "x", "type": "counter", "samples": [{"value": "NaN"}]}],
    [{"name": "x", "type": "counter", "samples": [{"value": 1e308}]}],
    [{"name": "x", "type": "gauge", "samples": [{"labels": {"a": {"b": 1}}, "value": 1}]}],
    [{"name": "x", "type": "histogram", "samples": [{"count": -1, "buckets": [{"le": "∞", "count": 1}]}]}]])
def test_impact_metrics__malformed__are_400(server: Server, metrics: Any) -> None:
    body = {"appName": "impact", "bucket": None, "impactMetrics": metrics}
    answer = server.call("POST", "/api/client/metrics", body, token=BACKEND)
    assert answer.status_code == 400, answer.text
    assert answer.json()["name"] == "BadDataError"


@pytest.mark.parametrize("bad", [
    "{", "[]", '"x"', "null", "", '{"appName": ""}', '{"appName": "a\\u0000b", "bucket": null}',
    '{"appName": "\\ud800", "bucket": null}', "[" * 5000, '{"appName": ' + '{"a":' * 5000])
def test_reports__malformed__are_400_in_both_layers(server: Server, bad: str) -> None:
    for path in ("metrics", "register", "metrics/bulk"):
        answer = requests.post(f"{server.url}/api/client/{path}", bad, timeout=5, headers={
            "Authorization": BACKEND, "Content-Type": "application/json"})
        assert answer.status_code == 400, (path, answer.status_code, answer.text)


@pytest.mark.parametrize("bucket", [
    '{"start": "x"}', "[]", '{"start": 1, "stop": 2, "toggles": {"f": {"yes": -1}}}',
    '{"start": 1, "stop": 2, "toggles": {"f": {"yes": 1e400}}}', '{"start": 1, "stop": 2, "toggles": {"f": 1}}'])
def test_metrics__with_a_malformed_bucket__are_400(server: Server, bucket: str) -> None:
    answer = requests.post(f"{server.url}/api/client/metrics", '{"appName": "a", "bucket": ' + bucket + "}", timeout=5,
                           headers={"Authorization": BACKEND, "Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_reports__of_another_type_or_too_large__are_415_and_413(server: Server) -> None:
    for kind, body, status in (("text/plain", b"{}", 415), ("application/json", b" " * 2_000_000, 413)):
        answer = requests.post(f"{server.url}/api/client/metrics", body, timeout=5, headers={
            "Authorization": BACKEND, "Content-Type": kind})
        assert answer.status_code == status


def test_prometheus__asked_from_here__tells_of_this_server(server: Server) -> None:
    server.flag("figures")
    server.call("GET", "/api/client/features", token=BACKEND)
    answer = figures(server)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert int(found['eastwind_revision{environment="development"}']) > 0
    assert int(found['eastwind_flags{environment="development"}']) >= 1
    assert int(found['eastwind_polls_total{status="200"}']) >= 1
    assert found['eastwind_flags_quarantined{environment="development"}'] == "0"
    assert found["eastwind_streams_most"] == "40" and found["eastwind_database_up"] == "1"
    assert int(found["eastwind_metrics_accepted_total"]) >= 0 and found["eastwind_metrics_shed_total"] == "0"


def test_prometheus__asked_for_somebody_else__needs_an_admin_token(server: Server) -> None:
    far = {"X-Forwarded-For": "192.0.2.1"}
    assert figures(server, **far).status_code == 401
    assert figures(server, **far, Authorization=BACKEND).status_code == 403
    assert figures(server, **far, Authorization="*:*.admin-secret").status_code == 200


def test_metrics__killed_after_a_second__were_written(server: Server) -> None:
    server.call("POST", "/api/client/metrics", report("late", "late-flag"), token=BACKEND)
    time.sleep(1.6)
    with server.database.read() as tx:
        (count,) = tx.exec_driver_sql("SELECT count(*) FROM usage_hour WHERE feature = 'late-flag'").one()
    assert count == 1
