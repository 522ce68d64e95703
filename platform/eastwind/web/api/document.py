"""The OpenAPI document, made from the same rows and shapes that answer requests: it cannot drift from them."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from eastwind import __version__
from eastwind.exposures import Exposure
from eastwind.outcomes import Outcome
from eastwind.web.api.answers import ProblemBody
from eastwind.web.api.route import Route

ROOT = "/api/v1"
_PARAMETER = re.compile(r"<(?:(int):)?(\w+)>")
_PROBLEMS = {400: "Something in the request is not valid", 401: "No token, or not a live one",
             403: "Not for this kind of token", 404: "There is no such thing",
             409: "Refused by the gate, or the present state does not allow it", 413: "Too large",
             415: "Not JSON", 503: "The database is away"}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    shapes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemBody, "serialization"), (Exposure, "validation"),
                                                            (Outcome, "validation")]
    shapes += [(r.answer, "serialization") for r in routes]
    shapes += [(r.body, "validation") for r in routes if r.body]
    _, schemas = models_json_schema(list(dict.fromkeys(shapes)), ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_PARAMETER.sub(r"{\2}", ROOT + route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0", "info": {"title": "Eastwind", "version": __version__}, "paths": paths,
        "security": [{"token": []}],
        "components": {"schemas": schemas["$defs"], "securitySchemes": {"token": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "An API token as it is, or after `Bearer `."}}},
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": route.summary, "description": f"Tokens: {', '.join(route.tokens)}.",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {str(route.status): {"description": "Done", "content": _json(route.answer)}} | {
            str(status): {"description": text, "content": _json(ProblemBody, "application/problem+json")}
            for status, text in _PROBLEMS.items() if route.body or status not in (409, 413, 415)},
    }
    if route.body:
        found["requestBody"] = {"required": True, "content": _json(route.body)}
    return found


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "integer" if kind else "string"}}
            for kind, name in _PARAMETER.findall(route.path)]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    schema = route.query.model_json_schema()
    required = schema.get("required", [])
    return [{"name": name, "in": "query", "required": name in required, "schema": part}
            for name, part in schema.get("properties", {}).items()]


def _json(shape: type[BaseModel], mimetype: str = "application/json") -> dict[str, Any]:
    return {mimetype: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}
