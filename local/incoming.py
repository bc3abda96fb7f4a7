"""A request as it arrives, and the event that API Gateway (REST, Lambda proxy) makes of it.

What is known of the real gateway and imitated here: paths and path parameters stay percent-encoded, query
parameters are decoded; header names keep the client's spelling; a name that was sent twice has its last value in
`headers` and all in `multiValueHeaders`; a body is text (bytes that are not UTF-8 become U+FFFD, and are lost)
unless its media type is one of the API's binary types; an absent body is null; `X-Forwarded-For` is what the
client sent plus its address.
"""

import base64
import re
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from local.server import SENT_HEADERS
from local.template import ACCOUNT, API_ID, Api, Route
from local.translation import Document

MAX_BODY = 10 * 1024 * 1024  # "Payload size: 10 MB", quotas of API Gateway

type Headers = tuple[tuple[str, str], ...]

# Between client and gateway only, so no function sees them.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-amzn-trace-id",
    )
)


class BrokenFrame(Exception):
    """The body does not end where its chunks say: AWS's front answers that, before there is any API."""


@dataclass(frozen=True)
class Incoming:
    """One HTTP request. `body` is None where it exceeds what the gateway takes."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes | None
    source: str
    scheme: str
    port: str
    protocol: str
    request_id: str
    extended_request_id: str
    now: float

    def header(self, name: str) -> str | None:
        """Return a header's last value, whatever the spelling of its name."""
        values = [value for one, value in self.headers if one.lower() == name.lower()]
        return values[-1] if values else None


def incoming(environ: Mapping[str, Any], now: float) -> Incoming:
    """Read a request from a WSGI environment, with the path as it was sent; BrokenFrame where its body has no end."""
    path = _target(environ).partition("?")[0]
    return Incoming(
        method=environ["REQUEST_METHOD"],
        path=path or "/",
        query=environ.get("QUERY_STRING", ""),
        headers=tuple(environ.get(SENT_HEADERS) or _headers(environ)),
        body=_body(environ),
        source=environ.get("REMOTE_ADDR") or "127.0.0.1",
        scheme=environ["wsgi.url_scheme"],
        port=environ["SERVER_PORT"],
        protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        request_id=str(uuid.uuid4()),
        extended_request_id=base64.b64encode(secrets.token_bytes(11)).decode(),
        now=now,
    )


def event(request: Incoming, api: Api, route: Route, path_parameters: Mapping[str, str]) -> Document:
    """Return the event of the Lambda proxy integration (payload version 1.0)."""
    headers = _forwarded(request)
    query = parse_qsl(request.query, keep_blank_values=True)
    text, is_base64 = _text(request, api)
    return {
        "resource": route.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(headers) or None,
        "multiValueHeaders": _grouped(headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query) or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": request_context(request, api, route),
        "body": text,
        "isBase64Encoded": is_base64,
    }


def request_context(request: Incoming, api: Api, route: Route | None) -> Document:
    """Return `requestContext`; without a route (an unknown one) for the gateway's own answers."""
    host = (request.header("Host") or "localhost").partition(":")[0]
    at = time.gmtime(request.now)
    return {
        "resourceId": "local",
        "resourcePath": route.resource if route else None,
        "operationName": None,
        "httpMethod": request.method,
        "extendedRequestId": request.extended_request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", at),
        "requestTimeEpoch": int(request.now * 1000),
        "path": request.path,  # as behind a domain of its own: nobody types a stage here
        "accountId": ACCOUNT,
        "protocol": request.protocol,
        "stage": api.stage,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "requestId": request.request_id,
        "identity": dict.fromkeys(_IDENTITY) | {"sourceIp": request.source, "userAgent": request.header("User-Agent")},
        "apiId": API_ID,
    }


def media_type_matches(binary_media_types: Iterable[str], media_type: str) -> bool:
    """Tell whether a media type is one that the API declares binary; `*/*` and `image/*` match widely."""
    bare = media_type.partition(";")[0].strip().lower()
    patterns = (re.escape(one.replace("~1", "/").lower()).replace(r"\*", ".*") for one in binary_media_types)
    return any(re.fullmatch(pattern, bare) for pattern in patterns)


_IDENTITY = [
    "cognitoIdentityPoolId",
    "accountId",
    "cognitoIdentityId",
    "caller",
    "sourceIp",
    "principalOrgId",
    "accessKey",
    "cognitoAuthenticationType",
    "cognitoAuthenticationProvider",
    "userArn",
    "userAgent",
    "user",
]


def _target(environ: Mapping[str, Any]) -> str:
    target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ["PATH_INFO"]
    return re.sub(r"^https?://[^/?]*", "", target.partition("#")[0])


def _headers(environ: Mapping[str, Any]) -> Headers:
    """Read the headers where only WSGI's spelling of their names is left (a test's client)."""
    named = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
    found = [(named[key], environ[key]) for key in named if environ.get(key)]
    return tuple(found) + tuple(
        (key.removeprefix("HTTP_").replace("_", "-").title(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    )


def _body(environ: Mapping[str, Any]) -> bytes | None:
    stream = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH") or ""
    if not declared.isdecimal():
        try:
            body = stream.read(MAX_BODY + 1) if environ.get("wsgi.input_terminated") else b""
        except (OSError, ValueError) as broken:
            raise BrokenFrame from broken
        return body if len(body) <= MAX_BODY else None
    if int(declared) > MAX_BODY:
        return None
    return bytes(stream.read(int(declared)))


def _forwarded(request: Incoming) -> list[tuple[str, str]]:
    sent = [(name, value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
    chain = [value for name, value in sent if name.lower() == "x-forwarded-for"]
    kept = [(name, value) for name, value in sent if not name.lower().startswith("x-forwarded-")]
    return [
        *kept,
        ("X-Amzn-Trace-Id", f"Root=1-{int(request.now):08x}-{request.request_id.replace('-', '')[:24]}"),
        ("X-Forwarded-For", ", ".join([*chain, request.source])),
        ("X-Forwarded-Port", request.port),
        ("X-Forwarded-Proto", request.scheme),
    ]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _text(request: Incoming, api: Api) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    if media_type_matches(api.binary_media_types, request.header("Content-Type") or ""):
        return base64.b64encode(request.body).decode("ascii"), True
    return request.body.decode("utf-8", "replace"), False
