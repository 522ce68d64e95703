"""Whom the request under way is for, and what came of it."""

import json
from dataclasses import dataclass

from flask import Request, g, has_request_context
from werkzeug.exceptions import BadRequest

from eastwind_sdk import rules
from eastwind_sdk.errors import Malformed, OutsideRequest

MOST_OUTCOMES = 20


@dataclass(frozen=True, slots=True)
class Customer:
    """The customer of this request: account number, arm (treatment or pilot), channel, language (en or zh)."""

    account: str
    arm: str
    channel: str
    language: str


def customer() -> Customer:
    """Whom this request is for. `OutsideRequest` when there is none."""
    if not has_request_context() or "eastwind_customer" not in g:
        raise OutsideRequest("customer() needs a customer's request under way")
    found: Customer = g.eastwind_customer
    return found


def outcome(name: str, value: float = 1) -> None:
    """Says that something happened to this customer: it goes to the platform with the answer.

    The same name again in one request replaces the value. `Malformed` for a name that cannot be a metric, a
    value that is not finite, or a 21st name.
    """
    customer()
    outcomes: dict[str, float] = g.eastwind_outcomes
    outcomes[rules.metric(name)] = rules.value(value)
    if len(outcomes) > MOST_OUTCOMES:
        del outcomes[name]
        raise Malformed(f"outcome {name!r}: at most {MOST_OUTCOMES} different outcomes in one request")


def enter(request: Request) -> Customer:
    """Reads the platform's headers into this request; 400 when they are not as agreed."""
    head = request.headers
    try:
        account = rules.unit(head.get("X-Eastwind-Customer", ""))
        channel = rules.unit(head.get("X-Eastwind-Channel", "web"))
    except Malformed as problem:
        raise BadRequest(f"X-Eastwind headers: {problem}") from None
    arm = head.get("X-Eastwind-Arm", "")
    if arm not in rules.ARMS:
        raise BadRequest(f"X-Eastwind-Arm: one of {', '.join(rules.ARMS)}")
    language = head.get("X-Eastwind-Language", "en")
    g.eastwind_outcomes = {}
    g.eastwind_customer = Customer(account, arm, channel, language if language in rules.LANGUAGES else "en")
    return customer()


def outcomes_header() -> str | None:
    """The outcomes of this request as JSON, or None when there are none."""
    outcomes: dict[str, float] = g.get("eastwind_outcomes", {})
    return json.dumps(outcomes, separators=(",", ":")) if outcomes else None
