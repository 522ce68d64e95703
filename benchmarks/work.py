"""What the servers are asked: the flags they hold, and the calls that SDKs make most."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from benchmarks.servers import ADMIN, CLIENT, FRONTEND, Server

_FEATURES = "/api/admin/projects/default/features"
_CONDITIONS = [{"contextName": "userId", "operator": "NOT_IN", "values": ["11", "12", "13"]},
               {"contextName": "channel", "operator": "IN", "values": ["web", "wechat"]}]
_HOUR = {"start": "2026-11-24T00:00:00.000Z", "stop": "2026-11-24T00:01:00.000Z"}


@dataclass
class Call:
    """One call: where, and wrk's script that makes it."""

    name: str
    url: str
    script: str
    headers: Mapping[str, str] = field(default_factory=dict)


def name_of(number: int) -> str:
    """The flag of this number."""
    return f"load-{number:05d}"


def make_flags(server: Server, count: int) -> None:
    """Flags that are on for half of the customers of two channels, over the admin API, which both servers have."""
    with requests.Session() as session:
        session.headers["Authorization"] = ADMIN
        for number in range(count):
            name = name_of(number)
            # A kill switch is never held back by readiness.
            _post(session, f"{server.url}{_FEATURES}", {"name": name, "type": "kill-switch"})
            place = f"{server.url}{_FEATURES}/{name}/environments/development"
            _post(session, f"{place}/strategies", {
                "name": "flexibleRollout", "constraints": _CONDITIONS,
                "parameters": {"rollout": "50", "stickiness": "default", "groupId": name}})
            _post(session, f"{place}/on", None)


def calls(server: Server) -> list[Call]:
    """Full poll, 304, metrics, register, and a browser that is a different person each time."""
    features, client = f"{server.url}/api/client/features", {"Authorization": CLIENT}
    etag = requests.get(features, headers=client, timeout=20).headers["ETag"]
    toggles = {name_of(n): {"yes": 5, "no": 3, "variants": {}} for n in range(20)}
    counted = {"appName": "bench", "instanceId": "i", "bucket": _HOUR | {"toggles": toggles}}
    started = {"appName": "bench", "instanceId": "i", "sdkVersion": "bench:1", "strategies": ["default"],
               "started": _HOUR["start"], "interval": 15000}
    return [
        Call("full poll", features, _headers(client), client),
        Call("304", features, _headers(held := client | {"If-None-Match": etag}), held),
        Call("metrics", f"{server.url}/api/client/metrics", _headers(client) + _body(counted)),
        Call("register", f"{server.url}/api/client/register", _headers(client) + _body(started)),
        Call("frontend", f"{server.url}/api/frontend", _headers({"Authorization": FRONTEND}) + _ANYBODY),
    ]


_ANYBODY = """
request = function()
  return wrk.format("GET", "/api/frontend?userId=" .. math.random(10000000) .. "&properties%5Bchannel%5D=web")
end
"""


def _post(session: requests.Session, url: str, body: Any) -> None:
    answer = session.post(url, json=body, timeout=30, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 201, 202), (url, answer.status_code, answer.text[:300])


def _headers(headers: Mapping[str, str]) -> str:
    return "".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}\n" for k, v in headers.items())


def _body(body: Any) -> str:
    return (f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = {json.dumps(json.dumps(body))}\n")
