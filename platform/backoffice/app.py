"""The JSON API of the back office. Bad input is 400, the unknown 404; either way `{"error": why}`."""

import hmac
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from backoffice.build import build
from backoffice.model import LOCAL, Customer, GridPath, Outage
from backoffice.pricing import Bill, bill
from backoffice.store import Store

MAX_BODY = 4096
_ACCOUNT = re.compile(r"[0-9]{10}")

Json = dict[str, Any]
Clock = Callable[[], datetime]
Kind = TypeVar("Kind", str, int)


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def create_app(store: Store, clock: Clock = now) -> Flask:
    """Times in answers are ISO 8601 in the utility's own zone; money is yuan as a number with two decimals."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.register_error_handler(HTTPException, _explain)
    app.add_url_rule("/health", view_func=_health)
    app.register_blueprint(_customers(store))
    app.register_blueprint(_outages(store, clock))
    return app


def _health() -> Json:
    return {"status": "ok", "build": build()}


def _customers(store: Store) -> Blueprint:
    room = Blueprint("customers", __name__, url_prefix="/customers/<account>")

    @room.get("")
    def customer(account: str) -> Json:
        found = asdict(_customer(store, account))
        return {name: value for name, value in found.items() if name != "pin"}

    @room.get("/grid")
    def grid(account: str) -> Json:
        return {"account": account, **_grid_json(_path(store, account))}

    @room.get("/bills")
    def bills(account: str) -> Json:
        found = _customer(store, account)
        months = [_bill_json(bill(found.tariff, reading)) for reading in store.readings(account)]
        return {"account": account, "tariff": found.tariff, "currency": "CNY", "bills": months}

    @room.post("/verify")
    def verify(account: str) -> Json | tuple[Json, int]:
        pin = _field(_body(), "pin", str)
        if hmac.compare_digest(pin.encode(), _customer(store, account).pin.encode()):
            return {"verified": True}
        return {"verified": False, "error": "the PIN does not fit this account"}, 403

    return room


def _outages(store: Store, clock: Clock) -> Blueprint:
    room = Blueprint("outages", __name__)

    @room.get("/customers/<account>/outages")
    def on_the_path_of(account: str) -> Json:
        path, at = _path(store, account), clock()
        found = [_outage_json(outage, at) for outage in store.outages_on(path, at)]
        return {"account": account, **_grid_json(path), "outages": found}

    @room.get("/notices")
    def notices() -> Json:
        at = clock()
        return {
            "notices": [
                {"id": outage.id, "text": outage.notice(name, at), "text_zh": outage.notice_zh(name, at)}
                for outage, name in store.outages(at)
            ]
        }

    @room.post("/outages")
    def start() -> tuple[Json, int]:
        feeder, cause, minutes = _reported(_body())
        if not store.has_feeder(feeder):
            abort(404, "feeder: there is no such feeder")
        at = clock()
        return _outage_json(store.start_outage(feeder, cause, minutes, at), at), 201

    return room


def _reported(body: Json) -> tuple[str, str, int]:
    feeder, cause = _field(body, "feeder", str), _field(body, "cause", str)
    minutes = _field(body, "expected_minutes", int)
    if not 1 <= minutes <= 10_080:
        abort(400, "expected_minutes: from 1 to 10080 (a week)")
    if not 1 <= len(cause) <= 200:
        abort(400, "cause: from 1 to 200 characters")
    return feeder, cause, minutes


def _explain(problem: HTTPException) -> tuple[Response, int]:
    return jsonify(error=problem.description or problem.name), problem.code or 500


def _checked(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        abort(400, "account: ten digits")
    return account


def _customer(store: Store, account: str) -> Customer:
    return store.customer(_checked(account)) or abort(404, "account: there is no such customer")


def _path(store: Store, account: str) -> GridPath:
    return store.grid(_checked(account)) or abort(404, "account: there is no such customer")


def _body() -> Json:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        abort(400, "body: a JSON object, sent as application/json")
    return body


def _field(body: Json, name: str, kind: type[Kind]) -> Kind:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        abort(400, f"{name}: {'a text' if kind is str else 'a whole number'} is needed")
    return value


def _grid_json(path: GridPath) -> Json:
    return {
        "transformer": {"id": path.transformer, "name": path.transformer_name, "kva": path.kva},
        "feeder": {"id": path.feeder, "name": path.feeder_name},
        "station": {"id": path.station, "name": path.station_name, "bureau": path.bureau},
    }


def _outage_json(outage: Outage, at: datetime) -> Json:
    return {
        "id": outage.id,
        "kind": outage.kind,
        "feeder": outage.feeder,
        "transformer": outage.transformer,
        "current": outage.is_current(at),
        "cause": outage.cause,
        "cause_zh": outage.cause_zh,
        "starts_at": outage.starts_at.astimezone(LOCAL).isoformat(),
        "expected_restoration": outage.expected_restoration.astimezone(LOCAL).isoformat(),
    }


def _bill_json(priced: Bill) -> Json:
    lines = [
        {"period": line.period, "kwh": line.kwh, "price": float(line.price), "amount": float(line.amount)}
        for line in priced.lines
    ]
    return {
        "month": priced.month,
        "days": priced.days,
        "kwh": priced.registers,
        "total_kwh": priced.kwh,
        "lines": lines,
        "amount": float(priced.amount),
    }
