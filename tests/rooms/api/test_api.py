"""Every endpoint as it is meant, over real rooms on both engines."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from .conftest import TEAM, Desk

SLUG = "/experiments/outage-lookup"


def at() -> str:
    return datetime.now(UTC).isoformat()


def test_experiments__list_and_one__say_what_was_declared(desk: Desk) -> None:
    every = desk.ask("GET", "/experiments").get_json()["experiments"]
    assert [e["slug"] for e in every] == ["bill-explainer", "outage-lookup"]
    one = desk.ask("GET", SLUG).get_json()
    assert one == every[1] and one["name"] == "Outage look-up" and one["sunset"] == "2027-05-31" and one["runs"] == {}
    assert one["metrics"][0] == {"name": "hotline_call", "role": "primary", "kind": "proportion", "better": "lower",
                                 "hard_limit": None, "alpha": None, "margin": 0.0}
    assert desk.ask("GET", SLUG, headers={"Accept-Language": "zh-CN"}).get_json()["name"] == "停电查询"


def test_token__after_bearer_or_as_it_is__is_the_same(desk_on_sqlite: Desk) -> None:
    secret = desk_on_sqlite.tokens["admin"]
    for header in (secret, f"Bearer {secret}", f"bearer {secret}"):
        assert desk_on_sqlite.ask("GET", SLUG, token=header).status_code == 200


def test_open__nothing_shown_ready__is_refused_with_what_to_do(desk: Desk) -> None:
    answer = desk.ask("POST", f"{SLUG}/open", {"environment": "production", "share": 1})
    body = answer.get_json()
    assert answer.status_code == 409 and answer.mimetype == "application/problem+json"
    assert body["type"] == "urn:eastwind:refused" and body["problems"][0]["field"] == "share"
    assert "Run a readiness review for 1 %" in body["problems"][0]["reason"]
    assert desk.ask("GET", SLUG).get_json()["runs"] == {}
    assert desk.house.audit.history("outage-lookup")[0].act == "experiment-open-refused"


def test_review__asked__can_be_looked_at(desk: Desk) -> None:
    answer = desk.ask("POST", f"{SLUG}/reviews", {"environment": "production", "share": "0.1"})
    review = answer.get_json()
    assert answer.status_code == 202 and review["state"] == "queued" and review["share"] == 0.1
    again = desk.ask("POST", f"{SLUG}/reviews", {"environment": "production", "share": 0.1}).get_json()
    assert again["id"] == review["id"]  # text and number mean the same share
    assert desk.ask("GET", f"{SLUG}/reviews/{review['id']}").get_json() == review
    assert desk.ask("GET", f"/experiments/bill-explainer/reviews/{review['id']}").status_code == 404
    assert desk.ask("GET", f"{SLUG}/reviews/{2**70}").status_code == 404


def test_open__shown_ready__opens_up_to_there(desk: Desk) -> None:
    number = desk.shown_ready("outage-lookup", "1")
    seen = desk.ask("GET", f"{SLUG}/reviews/{number}").get_json()
    assert seen["state"] == "ready" and seen["evidence"]["p95_ms"] == 9 and "raw" not in seen["evidence"]
    opened = desk.ask("POST", f"{SLUG}/open", {"environment": "production", "share": "1"})
    run = opened.get_json()
    assert opened.status_code == 200 and run["is_open"] and run["share"] == 1 and run["opened_by"] == "token:admin"
    above = desk.ask("POST", f"{SLUG}/open", {"environment": "production", "share": "5"})
    assert above.status_code == 409 and "ready for 1 %, not for 5 %" in above.get_json()["problems"][0]["reason"]
    assert desk.ask("GET", SLUG).get_json()["runs"]["production"]["share"] == 1


def test_close__needs_nothing_and_can_be_repeated(desk: Desk) -> None:
    never = desk.ask("POST", f"{SLUG}/close", {"environment": "development"})
    assert never.status_code == 200 and never.get_json() == {"closed_now": False, "run": None}
    desk.ask("POST", f"{SLUG}/open", {"environment": "development", "share": 50, "pilots": ["0000000007"]})
    reason = "too\x00many\ncalls " + "!" * 5000
    closed = desk.ask("POST", f"{SLUG}/close", {"environment": "development", "reason": reason}).get_json()
    assert closed["closed_now"] and not closed["run"]["is_open"] and closed["run"]["pilots"] == ["0000000007"]
    assert closed["run"]["close_reason"].startswith("too many calls !!")
    again = desk.ask("POST", f"{SLUG}/close", {"environment": "development"}).get_json()
    assert again == {"closed_now": False, "run": closed["run"]}


def test_batches__repeated__count_once_and_show_in_the_report(desk: Desk) -> None:
    none = desk.ask("POST", f"{SLUG}/exposures", {"events": [{}]}, token="backend")
    assert none.status_code == 409 and none.get_json()["problems"][0]["field"] == "experiment"
    run = desk.ask("POST", f"{SLUG}/open", {"environment": "development", "share": 50}).get_json()["id"]
    shown = [{"id": f"e{n}", "unit": f"u{n}", "arm": "treatment" if n % 2 else "control", "at": at()}
             for n in range(100)]
    called = [{"id": f"o{n}", "unit": f"u{n}", "metric": "hotline_call", "value": int(n % 4 == 0), "at": at()}
              for n in range(100)]
    for _ in range(2):
        first = desk.ask("POST", f"{SLUG}/exposures", {"events": shown}, token="backend").get_json()
        then = desk.ask("POST", f"{SLUG}/outcomes", {"events": called}, token="backend").get_json()
        assert first["accepted"] + first["repeated"] == then["accepted"] + then["repeated"] == 100
    assert then == {"accepted": 0, "repeated": 100, "refused": []}
    report = desk.ask("GET", f"{SLUG}/report?environment=development").get_json()
    assert report["run"] == run and report["units"] == {"treatment": 50, "control": 50}
    primary = next(m for m in report["metrics"] if m["role"] == "primary")
    assert primary["treatment"] == {"units": 50, "value": 0.0} and primary["control"]["value"] == 0.5
    assert primary["difference"]["high"] < 0 and primary["verdict"] == "better" and "hotline_call" in report["answer"]


def test_batches__wrong_events__are_named_and_the_rest_counts(desk: Desk) -> None:
    desk.ask("POST", f"{SLUG}/open", {"environment": "development", "share": 50})
    good = {"id": "1", "unit": "u", "metric": "helped", "value": 0.5, "at": at()}
    events: list[Any] = [good, {**good, "id": "2", "value": "1", "colour": "red"}, "text", {**good, "at": "yesterday"}]
    answer = desk.ask("POST", f"{SLUG}/outcomes", {"events": events}, token="backend").get_json()
    assert answer["accepted"] == 1
    assert {(r["index"], r["field"]) for r in answer["refused"]} == {(1, "value"), (1, "colour"), (2, ""), (3, "at")}
    assert all(r["reason"] for r in answer["refused"])


def test_batches__admin_token__must_say_where(desk: Desk) -> None:
    desk.ask("POST", f"{SLUG}/open", {"environment": "development", "share": 50})
    batch = {"events": [{"unit": "u", "arm": "control", "at": at()}]}
    assert desk.ask("POST", f"{SLUG}/exposures", batch).get_json()["problems"][0]["field"] == "environment"
    answer = desk.ask("POST", f"{SLUG}/exposures?environment=development", batch)
    assert answer.get_json() == {"accepted": 1, "repeated": 0, "refused": []}
    elsewhere = desk.ask("POST", f"{SLUG}/exposures?environment=production", batch, token="backend")
    assert elsewhere.status_code == 403 and elsewhere.get_json()["problems"][0]["field"] == "environment"


def test_guards_and_arrivals__of_a_rolled_back_run__tell_it(desk: Desk) -> None:
    desk.ask("POST", f"{SLUG}/open", {"environment": "development", "share": 50})
    assert desk.ask("GET", f"{SLUG}/arrivals?environment=development").get_json()["closed"] is None
    events = [{"id": str(n), "unit": f"u{n}", "metric": "error", "value": 1, "at": at()} for n in range(9)]
    shown = [{"unit": e["unit"], "arm": "treatment", "at": e["at"]} for e in events]
    desk.ask("POST", f"{SLUG}/exposures", {"events": shown}, token="backend")
    desk.ask("POST", f"{SLUG}/outcomes", {"events": events}, token="backend")
    desk.house.guards.tick()
    told = desk.ask("GET", f"{SLUG}/guards?environment=development").get_json()
    assert told["breaches"][0]["metric"] == "error" and told["breaches"][0]["reason"]
    assert {g["metric"] for g in told["guards"]} >= {"error", "helped"} and told["last_looked_at"]
    run = desk.ask("GET", SLUG).get_json()["runs"]["development"]
    assert run["rolled_back"] and not run["is_open"]
    arrivals = desk.ask("GET", f"{SLUG}/arrivals?environment=development").get_json()
    assert arrivals == {"run": run["id"], "opened": [], "closed": []}


def test_audit__is_newest_first_and_paged(desk: Desk) -> None:
    desk.ask("POST", f"{SLUG}/close", {"environment": "development"})
    events = desk.ask("GET", "/audit?limit=3").get_json()["events"]
    assert [e["id"] for e in events] == sorted((e["id"] for e in events), reverse=True) and len(events) == 3
    older = desk.ask("GET", f"/audit?limit=3&before={events[-1]['id']}").get_json()["events"]
    assert older[0]["id"] == events[-1]["id"] - 1
    about = desk.ask("GET", "/audit?subject=outage-lookup").get_json()["events"]
    assert about and {e["subject"] for e in about} == {"outage-lookup"}
    assert desk.house.audit.verify() is None


def test_document__describes_every_route_and_needs_no_token(desk_on_sqlite: Desk) -> None:
    found = desk_on_sqlite.client.get("/api/v1/openapi.json").get_json()
    described = {(method.upper(), path) for path, item in found["paths"].items() for method in item}
    served = {(method, rule.rule.replace("<int:number>", "{number}").replace("<slug>", "{slug}"))
              for rule in desk_on_sqlite.client.application.url_map.iter_rules() if rule.endpoint.startswith("api.")
              for method in rule.methods or () if method in ("GET", "POST")}
    assert described == served - {("GET", "/api/v1/openapi.json")}
    references = set(_references(found))
    assert references and references <= {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [r for item in part for r in _references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [r for item in part.values() for r in _references(item)]


# -- bad input -------------------------------------------------------------------------------------------------------

OPEN = f"{SLUG}/open"
GOOD = {"environment": "development", "share": 1}


@pytest.mark.parametrize(("method", "path", "token", "status"), [
    ("GET", SLUG, "", 401), ("GET", SLUG, "Bearer ", 401), ("GET", SLUG, "*:*.unknown", 401),
    ("GET", SLUG, "停电", 401), ("GET", SLUG, "x" * 5000, 401), ("GET", SLUG, "expired", 401),
    ("GET", SLUG, "backend", 403), ("GET", SLUG, "frontend", 403), ("GET", "/audit", "backend", 403),
    ("POST", OPEN, "backend", 403), ("POST", f"{SLUG}/close", "backend", 403),
    ("POST", f"{SLUG}/exposures", "frontend", 403), ("POST", f"{SLUG}/outcomes", "elsewhere", 403),
])
def test_tokens__wrong__are_refused_by_name(desk_on_sqlite: Desk, method: str, path: str, token: str,
                                            status: int) -> None:
    body = {"events": [{}]} if token == "elsewhere" else GOOD
    header = desk_on_sqlite.tokens.get(token, token).encode().decode("latin-1")
    answer = desk_on_sqlite.ask(method, path, body if method == "POST" else None, token=header)
    assert answer.status_code == status and answer.mimetype == "application/problem+json"
    problem = answer.get_json()["problems"][0]
    assert problem["field"] == "Authorization" and problem["reason"]


@pytest.mark.parametrize(("body", "field"), [
    ({}, "environment"), ({**GOOD, "colour": 1}, "colour"), ({**GOOD, "share": None}, "share"),
    ({**GOOD, "share": True}, "share"), ({**GOOD, "share": "1 %"}, "share"), ({**GOOD, "share": "1e1"}, "share"),
    ({**GOOD, "share": "NaN"}, "share"), ({**GOOD, "share": -1}, "share"), ({**GOOD, "share": 100.1}, "share"),
    ({**GOOD, "share": 0}, "share"), ({**GOOD, "share": 0.15}, "share"), ({**GOOD, "share": 1e-300}, "share"),
    ({**GOOD, "share": 10**400}, "share"), ({**GOOD, "share": [1]}, "share"), ({**GOOD, "share": "٣"}, "share"),
    ({**GOOD, "environment": 7}, "environment"), ({**GOOD, "environment": "a\x00"}, "environment"),
    ({**GOOD, "environment": ""}, "environment"), ({**GOOD, "pilots": "0000000001"}, "pilots"),
    ({**GOOD, "pilots": [1]}, "pilots.0"), ({**GOOD, "pilots": ["9999999999"]}, "pilots"),
    ({**GOOD, "pilots": ["a\x00"]}, "pilots.0"), ({**GOOD, "pilots": ["1"] * 1001}, "pilots"),
])
def test_open__wrong_values__are_named(desk_on_sqlite: Desk, body: dict[str, Any], field: str) -> None:
    answer = desk_on_sqlite.ask("POST", OPEN, body)
    assert answer.status_code == 400, answer.get_json()
    assert field in [p["field"] for p in answer.get_json()["problems"]], answer.get_json()
    assert desk_on_sqlite.ask("GET", SLUG).get_json()["runs"] == {}


def test_open__several_wrong_values__are_all_named(desk_on_sqlite: Desk) -> None:
    answer = desk_on_sqlite.ask("POST", OPEN, {"share": "much", "pilots": 3, "color": 1})
    assert {p["field"] for p in answer.get_json()["problems"]} == {"environment", "share", "pilots", "color"}


RAW = [
    (b"", 400, "body"), (b"{", 400, "body"), (b"[]", 400, "body"), (b'"x"', 400, "body"), (b"\xff\xfe{}", 400, "body"),
    (b'{"environment": "development", "share": NaN}', 400, "body"),
    (b'{"environment": "development", "share": -Infinity}', 400, "body"),
    (b'{"environment": "development", "share": 1e999}', 400, "body"),
    (b'{"environment": "development", "share": ' + b"1" * 5000 + b"}", 400, "body"),
    (b'{"environment": "development", "share": 1, "share": 2}', 400, "share"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "body"), (b"[" * 60_000, 400, "body"),
    (b'{"environment": "\\ud800", "share": 1}', 400, "environment"),
    (b'{"environment": "development", "share": 1, "x": "' + b"x" * 70_000 + b'"}', 413, "body"),
]


@pytest.mark.parametrize(("raw", "status", "field"), RAW, ids=range(len(RAW)))
def test_open__not_the_json_it_should_be__is_told(desk_on_sqlite: Desk, raw: bytes, status: int, field: str) -> None:
    answer = desk_on_sqlite.ask("POST", OPEN, data=raw, content_type="application/json")
    assert answer.status_code == status and answer.mimetype == "application/problem+json", answer.text
    assert answer.get_json()["problems"][0]["field"] == field, answer.get_json()
    assert desk_on_sqlite.ask("GET", SLUG).get_json()["runs"] == {}


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_open__wrong_content_type__is_told(desk_on_sqlite: Desk, kind: str) -> None:
    answer = desk_on_sqlite.ask("POST", OPEN, data=json.dumps(GOOD), content_type=kind)
    assert answer.status_code == 415 and answer.get_json()["problems"][0]["field"] == "Content-Type"


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/experiments/no-such", None, 404, "experiment"), ("GET", "/experiments/a%00b", None, 404, "experiment"),
    ("GET", "/experiments/UPPER", None, 404, "experiment"),
    ("POST", "/experiments/no-such/open", GOOD, 404, "experiment"),
    ("POST", "/experiments/no-such/close", {"environment": "development"}, 404, "experiment"),
    ("POST", OPEN, {**GOOD, "environment": "mars"}, 404, "environment"),
    ("POST", f"{SLUG}/reviews", {**GOOD, "environment": "mars"}, 404, "environment"),
    ("POST", f"{SLUG}/reviews", {**GOOD, "share": 0}, 400, "share"),
    ("POST", f"{SLUG}/close", {"environment": "mars"}, 404, "environment"),
    ("GET", f"{SLUG}/reviews/1", None, 404, "review"), ("GET", f"{SLUG}/report", None, 400, "environment"),
    ("GET", f"{SLUG}/report?environment=production", None, 404, "environment"),
    ("GET", f"{SLUG}/guards?environment=production&colour=red", None, 400, "colour"),
    ("GET", f"{SLUG}/arrivals?environment=a&environment=b", None, 400, "environment"),
    ("GET", f"{SLUG}?x=1", None, 400, "x"), ("GET", "/audit?limit=0", None, 400, "limit"),
    ("GET", "/audit?limit=x", None, 400, "limit"), ("GET", f"/audit?before={2**70}", None, 400, "before"),
    ("GET", "/audit?subject=%00", None, 400, "subject"),
    ("POST", f"{SLUG}/exposures?environment=development", {"events": []}, 400, "events"),
    ("POST", f"{SLUG}/outcomes?environment=development", {"events": [{}] * 1001}, 400, "events"),
    ("POST", f"{SLUG}/outcomes?environment=development", {"events": {}}, 400, "events"),
]


def test_anything__wrong__has_its_status_field_and_reason(desk: Desk) -> None:
    for method, path, body, status, field in WRONG:
        answer = desk.ask(method, path, body)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), (path, answer.text)
        problem = answer.get_json()["problems"][0]
        assert problem["field"] == field and problem["reason"], (path, problem)


def test_paths__unknown_or_not_for_this__are_problems_too(desk_on_sqlite: Desk) -> None:
    client: FlaskClient = desk_on_sqlite.client
    assert client.get("/api/v1/nothing").mimetype == "application/problem+json"
    wrong = client.delete("/api/v1/experiments")
    assert wrong.status_code == 405 and wrong.mimetype == "application/problem+json"


def test_open__revoked_token__is_refused_at_once(desk_on_sqlite: Desk) -> None:
    desk = desk_on_sqlite
    token, secret = desk.house.people.issue_token("admin", "*", ("*",), "short", TEAM)
    assert desk.ask("GET", SLUG, token=secret).status_code == 200
    desk.house.people.revoke_token(token.id, TEAM)
    assert desk.ask("GET", SLUG, token=secret).status_code == 401
