"""API tokens: made here, shown once, revoked here."""

from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from eastwind.errors import Invalid, NotFound, Problem, msg
from eastwind.flags.model import Noun
from eastwind.people import Token
from eastwind.people.model import ALL
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import moment
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_T = "/api/admin/api-tokens"
_OF_PROJECT = "/api/admin/projects/<project>/api-tokens"
_OLD_NAMES = {"client": "backend"}


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    type: Annotated[str, Field(max_length=20)]
    token_name: Annotated[str, Field(min_length=1, max_length=100)]
    environment: str | None = None
    project: str | None = None
    projects: tuple[str, ...] | None = None
    expires_at: datetime | None = None


class _Expiry(Noun):
    expires_at: datetime | None


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Tokens(wire)
    for rule, view in (
        (f"GET {_T}", views.all), (f"POST {_T}", views.add), (f"PUT {_T}/<path:secret>", views.expire),
        (f"DELETE {_T}/<path:secret>", views.revoke),
        (f"GET {_OF_PROJECT}", views.all), (f"POST {_OF_PROJECT}", views.add),
        (f"PUT {_OF_PROJECT}/<path:secret>", views.expire), (f"DELETE {_OF_PROJECT}/<path:secret>", views.revoke),
    ):
        route(blueprint, rule, view)


class _Tokens:
    def __init__(self, wire: Wire) -> None:
        self._people, self._flags, self._most = wire.people, wire.flags, wire.largest_body

    def all(self, project: str = "") -> Response:
        """All live tokens, or those for one project alone; without their secrets, which are not kept."""
        return answer({"tokens": [_shown(token) for token in self._people.tokens() if _within(token, project)]})

    def add(self, project: str = "") -> Response:
        """A new one; the answer is the only place where its secret is ever seen."""
        data = read_object(self._most)
        asked = checked(_Asked, {"tokenName": data.get("username")} | data)  # `username` is the older name of the field
        kind = _OLD_NAMES.get(asked.type.lower(), asked.type.lower())
        if project and kind == "admin":
            raise Invalid(Problem("type", msg("must be one of {choices}", choices="backend, frontend")))
        environment = asked.environment or (ALL if kind == "admin" else "")
        projects = (project,) if project else asked.projects or ((asked.project,) if asked.project else (ALL,))
        self._check(environment, projects)
        token, secret = self._people.issue_token(kind, environment, projects, asked.token_name, actor(),
                                                 expires_at=_aware(asked.expires_at))
        return answer(_shown(token) | {"secret": secret}, 201, {"Location": f"{_T}/{token.id}"})

    def expire(self, secret: str, project: str = "") -> Response:
        """Set when a token ends: `{expiresAt}`."""
        asked = checked(_Expiry, read_object(self._most))
        self._people.expire_token(self._found(secret, project).id, _aware(asked.expires_at), actor())
        return empty(200)

    def revoke(self, secret: str, project: str = "") -> Response:
        """Revoke."""
        self._people.revoke_token(self._found(secret, project).id, actor())
        return empty(200)

    def _found(self, secret: str, project: str) -> Token:
        """By the secret itself or by the id that the list shows. Raises `NotFound`."""
        found = self._people.token(secret)
        found = found or next((t for t in self._people.tokens() if str(t.id) == secret), None)
        if found is None or not _within(found, project):
            raise NotFound(Problem("token", msg("there is no such token")))
        return found

    def _check(self, environment: str, projects: tuple[str, ...]) -> None:
        places = {e.name for e in self._flags.environments()} | {ALL}
        known = {p.id for p in self._flags.projects()} | {ALL}
        problems = [Problem("projects", msg("there is no project {name}", name=p)) for p in projects if p not in known]
        if environment not in places:
            problems.append(Problem("environment", msg("there is no environment {name}", name=environment)))
        if problems:
            raise Invalid(*problems)


def _within(token: Token, project: str) -> bool:
    """Whether a token is for that project and no other; all are where none is named."""
    return not project or token.projects == (project,)


def _shown(token: Token) -> dict[str, Any]:
    shown = {
        "id": token.id, "tokenName": token.name, "username": token.name, "type": token.type,
        "environment": token.environment, "project": token.projects[0] if len(token.projects) == 1 else "[]",
        "projects": list(token.projects), "createdAt": moment(token.created_at),
    }
    times = {"expiresAt": moment(token.expires_at), "seenAt": moment(token.seen_at)}
    return shown | {name: at for name, at in times.items() if at}


def _aware(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
