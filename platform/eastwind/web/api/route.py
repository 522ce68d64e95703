"""One way for every request: token, path, query, body, handler, answer. A route is a row, and so the document too."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from eastwind.errors import Forbidden, Invalid, NotFound, Problem, Unauthenticated, msg
from eastwind.people import People, Token
from eastwind.validation import checked
from eastwind.web.api.body import read_object
from eastwind.web.api.shapes import Nothing

_SLUG = re.compile(r"[a-z0-9-]{2,40}")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed every check of its route. `body` and `query` are of the route's shapes."""

    token: Token
    path: Mapping[str, Any]
    query: Any
    body: Any

    @property
    def slug(self) -> str:
        """The experiment that the path names."""
        return str(self.path["slug"])


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `tokens` are the families that may call it; `path` is Flask's, below the API's root."""

    method: str
    path: str
    summary: str
    handle: Callable[[Call], BaseModel]
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: type[BaseModel] = Nothing
    tokens: tuple[str, ...] = ("admin",)
    status: int = 200


def add(room: Blueprint, routes: Sequence[Route], people: People) -> None:
    """Put `routes` onto `room`."""
    for route in routes:
        name = f"{route.method.lower()}_{re.sub('[^a-z]+', '_', route.path).strip('_')}"
        room.add_url_rule(route.path, name, _view(route, people), methods=[route.method])


def _view(route: Route, people: People) -> Callable[..., Response]:
    def view(**path: Any) -> Response:
        token = _admit(route, people)
        if not _SLUG.fullmatch(path.get("slug", "any")):
            raise NotFound(Problem("experiment", msg("there is no experiment {slug}", slug=path["slug"][:100])))
        query = checked(route.query, _query())
        body = checked(route.body, read_object()) if route.body else None
        answer = route.handle(Call(token, path, query, body))
        return Response(answer.model_dump_json(by_alias=True), route.status, mimetype="application/json")

    return view


def _admit(route: Route, people: People) -> Token:
    """The caller's token: as Unleash sends it, or after `Bearer`."""
    given = request.headers.get("Authorization", "")
    secret = given[7:] if given[:7].lower() == "bearer " else given
    if not secret.strip():
        raise Unauthenticated(Problem("Authorization", msg("a token is needed")))
    token = people.token(secret.strip())
    if token is None:
        raise Unauthenticated(Problem("Authorization", msg("this token is unknown, revoked or expired")))
    if token.type not in route.tokens:
        raise Forbidden(Problem("Authorization", msg(
            "a token of type {needed} is needed, not {type}", needed=" or ".join(route.tokens), type=token.type)))
    return token


def _query() -> dict[str, str]:
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise Invalid(*(Problem(name[:100], msg("is given twice")) for name in repeated))
    return request.args.to_dict()
