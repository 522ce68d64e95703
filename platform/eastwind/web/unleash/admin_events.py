"""What happened, from the audit chain: the newest first."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from eastwind.audit import Event
from eastwind.errors import Invalid, Problem, msg
from eastwind.flags.model import Noun
from eastwind.flags.past import Wanted, look
from eastwind.validation import checked
from eastwind.web.unleash.admin_search import number_of
from eastwind.web.unleash.admin_shapes import moment
from eastwind.web.unleash.answers import answer
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_E = "/api/admin/events"
_MOST = 1000


class _Asked(Noun):
    type: str | None = None
    project: str | None = None
    feature: str | None = None
    environment: str | None = None
    created_by: str | None = None
    query: str | None = None
    limit: int | None = None
    offset: int | None = None


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Events(wire)
    route(blueprint, f"GET {_E}", views.all)
    route(blueprint, f"GET {_E}/<feature>", views.all)
    route(blueprint, f"POST {_E}/search", views.search_by_body)
    route(blueprint, "GET /api/admin/search/events", views.search)
    route(blueprint, "GET /api/admin/event-creators", views.creators)


class _Events:
    def __init__(self, wire: Wire) -> None:
        self._db, self._most = wire.db, wire.largest_body

    def all(self, feature: str = "") -> Response:
        """Filters by name (`project`, `environment`, `type`, `createdBy`); `before` an id, `limit` and `offset`."""
        features = (feature,) if feature else _plain("feature")
        return self._answer(Wanted(features, _plain("project"), _plain("environment"), _plain("type"),
                                   _plain("createdBy"), before=_before()))

    def search(self) -> Response:
        """Filters as Unleash writes them (`IS:…`, `IS_ANY_OF:…`), words, and a time from and to (`IS:2027-05-31`)."""
        return self._answer(Wanted(_any("feature"), _any("project"), _any("environment"), _any("type"),
                                   _any("createdBy"), request.args.get("query", "")[:200], _day("from"), _day("to")))

    def search_by_body(self) -> Response:
        """The same with the older body."""
        asked = checked(_Asked, read_object(self._most))
        parts = (asked.feature, asked.project, asked.environment, asked.type, asked.created_by)
        features, projects, environments, acts, actors = ((p,) if p else () for p in parts)
        wanted = Wanted(features, projects, environments, acts, actors, (asked.query or "")[:200])
        return self._answer(wanted, asked.limit, asked.offset)

    def creators(self) -> Response:
        """Who acted lately."""
        found, _ = look(self._db, Wanted(), _MOST)
        return answer([{"id": n, "name": name} for n, name in enumerate(sorted({e.actor for e in found}), 1)])

    def _answer(self, wanted: Wanted, limit: int | None = None, offset: int | None = None) -> Response:
        size = limit if limit is not None else number_of("limit", 100)
        start = offset if offset is not None else number_of("offset", 0)
        found, total = look(self._db, wanted, max(0, min(size, _MOST)), max(0, min(start, 10**9)))
        return answer({"version": 1, "events": [_event(e) for e in found], "totalEvents": total, "total": total})


def _plain(name: str) -> tuple[str, ...]:
    return tuple(v for v in request.args.getlist(name) if v)


def _before() -> int | None:
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _any(name: str) -> tuple[str, ...]:
    kind, _, values = request.args.get(name, "IS:").partition(":")
    if kind not in ("IS", "IS_ANY_OF"):
        raise Invalid(Problem(name, msg("must be a filter, as in {example}", example="IS:value")))
    return tuple(v.strip() for v in values.split(",") if v.strip())


def _day(name: str) -> datetime | None:
    text = request.args.get(name, "").removeprefix("IS:")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(Problem(name, msg("must be a date, as in 2027-05-31"))) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _event(event: Event) -> dict[str, Any]:
    shown = {
        "id": event.id, "type": event.act, "createdBy": event.actor, "createdByUserId": -1,
        "createdAt": moment(event.at), "project": event.project, "environment": event.environment,
        "data": event.after, "preData": event.before, "tags": _tags(event.after),
    }
    return shown | ({"featureName": event.subject} if event.act.startswith(("feature-", "strategy")) else {
        "label": event.subject})


def _tags(after: Any) -> list[Any]:
    return list(after.get("tags") or []) if isinstance(after, dict) else []
