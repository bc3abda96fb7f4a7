"""The served OpenAPI 3.1 document: made of the same structs that parse requests and encode answers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from secondstep import __version__, contract, shapes
from secondstep.contract import Route
from secondstep.errors import ServiceError

_REF = "#/components/schemas/{name}"

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Clients switch on `code`, never on the status or the text.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "retry_after": {"type": "integer", "minimum": 1},
        "reason": {"enum": ["too_short", "too_long", "too_common"]},
        "tries_left": {"type": "integer", "minimum": 0},
        "hint": {"enum": ["replayed", "clock_behind", "clock_ahead"]},
        "drift_seconds": {"type": "integer", "minimum": 1},
        "max_age": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def document(issuer: str) -> dict[str, Any]:
    """Return the whole document; `issuer` is the server's address."""
    types = [each for route in contract.ROUTES for each in (route.takes, *_answers(route))]
    described, components = msgspec.json.schema_components(types, ref_template=_REF)
    in_order = iter(described)
    paths: dict[str, Any] = {}
    for route in contract.ROUTES:
        takes = next(in_order)
        answers = [next(in_order) for _ in _answers(route)]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, takes, answers)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Secondstep", "version": __version__, "summary": "The second login step, serverless."},
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _answers(route: Route) -> list[Any]:
    return [each for each in (route.answers, route.also_answers) if each is not None]


def _operation(route: Route, takes: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method} {route.path}",
        "summary": route.summary,
        "responses": {str(route.status): _success(route, answers), **_refusals(route)},
    }
    if route.takes is not shapes.Nothing:
        body = {"schema": takes} if route.media_type == contract.JSON else {}
        operation["requestBody"] = {"required": True, "content": {route.media_type: body}}
    if route.bearer != "none" or route.is_bearer_optional:
        operation["security"] = [{"bearer": []}, *([{}] if route.is_bearer_optional else [])]
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    return operation | ({"parameters": parameters} if parameters else {})


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(route.query)["$defs"][route.query.__name__]
    described = schema.get("properties", {}).items()
    return [{"name": name, "in": "query", "required": False, "schema": each} for name, each in described]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    wanted = route.is_versioned and route.method != "GET"
    return [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}] if wanted else []


def _success(route: Route, answers: list[dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if answers:
        schema = answers[0] if len(answers) == 1 else {"anyOf": answers}
        described["content"] = {contract.JSON: {"schema": schema}}
    if route.is_versioned:
        described["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return described


def _refusals(route: Route) -> dict[str, Any]:
    """Return one response for each status, naming its codes: those of the route, and those of every route."""
    by_status: dict[int, list[type[ServiceError]]] = {}
    for refusal in _unique((*route.refusals, *contract.EVERYWHERE)):
        by_status.setdefault(refusal.status, []).append(refusal)
    return {
        str(status): {
            "description": "; ".join(f"`{each.code}`: {each.title}" for each in refusals),
            "content": {"application/problem+json": {"schema": _problem(refusals)}},
        }
        for status, refusals in sorted(by_status.items())
    }


def _problem(refusals: list[type[ServiceError]]) -> dict[str, Any]:
    codes = [each.code for each in refusals]
    narrowed = {"properties": {"code": {"enum": codes}}}
    return {"allOf": [{"$ref": _REF.format(name="Problem")}, narrowed]}


def _unique(refusals: Iterable[type[ServiceError]]) -> list[type[ServiceError]]:
    return list(dict.fromkeys(refusals))
