"""What leaves the gateway: a function's answer in the shape API Gateway gives it, and the gateway's own refusals."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from local.incoming import Incoming, media_type_matches, request_context
from local.template import Api, GatewayResponse, Route
from local.translation import Document

REMAPPED = "x-amzn-Remapped-"
# "Amazon API Gateway important notes": header names that a REST API does not pass on from an integration.
RENAMED_HEADERS = frozenset(
    (
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "user-agent",
        "www-authenticate",
    )
)
DROPPED_HEADERS = frozenset(("te", "trailer", "transfer-encoding", "upgrade", "via", "warn"))

# type: (status, message, x-amzn-ErrorType), where the template says nothing else ("Gateway response types").
_DEFAULTS: Mapping[str, tuple[int, str, str]] = {
    "ACCESS_DENIED": (403, "User is not authorized to access this resource", "AccessDeniedException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "Internal server error", "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (500, "Internal server error", "AuthorizerFailureException"),
    "DEFAULT_5XX": (502, "Internal server error", "InternalServerErrorException"),
    "MISSING_AUTHENTICATION_TOKEN": (
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    ),
    "REQUEST_TOO_LARGE": (413, "Request Too Long", "RequestTooLargeException"),
    "UNAUTHORIZED": (401, "Unauthorized", "UnauthorizedException"),
}


class Malformed(Exception):
    """A function's answer is not one of the Lambda proxy integration: the gateway makes it a 502."""


def of_function(result: Any, request: Incoming, api: Api) -> Response:
    """Return a function's answer as the client sees it; Malformed where API Gateway would refuse it."""
    if not isinstance(result, dict):
        raise Malformed
    body = _body(result, request, api)
    headers = Headers(_renamed(_pairs(result)))
    headers.setdefault("Content-Type", "application/json")
    return _stamped(Response(body, _status(result.get("statusCode")), headers), request)


def of_gateway(
    kind: str, request: Incoming, api: Api, *, route: Route | None = None, message: str | None = None
) -> Response:
    """Return the gateway's own answer of one type, worded as the template says."""
    default_status, default_message, error_type = _DEFAULTS[kind]
    said, status = _said(kind, api.responses, default_status)
    context = request_context(request, api, route) | {"error": _error(kind, message or default_message)}
    content_type, template = _template(said)
    headers = Headers([("Content-Type", content_type), ("x-amzn-ErrorType", error_type)])
    for name, source in said.headers.items():
        if (value := _mapped(source, request, context)) is not None:
            headers.set(name, value)
    return _stamped(Response(_filled(template, context), status, headers), request)


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 100 <= value <= 599:
        raise Malformed
    return value


def _body(result: Document, request: Incoming, api: Api) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed
    accepted = (request.header("Accept") or "").partition(",")[0]
    # Base64 is undone only where the first type of `Accept` is a binary one; else the client gets the Base64 text.
    if result.get("isBase64Encoded") is True and media_type_matches(api.binary_media_types, accepted):
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise Malformed from error
    return body.encode("utf-8", "replace")


def _pairs(result: Document) -> list[tuple[str, str]]:
    """Return the headers; a name in both maps has the values of `multiValueHeaders`."""
    single, multiple = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multiple, dict):
        raise Malformed
    if not all(isinstance(values, list) for values in multiple.values()):
        raise Malformed
    taken = {name.lower() for name in multiple}
    pairs = [(name, value) for name, value in single.items() if name.lower() not in taken]
    pairs += [(name, value) for name, values in multiple.items() for value in values]
    return [(name, _header_text(value)) for name, value in pairs]


def _header_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float) and "\n" not in str(value) and "\r" not in str(value):
        return str(value)
    raise Malformed


def _renamed(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (REMAPPED + name if name.lower() in RENAMED_HEADERS else name, value)
        for name, value in pairs
        if name.lower() not in DROPPED_HEADERS
    ]


def _said(kind: str, responses: Mapping[str, GatewayResponse], default_status: int) -> tuple[GatewayResponse, int]:
    """Find what the template says of a type; DEFAULT_4XX and DEFAULT_5XX speak for the types it leaves out."""
    family = "DEFAULT_4XX" if default_status < 500 else "DEFAULT_5XX"
    said = responses.get(kind) or responses.get(family) or GatewayResponse(status=None)
    return said, said.status or default_status


def _error(kind: str, message: str) -> Document:
    return {"message": message, "messageString": json.dumps(message), "responseType": kind}


def _template(said: GatewayResponse) -> tuple[str, str]:
    templates = said.templates or {"application/json": '{"message":$context.error.messageString}'}
    content_type = "application/json" if "application/json" in templates else next(iter(templates))
    return content_type, templates[content_type]


def _filled(template: str, context: Document) -> str:
    """Fill in `$context.…`; a gateway response knows variables only, no other VTL."""
    return re.sub(r"\$context((?:\.\w+)+)", lambda found: _context_value(found[1], context), template)


def _context_value(path: str, context: Document) -> str:
    value: Any = context
    for name in path.lstrip(".").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _mapped(source: str, request: Incoming, context: Document) -> str | None:
    """Return the value of a mapped header; where its source is absent the header is, too."""
    if source.startswith("'"):
        return source.strip("'")
    if source.startswith("method.request.header."):
        return request.header(source.removeprefix("method.request.header."))
    if source.startswith("context."):
        return _context_value(source.removeprefix("context"), context) or None
    return None


def _stamped(response: Response, request: Incoming) -> Response:
    response.headers["x-amzn-RequestId"] = request.request_id
    response.headers["x-amz-apigw-id"] = request.extended_request_id
    return response
