"""The layer in front of Flask and the views behind it answer alike: a header leaves a request to Flask."""

from typing import Any

import pytest
import requests

from tests.protocol.conftest import BACKEND, FRONTEND, Server

TO_FLASK = {"Content-Encoding": "identity"}
IGNORED = {"Date", "date", "content-length", "Content-Length"}


def both(server: Server, path: str, token: str, body: Any) -> tuple[requests.Response, requests.Response]:
    thin = server.call("POST", path, body, token=token)
    return thin, server.call("POST", path, body, token=token, headers=TO_FLASK)


@pytest.mark.parametrize(("path", "token", "body"), [
    ("/api/client/register", BACKEND, {"appName": "a", "instanceId": "i", "strategies": []}),
    ("/api/client/metrics", BACKEND, {"appName": "a", "instanceId": "i", "bucket": None}),
    ("/api/client/metrics", BACKEND, {"appName": ""}),
    ("/api/client/metrics", FRONTEND, {"appName": "a"}),
    ("/api/client/metrics", "no-such-token", {"appName": "a"}),
    ("/api/frontend/client/metrics", FRONTEND, {"appName": "a", "bucket": None}),
    ("/api/frontend", FRONTEND, {"context": {"userId": "1", "sessionId": "s", "properties": {"渠道": "微信"}}}),
    ("/api/frontend", FRONTEND, {"context": {"userId": 7, "sessionId": "s", "currentTime": "never"}}),
    ("/api/frontend", FRONTEND, {"context": []}),
    ("/api/frontend", FRONTEND, []),
    ("/api/frontend", BACKEND, {})])
def test_hot_calls__in_both_layers__are_answered_alike(server: Server, path: str, token: str, body: Any) -> None:
    thin, flask = both(server, path, token, body)
    assert thin.status_code == flask.status_code
    if thin.status_code < 300:
        assert thin.content == flask.content
        assert {k: v for k, v in thin.headers.items() if k not in IGNORED} == {
            k: v for k, v in flask.headers.items() if k not in IGNORED}


def test_frontend__odd_queries__are_read_as_werkzeug_reads_them(server: Server) -> None:
    for query in ("userId=%E5%AE%A2&properties%5Ba%5D=1", "userId=a+b", "userId=%ff", "userId=1&userId=2", "&&=&a",
                  "properties%5B%5D=1", "userId=1;sessionId=2", "properties[properties]=1", "userId=%00"):
        for path in ("/api/frontend", "/api/frontend?"):
            answer = requests.get(f"{server.url}{path.removesuffix('?')}?sessionId=s&{query}", timeout=5,
                                  headers={"Authorization": FRONTEND})
            assert answer.status_code == 200, (query, answer.text)


def test_frontend__a_thousand_properties__are_answered(server: Server) -> None:
    server.flag("for-many")
    properties = {f"p{n}": "x" * 50 for n in range(1000)}
    answer = server.call("POST", "/api/frontend", {"context": {"userId": "1", "properties": properties}},
                         token=FRONTEND)
    assert "for-many" in {t["name"] for t in answer.json()["toggles"]}
