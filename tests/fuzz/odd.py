"""Requests as no client of ours sends them: each odd in one way, made from one that would succeed."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

from secondstep import shapes
from secondstep.contract import JSON
from tests.attacks.successes import Success

AS_DOCUMENTED: tuple[str, ...] = ()  # the answer of the request that it was made from
PATIENCE_SECONDS = 20


class Sent(NamedTuple):
    """A request as it goes over the wire; header values in bytes are sent as they are."""

    method: str
    target: str
    headers: tuple[tuple[str, str | bytes], ...]
    body: bytes = b""
    is_chunked: bool = False

    def with_header(self, name: str, value: str | bytes) -> "Sent":
        """Return it with one header more."""
        return self._replace(headers=(*self.headers, (name, value)))

    def without(self, name: str) -> "Sent":
        """Return it without a header."""
        return self._replace(headers=tuple(each for each in self.headers if each[0] != name))


class Odd(NamedTuple):
    """What is odd, the request, and the codes that may refuse it; none: it succeeds as it always does."""

    what: str
    sent: Sent
    codes: tuple[str, ...]


class Answered(NamedTuple):
    """An answer."""

    status: int
    kind: str
    body: dict[str, Any]


def plain(success: Success) -> Sent:
    """Return the request that succeeds."""
    bearer = (("Authorization", f"Bearer {success.token}"),) if success.token else ()
    kind = (("Content-Type", success.route.media_type),) if success.sent else ()
    return Sent(success.route.method, success.target, (*bearer, *kind, *success.headers), success.sent)


def send(port: int, it: Sent, *, raw: bytes = b"") -> Answered:
    """Send a request to a port of this machine, or the bytes that are given for its headers' end and body."""
    head = f"{it.method} {it.target} HTTP/1.1\r\nHost: login.example.test\r\nConnection: close\r\n".encode("latin-1")
    for name, value in it.headers:
        head += name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before all was sent
            wire.sendall(head + (raw or _framed(it)))
            if raw:
                wire.shutdown(socket.SHUT_WR)  # nothing else comes
        answer = http.client.HTTPResponse(wire, method=it.method)
        answer.begin()
        text = answer.read()
    kind = answer.headers["Content-Type"] or ""
    is_json = "json" in kind and text.startswith(b"{")
    return Answered(answer.status, kind, json.loads(text) if is_json else {})


def _framed(it: Sent) -> bytes:
    if it.is_chunked:
        half = len(it.body) // 2
        chunks = [each for each in (it.body[:half], it.body[half:]) if each]
        parts = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
        return b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"
    return (b"Content-Length: %d\r\n\r\n" % len(it.body) if it.body else b"\r\n") + it.body


def refused(success: Success) -> Iterator[Odd]:
    """Yield what is refused."""
    yield from _paths(success)
    yield from _queries(success)
    yield from _headers(success)
    if success.route.method == "GET":
        yield Odd("a body", plain(success).with_header("Content-Type", JSON)._replace(body=b"{}"), ("invalid_request",))
    elif success.route.media_type == JSON:
        yield from _bodies(success)


def accepted(success: Success) -> Iterator[Odd]:
    """Yield what is odd and good all the same; each wants a success of its own."""
    it = plain(success)
    odd = {
        "a slash at the end": it._replace(target=it.target + "/"),
        "an empty query": it._replace(target=it.target + "?"),
        "an absolute address": it._replace(target="http://elsewhere.example" + it.target),
        "chunks": it._replace(is_chunked=bool(it.body)),
        "ten thousand bytes of headers": it.with_header("X-Junk", "x" * 10_000),
        "ninety headers": it._replace(headers=(*it.headers, *((f"X-Junk-{n}", "x") for n in range(90)))),
        "a header that is no UTF-8": it.with_header("X-Junk", b"\xff\xfe\xc0"),
        "an address that somebody else claims": it.with_header("X-Forwarded-For", "127.0.0.1, evil"),
        "cookies that are none": it.with_header("Cookie", "=;;=a; __Host-session; \x01"),
    }
    yield from (Odd(what, sent, AS_DOCUMENTED) for what, sent in odd.items())


def _paths(success: Success) -> Iterator[Odd]:
    it, path = plain(success), success.target
    spellings = {
        "a double slash before": f"/{path}",
        "a double slash within": path.replace("/", "//"),
        "a double slash behind": f"{path}//",
        "%2e": f"/%2e{path}",
        "%2e%2e": f"/x/%2e%2e{path}",
        "dots": f"/x/..{path}",
        "%2f before": f"/%2f{path[1:]}",
        "%2f for a slash": "/" + path[1:].replace("/", "%2f") + "%2f",
        "%5c": path.replace("/", "%5c"),
        "a stage": f"/live{path}",
        "a letter in percents": f"/%{ord(path[1]):02x}{path[2:]}",
        "NUL": f"{path}%00",
        "no UTF-8 in percents": f"{path}%ff",
        "no UTF-8 as it is": f"{path}\xff",
        "overlong UTF-8": f"{path}%c0%af",
        "a parameter of the path": f"{path};a=b",
        "another case": path.upper() if path.upper() != path else f"{path}X",
    }
    for what, target in spellings.items():
        yield Odd(what, it._replace(target=target), ("not_found", "invalid_request"))
    for method in ("HEAD", "TRACE", success.route.method.lower()):
        yield Odd(method, it._replace(method=method), ("not_found",))


def _queries(success: Success) -> Iterator[Odd]:
    it = plain(success)
    for query in ("x=1", "x", "limit=1&limit=1", "limit=1&limit=2", "%00=1", "%ff=%ff", "cursor=%00", "a[]=1", "&&x=1"):
        yield Odd(f"?{query}", it._replace(target=f"{it.target}?{query}"), ("invalid_request",))


def _headers(success: Success) -> Iterator[Odd]:
    it, bearer = plain(success).without("Authorization"), success.token
    if success.route.bearer == "none" or not bearer:
        return
    twice = it.with_header("Authorization", f"Bearer {bearer}").with_header("Authorization", f"Bearer {bearer}")
    yield Odd("two tokens", twice, ("invalid_token",))
    for what, value in (
        ("a long token", "Bearer " + "x" * 10_000),
        ("no token", "Bearer"),
        ("no UTF-8", b"Bearer \xff"),
    ):
        yield Odd(what, it.with_header("Authorization", value), ("invalid_token",))


def _bodies(success: Success) -> Iterator[Odd]:
    it, right = plain(success).without("Content-Type"), success.sent or b"{}"
    as_json = it.with_header("Content-Type", JSON)
    bodies = {
        "a key twice": right[:-1] + (b", " if len(right) > 2 else b"") + b'"a": 1, "a": 1}',
        "another key twice": b'{"password": "a", "password": "a", "code": "000000", "code": "000000"}',
        "deep lists": b"[" * 2000 + b"]" * 2000,
        "deep objects": b'{"a":' * 600 + b"1" + b"}" * 600,
        "NUL": right + b"\x00",
        "NUL in a key": b'{"\x00": 1}',
        "broken UTF-8": right[:-1] + b"\xff}",
        "broken UTF-8 in a text": b'{"a": "\xc3\x28"}',
        "UTF-16": right.decode().encode("utf-16"),
        "a mark of order": b"\xef\xbb\xbf" + right,
        "two documents": right + right,
        "a list": b"[" + right + b"]",
    }
    for what, body in bodies.items():
        yield Odd(what, as_json._replace(body=body), ("invalid_request",))
    for size in (4097, 6 * 1024 * 1024, 11 * 1024 * 1024):
        if size < 5000 or success.route.takes is not shapes.Nothing:
            yield Odd(f"{size} bytes", as_json._replace(body=b" " * size), ("payload_too_large",))
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "image/png",
        "",
        "json",
    ):
        yield Odd(kind or "no media type", it.with_header("Content-Type", kind)._replace(body=right), _MEDIA)
    twice = as_json.with_header("Content-Type", JSON)._replace(body=right)
    yield Odd("two media types", twice, _MEDIA)


_MEDIA = ("unsupported_media_type",)
