"""Requests as they come over the wire, past what an HTTP client lets through: raw paths, bytes, repeated headers."""

import secrets
import uuid

from local.incoming import Incoming
from tests.service import SOURCE, Reply, Service

type Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)


def send(
    service: Service,
    method: str,
    path: str,
    body: bytes | None = b"",
    *,
    headers: Headers = JSON,
    query: str = "",
    token: str | None = None,
) -> Reply:
    """Send one request exactly as it is given."""
    bearer: Headers = (("Authorization", f"Bearer {token}"),) if token is not None else ()
    answer = service.gateway.answer(
        Incoming(
            method=method,
            path=path,
            query=query,
            headers=(("Host", "login.example.test"), *bearer, *headers),
            body=body,
            source=SOURCE,
            scheme="https",
            port="443",
            protocol="HTTP/1.1",
            request_id=str(uuid.uuid4()),
            extended_request_id=secrets.token_hex(8),
            now=service.clock(),
        )
    )
    return Reply(answer.status_code, answer.get_json(silent=True, force=True) or {}, answer.headers)


FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "no-referrer",
    "Vary": "Origin",
}


def assert_is_problem(reply: Reply, *codes: str) -> None:
    """Assert that a refusal has one of these codes, and everything that each refusal has."""
    assert reply.code in codes, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["status"] == reply.status
    assert reply.body["type"] == f"urn:secondstep:problem:{reply.code}"
    assert reply.body["title"]
    assert reply.body["detail"]
    assert reply.body["request_id"] == reply.headers["x-amzn-RequestId"]
    if "retry_after" in reply.body and "hint" not in reply.body:
        assert reply.headers["Retry-After"] == str(reply.body["retry_after"])
    assert_has_fixed_headers(reply)


def assert_has_fixed_headers(reply: Reply) -> None:
    """Assert what every answer has in common; nothing but keys and discovery is ever cached."""
    for name, value in FIXED_HEADERS.items():
        assert reply.headers.get(name) == value, (name, reply.headers)
    assert reply.headers["Cache-Control"] == "no-store"
