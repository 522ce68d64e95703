"""What browsers hear: what is on for them, and not a word about the rest."""

import requests

from tests.protocol.conftest import BACKEND, FRONTEND, Server


def test_frontend__by_query_and_by_body__hears_the_same(server: Server) -> None:
    server.flag("for-web", on=False)
    place = "/api/admin/projects/default/features/for-web/environments/development"
    (strategy,) = server.call("GET", f"{place}/strategies").json()
    web = {"contextName": "channel", "operator": "IN", "values": ["网"]}
    more = [{"op": "add", "path": "/constraints/-", "value": web}]
    server.call("PATCH", f"{place}/strategies/{strategy['id']}", more)
    blue = {"name": "blue", "weight": 1, "payload": {"type": "string", "value": "蓝"}}
    server.call("PUT", f"{place}/variants", [blue])
    server.switch("for-web", True)

    def toggle(answer: requests.Response) -> dict[str, object] | None:
        assert answer.status_code == 200
        return next((t for t in answer.json()["toggles"] if t["name"] == "for-web"), None)

    for query in ("userId=1&channel=网", "userId=1&properties[channel]=网"):
        found = toggle(server.call("GET", f"/api/frontend?{query}", token=FRONTEND))
        assert found == {"name": "for-web", "enabled": True, "impressionData": False, "variant": {
            "name": "blue", "enabled": True, "payload": {"type": "string", "value": "蓝"}, "feature_enabled": True}}
    body = {"context": {"userId": "1", "properties": {"channel": "网"}}}
    assert toggle(server.call("POST", "/api/frontend", body, token=FRONTEND)) == found
    hidden = server.call("GET", "/api/frontend?userId=1&channel=sms", token=FRONTEND)
    assert toggle(hidden) is None and "for-web" not in hidden.text


def test_frontend__asked_again__is_304(server: Server) -> None:
    first = server.call("GET", "/api/frontend?userId=1&sessionId=1", token=FRONTEND)
    again = server.call("GET", "/api/frontend?userId=1&sessionId=1", token=FRONTEND,
                        headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_frontend__browser__may_ask_from_anywhere(server: Server) -> None:
    preflight = requests.options(f"{server.url}/api/frontend", headers={"Origin": "https://a.example"}, timeout=5)
    assert preflight.status_code == 204
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = server.call("GET", "/api/frontend", token="", headers={"Origin": "https://a.example"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, "*")


def test_frontend__other_routes__answer_as_the_protocol_says(server: Server) -> None:
    report = {"appName": "web", "bucket": None}
    assert server.call("POST", "/api/frontend/client/metrics", report, token=FRONTEND).status_code == 200
    assert server.call("POST", "/api/frontend/client/register", report, token=FRONTEND).status_code == 200
    assert server.call("GET", "/api/frontend/client/features", token=FRONTEND).status_code == 405
    assert server.call("GET", "/api/frontend", token=BACKEND).status_code == 403
    for context in ([], {"properties": []}, "x"):
        assert server.call("POST", "/api/frontend", {"context": context}, token=FRONTEND).status_code == 400
    for query in ("currentTime=never", "userId=" + "x" * 4000, "properties[]=1&properties=2&=3"):
        assert server.call("GET", f"/api/frontend?{query}", token=FRONTEND).status_code == 200
