"""For each admin route a request that succeeds: what the matrices of attacks on the admin routes are generated from."""

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from secondstep import contract
from secondstep.aws import Answer
from secondstep.contract import Route
from tests.attacks import raw
from tests.recording import Called
from tests.service import Reply, Service

ADMIN_ROUTES = [route for route in contract.ROUTES if route.bearer == "admin"]
READS = [route for route in ADMIN_ROUTES if route.method == "GET"]
WRITES = [route for route in ADMIN_ROUTES if route.method != "GET"]
ABOUT_ONE = [route for route in ADMIN_ROUTES if "{login_name}" in route.path]
WRITES_ABOUT_ONE = [route for route in ABOUT_ONE if route.method != "GET"]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


_PIXEL = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
PNG = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", _PIXEL) + _chunk(b"IDAT", zlib.compress(b"\0\0")) + _chunk(b"IEND", b"")


class Sample(NamedTuple):
    """A request of a route: its body, what else it must say, and how old the authentication may be for it."""

    body: object = None
    headers: raw.Headers = raw.JSON
    max_age: int = 15 * 60


_IF_MATCH: raw.Headers = (*raw.JSON, ("If-Match", "*"))
_REASON = Sample({"reason": "lost phone"})

# One for each admin route; `test_every_admin_route_is_attacked` fails where a route of the contract is missing.
SAMPLES: dict[tuple[str, str], Sample] = {
    ("GET", "/admin/subscribers"): Sample(),
    ("GET", "/admin/summary"): Sample(),
    ("POST", "/admin/subscribers"): Sample({"login_name": "newcomer", "role": "agent"}),
    ("GET", "/admin/subscribers/{login_name}"): Sample(),
    ("PATCH", "/admin/subscribers/{login_name}"): Sample({"status": "disabled", "display_name": "Gone"}),
    ("DELETE", "/admin/subscribers/{login_name}"): Sample(),
    ("POST", "/admin/subscribers/{login_name}/reset"): _REASON,
    ("POST", "/admin/subscribers/{login_name}/password-reset"): _REASON,
    ("POST", "/admin/subscribers/{login_name}/unlock"): Sample(),
    ("GET", "/admin/policy"): Sample(),
    ("PUT", "/admin/policy"): Sample({"session_hours": 2}, _IF_MATCH, 5 * 60),
    ("PUT", "/admin/policy/logo"): Sample(PNG, (("Content-Type", "image/png"),), 5 * 60),
    ("GET", "/admin/audit"): Sample(),
}


def name_of(route: Route) -> str:
    """Return how a route is called in a test's name."""
    return f"{route.method} {route.path.removeprefix('/admin/')}"


def sample(route: Route) -> Sample:
    """Return a route's request."""
    return SAMPLES[route.method, route.path]


def send(
    service: Service,
    route: Route,
    token: str | None,
    *,
    name: str = "enrolled",
    body: object = ...,
    headers: raw.Headers = (),
    query: str = "",
) -> Reply:
    """Send a route's request, about somebody, or with another body in its place."""
    request = sample(route)
    content = request.body if body is ... else body
    encoded = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    return raw.send(
        service,
        route.method,
        route.path.replace("{login_name}", quote(name, safe="")),
        encoded,
        headers=(*request.headers, *headers),
        query=query,
        token=token,
    )


def stored(service: Service) -> list[dict[str, Any]]:
    """Return everything that both tables hold, in an order of its own."""
    return sorted([*service.state(), *service.events()], key=lambda each: (each["pk"], each["sk"]))


def in_flight(service: Service, happens: Callable[[Called], object]) -> None:
    """Have something happen between the authorizer and the next transaction: once, right before it is written."""

    def first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            happens(called)
        return send()

    service.recorder.fault = first


def remove(service: Service, item: dict[str, Any]) -> None:
    """Remove an item of State."""
    key = {name: {"S": item[name]} for name in ("pk", "sk")}
    service._dynamodb.delete_item(TableName=service.services.settings.state_table, Key=key)
