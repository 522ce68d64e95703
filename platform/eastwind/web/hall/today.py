"""Today's way of each service: what every customer has now, and what is left when an experiment is lost."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import render_template
from markupsafe import Markup

from eastwind.web.hall.backoffice import Backoffice
from eastwind.web.hall.services import HOTLINE


@dataclass(frozen=True, slots=True)
class Shown:
    """A piece of a page. `failed`: the customer did not get what they came for."""

    html: Markup
    failed: bool = False


class TodaysWay:
    """Shows today's way. Never raises; without the back office it says whom to call."""

    def __init__(self, backoffice: Backoffice) -> None:
        self._backoffice = backoffice
        self._ways: dict[str, Callable[[str], Shown]] = {"outages": self._outages, "bill": self._bill}

    def show(self, service: str, account: str) -> Shown:
        """Today's way of `service` for a customer."""
        return self._ways[service](account)

    def _outages(self, _: str) -> Shown:
        notices = self._backoffice.notices()
        return _away() if notices is None else _piece("outages", notices=notices)

    def _bill(self, account: str) -> Shown:
        bill = self._backoffice.newest_bill(account)
        return _away() if bill is None else _piece("bill", bill=bill)


def _piece(name: str, **values: object) -> Shown:
    return Shown(Markup(render_template(f"hall/today_{name}.html", hotline=HOTLINE, **values)))  # noqa: S704 (escaped)


def _away() -> Shown:
    return Shown(_piece("away").html, failed=True)
