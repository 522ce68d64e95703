"""API tokens: made here, shown once, revoked here."""

from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from eastwind.errors import Invalid, NotFound, Problem, msg
from eastwind.people import Token
from eastwind.people.model import ALL
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import moment
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_T = "/api/admin/api-tokens"
_OLD_NAMES = {"client": "backend"}


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    type: Annotated[str, Field(max_length=20)]
    token_name: Annotated[str, Field(min_length=1, max_length=100)]
    environment: str | None = None
    project: str | None = None
    projects: tuple[str, ...] | None = None
    expires_at: datetime | None = None


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    views = _Tokens(wire)
    route(blueprint, f"GET {_T}", views.all)
    route(blueprint, f"POST {_T}", views.add)
    route(blueprint, f"DELETE {_T}/<path:secret>", views.revoke)


class _Tokens:
    def __init__(self, wire: Wire) -> None:
        self._people, self._flags, self._most = wire.people, wire.flags, wire.largest_body

    def all(self) -> Response:
        """All live tokens, without their secrets, which are not kept."""
        return answer({"tokens": [_shown(token) for token in self._people.tokens()]})

    def add(self) -> Response:
        """A new one; the answer is the only place where its secret is ever seen."""
        data = read_object(self._most)
        asked = checked(_Asked, {"tokenName": data.get("username")} | data)  # `username` is the older name of the field
        kind = _OLD_NAMES.get(asked.type.lower(), asked.type.lower())
        environment = asked.environment or (ALL if kind == "admin" else "")
        projects = asked.projects or ((asked.project,) if asked.project else (ALL,))
        self._check(environment, projects)
        token, secret = self._people.issue_token(kind, environment, projects, asked.token_name, actor(),
                                                 expires_at=_aware(asked.expires_at))
        return answer(_shown(token) | {"secret": secret}, 201, {"Location": f"{_T}/{token.id}"})

    def revoke(self, secret: str) -> Response:
        """Revoke, by the secret itself or by the id that the list shows."""
        found = self._people.token(secret)
        number = found.id if found else next((t.id for t in self._people.tokens() if str(t.id) == secret), None)
        if number is None:
            raise NotFound(Problem("token", msg("there is no such token")))
        self._people.revoke_token(number, actor())
        return empty(200)

    def _check(self, environment: str, projects: tuple[str, ...]) -> None:
        places = {e.name for e in self._flags.environments()} | {ALL}
        known = {p.id for p in self._flags.projects()} | {ALL}
        problems = [Problem("projects", msg("there is no project {name}", name=p)) for p in projects if p not in known]
        if environment not in places:
            problems.append(Problem("environment", msg("there is no environment {name}", name=environment)))
        if problems:
            raise Invalid(*problems)


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
