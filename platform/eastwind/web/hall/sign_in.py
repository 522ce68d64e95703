"""Who the customer is: account number and PIN, or a signed link from the utility's main hall.

Apart from the staff's sign-in: another key of the session, other routes, and no right to anything but one's own.
"""

import re

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from eastwind.web.hall.backoffice import Backoffice
from eastwind.web.hall.limit import Limit
from eastwind.web.hall.services import SERVICES

ENTER_SECONDS = 300
_KEY = "hall_account"
_ACCOUNT, _PIN = re.compile(r"[0-9]{10}"), re.compile(r"[0-9]{6}")


def enter_token(secret: str, account: str) -> str:
    """A token for `/hall/enter?token=…` that lets `account` in for five minutes. `secret` is the platform's key."""
    return _signer(secret).dumps(account)


def account_in(secret: str, token: str) -> str | None:
    """The account that a token names, if we signed it less than five minutes ago."""
    try:
        account = _signer(secret).loads(token, max_age=ENTER_SECONDS)
    except BadSignature:  # expired ones are bad too
        return None
    return account if isinstance(account, str) and _ACCOUNT.fullmatch(account) else None


def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="hall")


def signed_in() -> str | None:
    """The account number of the customer who is here."""
    account = session.get(_KEY)
    return account if isinstance(account, str) else None


def _let_in(account: str) -> AnyResponse:
    # What an earlier visitor to this browser left behind is not this customer's.
    for key in ("_flashes", "csrf_token"):
        session.pop(key, None)
    session[_KEY] = account
    service = request.args.get("service", "")
    return redirect(url_for("hall.service", service=service) if service in SERVICES else url_for("hall.home"), 303)


def add(room: Blueprint, backoffice: Backoffice, secret: str) -> None:
    """Put the routes of signing in and out onto `room`."""
    limit = Limit(times=5, seconds=60)

    @room.get("/sign-in")
    def sign_in() -> Response:
        return _form(200)

    @room.post("/sign-in")
    def sign_in_now() -> AnyResponse:
        account, pin = ("".join(request.form.get(name, "").split()) for name in ("account", "pin"))
        if not (_ACCOUNT.fullmatch(account) and _PIN.fullmatch(pin)):
            return _form(400, _("The account number has 10 digits, the PIN has 6."))
        keys = f"address:{request.remote_addr}", f"account:{account}"
        if not limit.take(*keys):
            return _form(429, _("Too many attempts. Please wait a minute."))
        verified = backoffice.verify(account, pin)
        if verified is not False:  # only wrong guesses count
            limit.give_back(*keys)
        if verified is None:
            return _form(200, _("We cannot check your PIN right now. Please try again soon, or call us."))
        return _let_in(account) if verified else _form(401, _("Account number and PIN do not fit."))

    @room.get("/enter")
    def enter() -> AnyResponse:
        account = account_in(secret, request.args.get("token", ""))
        return _let_in(account) if account else _form(401, _("This link is no longer valid. Please sign in."))

    @room.post("/sign-out")
    def sign_out() -> AnyResponse:
        session.pop(_KEY, None)
        return redirect(url_for("hall.sign_in"), 303)


def _form(status: int, problem: str = "") -> Response:
    service = request.args.get("service", "")
    answer = make_response(render_template("hall/sign_in.html", problem=problem,
                                           service=service if service in SERVICES else None), status)
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer
