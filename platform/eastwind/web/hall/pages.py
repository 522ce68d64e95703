"""The pages of the hall. A service page is the experiment's way or today's way; today's is always one tap away."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from eastwind.experiments import Arms, Contacts, Experiments
from eastwind.grid import Grid
from eastwind.host.front import Front
from eastwind.host.model import Answer
from eastwind.settings import Settings, secret_key
from eastwind.web import language
from eastwind.web.hall import sign_in
from eastwind.web.hall.backoffice import Backoffice
from eastwind.web.hall.patience import Patience
from eastwind.web.hall.record import Recorder
from eastwind.web.hall.services import CHANNEL, HOTLINE, SERVICES, Reception, Visit
from eastwind.web.hall.today import Shown, TodaysWay

log = logging.getLogger(__name__)
_LEAVE_SECONDS = 1.0
Page = str | Response | tuple[str, int]
Way = Literal["new", "today", "today-chosen"]


@dataclass(frozen=True)
class _Parts:
    reception: Reception
    today: TodaysWay
    recorder: Recorder
    front: Front
    experiments: Experiments
    patience: Patience


def blueprint(*, experiments: Experiments, arms: Arms, contacts: Contacts, front: Front, grid: Grid,
              settings: Settings, backoffice: Backoffice) -> Blueprint:
    """The hall under `/hall`. `app.extensions["hall"]` is its `Recorder`, whose `lost` counts lost contacts."""
    environment = settings.hall_environment
    parts = _Parts(Reception(experiments, arms, grid, environment), TodaysWay(backoffice),
                   Recorder(contacts, environment), front, experiments, Patience("hall-leave", workers=2))
    room = Blueprint("hall", __name__, url_prefix="/hall")
    room.record_once(lambda state: state.app.extensions.update(hall=parts.recorder))
    room.context_processor(lambda: {"hotline": HOTLINE, "services": SERVICES, "account": sign_in.signed_in()})
    sign_in.add(room, backoffice, secret_key(settings))
    _add_pages(room, parts)
    _add_answers(room, parts)
    room.register_error_handler(HTTPException, _told)
    room.register_error_handler(Exception, _never_broken)
    return room


def _add_pages(room: Blueprint, parts: _Parts) -> None:
    @room.get("/")
    @_for_customers
    def home(_account: str) -> Page:
        return render_template("hall/home.html")

    @room.get("/hotline")
    def hotline() -> Page:
        return render_template("hall/hotline.html")

    @room.post("/language")
    def choose_language() -> Page:
        language.remember(request.form.get("language", ""))
        return _back(request.form.get("service", ""))

    @room.get("/<service>")
    @_for_customers
    def service(account: str, service: str) -> Page:
        visit = parts.reception.receive(_known(service), account)
        way, shown = _serve(parts, service, account, visit)
        return render_template("hall/service.html", service=service, way=way, shown=shown.html)


def _add_answers(room: Blueprint, parts: _Parts) -> None:
    """What customers tell us. Each is answered by a redirect, so that going back in the browser tells it once."""

    @room.post("/<service>/helped")
    @_for_customers
    def helped(account: str, service: str) -> Page:
        answer = request.form.get("answer")
        if answer not in ("yes", "no"):
            abort(400)
        parts.recorder.feedback(parts.reception.receive(_known(service), account), "helped", float(answer == "yes"))
        return redirect(url_for("hall.thanks", service=service, helped=answer), 303)

    @room.get("/<service>/thanks")
    @_for_customers
    def thanks(_account: str, service: str) -> Page:
        return render_template("hall/thanks.html", service=_known(service), helped=request.args.get("helped") != "no")

    @room.post("/<service>/call")
    @_for_customers
    def call(account: str, service: str) -> Page:
        parts.recorder.feedback(parts.reception.receive(_known(service), account), "hotline_call", 1.0)
        return redirect(url_for("hall.hotline"), 303)

    @room.post("/leave")
    @_for_customers
    def leave(account: str) -> Page:
        service = _known(request.form.get("service", ""))
        visit = parts.reception.receive(service, account)
        if visit.experiment is not None:
            slug = visit.experiment.slug
            parts.patience.wait(_LEAVE_SECONDS, lambda: parts.experiments.leave(slug, account))
        flash(_("You have left the trial. From now on you get the service as it is today."))
        return redirect(url_for("hall.service", service=service), 303)


def _serve(parts: _Parts, service: str, account: str, visit: Visit) -> tuple[Way, Shown]:
    """What the page shows, and which way that is. Every contact is recorded, in both arms, except a look at today's way
    from the new one: that customer was counted when they came.
    """
    if not visit.arm.sees_experiment:
        began = time.monotonic()
        shown = parts.today.show(service, account)
        elapsed = (time.monotonic() - began) * 1000
        parts.recorder.contact(visit, failed=shown.failed, elapsed_ms=elapsed, outcomes={})
        return "today", shown
    if request.args.get("way") == "today":
        return "today-chosen", parts.today.show(service, account)
    return _serve_new(parts, service, account, visit)


def _serve_new(parts: _Parts, service: str, account: str, visit: Visit) -> tuple[Way, Shown]:
    assert visit.experiment is not None
    answer = parts.front.call(visit.experiment.slug, "GET", "/", customer=account, arm=visit.arm.name,
                              channel=CHANNEL, language=language.language())
    good = isinstance(answer, Answer) and bool(answer.html.strip())
    outcomes = answer.outcomes if good and isinstance(answer, Answer) else {}
    parts.recorder.contact(visit, failed=not good, elapsed_ms=answer.elapsed_ms, outcomes=outcomes)
    if good and isinstance(answer, Answer):
        # Not escaped: it is the experiment's own HTML, bounded by the front. It cannot run anything here (the policy
        # allows no script but our own files) or send a form elsewhere, and it comes after the way back in the page,
        # so that not even an unclosed tag can swallow that.
        return "new", Shown(Markup(answer.html))  # noqa: S704
    log.warning("today's way instead of %s: %s", visit.experiment.slug, getattr(answer, "kind", "empty"))
    return "today", parts.today.show(service, account)


def _for_customers(page: Callable[..., Page]) -> Callable[..., Page]:
    """Only for customers who are signed in; `page` gets the account number first. Others are asked to sign in."""

    @wraps(page)
    def guarded(**values: str) -> Page:
        account = sign_in.signed_in()
        if account is None:
            return redirect(url_for("hall.sign_in", service=values.get("service")), 303)
        return page(account, **values)

    return guarded


def _known(service: str) -> str:
    return service if service in SERVICES else abort(404)


def _back(service: str) -> Response:
    return redirect(url_for("hall.service", service=service) if service in SERVICES else url_for("hall.home"), 303)


def _told(error: HTTPException) -> Page:
    """A customer's own mistake keeps its status; nothing here is worth a 5xx to them."""
    status = error.code or 500
    return render_template("hall/plain.html", not_found=status == 404), status if status < 500 else 200


def _never_broken(error: Exception) -> Page:
    log.exception("the hall shows its plain page at %s", request.path, exc_info=error)
    return render_template("hall/plain.html", not_found=False)
