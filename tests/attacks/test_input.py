"""Attacks A07, A08, A45, A46: whatever is sent to a route, the answer is a clear refusal, and a 400 costs nothing.

The matrix is made from the contract's routes, so that a new route is attacked from its first day on.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any, Self

import argon2
import msgspec
import pytest

from functions.login import app as login_app
from local.functions import new_context
from secondstep import contract, shapes
from secondstep.contract import Route
from tests.attacks import raw
from tests.attacks.raw import assert_has_fixed_headers, assert_is_problem
from tests.attacks.successes import (
    BEARERS,
    JSON_WRITES,
    PICTURE,
    READS,
    SUCCESSES,
    WRITES,
    Success,
    named,
    picture_of,
    set_logo,
    step_up,
    verification,
)
from tests.service import PASSWORD, Person, Reply, Service

each_route = pytest.mark.parametrize("route", contract.ROUTES, ids=named)
each_write = pytest.mark.parametrize("route", WRITES, ids=named)
each_json_write = pytest.mark.parametrize("route", JSON_WRITES, ids=named)
each_write_of_fields = pytest.mark.parametrize(
    "route", [route for route in JSON_WRITES if route.takes is not shapes.Nothing], ids=named
)
each_read = pytest.mark.parametrize("route", READS, ids=named)


@pytest.fixture
def success(service: Service, route: Route) -> Success:
    return SUCCESSES[route](service)


def test_every_route_of_the_contract_is_attacked() -> None:
    assert set(contract.ROUTES) == set(SUCCESSES)


@each_route
def test_the_request_that_the_attacks_are_made_of_succeeds(service: Service, success: Success, route: Route) -> None:
    reply = success.send(service)
    assert reply.status == route.status, reply.body
    if not route.cached_seconds:
        assert_has_fixed_headers(reply)


class Unchanged:
    """While it lasts nothing is written and no key is used; at its end the items are what they were."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._before = self._stored()
        service.recorder.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            assert self._stored() == self._before

    def _stored(self) -> list[str]:
        return sorted(repr(sorted(item.items())) for item in (*self._service.state(), *self._service.events()))

    def refused(self, reply: Reply, what: object, *codes: str) -> None:
        """Assert a refusal that has cost nothing."""
        assert reply.status < 500, (what, reply.body)
        assert_is_problem(reply, *codes)
        assert not self._service.recorder.count("update_item", "put_item", "transact_write_items"), what
        seal_key = self._service.services.settings.seal_key_id
        assert all(call.request.get("KeyId") != seal_key for call in self._service.recorder.calls), what


NO_OBJECTS = [b"null", b"[]", b"[{}]", b'"text"', b"5", b"-0.0", b"true", b"{", b"}", b"{]", b"'", b"\x00", b"{}{}"]
BROKEN = [b"\xff\xfe", b"\xc3\x28", b'{"\xff": 1}', b"\xef\xbb\xbf", b'{"a": NaN}', b'{"a": Infinity}', b"\xed\xa0\x80"]
DEEP = [b"[" * 4000, b'{"a":' * 800, b'{"a":' * 600 + b"1" + b"}" * 600, b"[" * 2000 + b"]" * 2000]


@each_json_write
def test_a_body_that_is_no_object_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for body in (*NO_OBJECTS, *BROKEN, *DEEP):
            unchanged.refused(success.send_bytes(service, body), body[:30], "invalid_request")


WRONG_TYPES: list[Any] = [None, 0, 123456, 1.5, True, [], ["a"], {}, {"$ne": ""}]
TAKEN_AWAY_BY_NULL = {contract.CHANGE_PROFILE: "display_name locale email"}
TAKEN_AWAY_BY_NULL[contract.CHANGE_SUBSCRIBER] = TAKEN_AWAY_BY_NULL[contract.CHANGE_PROFILE]


@each_write_of_fields
def test_a_field_of_another_type_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for name, right in success.body.items():
            for value in (*WRONG_TYPES, [right], *([] if isinstance(right, str) else ["a"])):
                if not _is_of_the_type(success.route, name, value):
                    reply = success.send(service, {**success.body, name: value})
                    unchanged.refused(reply, (name, value), "invalid_request")
                    assert reply.body["errors"][0]["field"].partition("[")[0] == name


def _is_of_the_type(route: Route, name: str, value: object) -> bool:
    """Tell whether a value is a right one after all: null takes a detail away, some fields are no text."""
    if value is None:
        return name in TAKEN_AWAY_BY_NULL.get(route, "").split()
    return (name, value) in (("apps", []), ("apps_required", True), ("apps_required", False))


@each_write_of_fields
def test_a_field_that_is_missing_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        required = [field.name for field in msgspec.structs.fields(success.route.takes) if field.required]
        for name in required:
            body = {key: value for key, value in success.body.items() if key != name}
            unchanged.refused(success.send(service, body), name, "invalid_request")


UNKNOWN = ["is_admin", "sub", "user_id", "now", "Password", "CODE", "challenge ", "__proto__", "épsilon", ""]


@each_json_write
def test_an_unknown_field_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for name in UNKNOWN:
            unchanged.refused(success.send(service, {**success.body, name: "x"}), name, "invalid_request")


@each_write_of_fields
def test_a_repeated_key_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """Two readers of one text (a firewall and we) may each take another of the two values."""
    with Unchanged(service) as unchanged:
        for name, value in success.body.items():
            members = ",".join(f"{json.dumps(key)}:{json.dumps(one)}" for key, one in success.body.items())
            escaped = "".join(f"\\u{ord(character):04x}" for character in name)
            for twin in (json.dumps(name), f'"{escaped}"'):
                twice = "{" + members + f",{twin}:{json.dumps(value)}" + "}"
                unchanged.refused(success.send_bytes(service, twice.encode()), twice, "invalid_request")


@each_write_of_fields
def test_a_lone_surrogate_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for name in success.body:
            for text in ('"\\ud800"', '"a\\udfff"', '["\\ud800"]'):
                others = {key: value for key, value in success.body.items() if key != name}
                body = json.dumps(others)[:-1] + ("," if others else "") + f'"{name}":{text}' + "}"
                unchanged.refused(success.send_bytes(service, body.encode()), body, "invalid_request")


ODD_TEXTS = ["", " ", "\x00", "a\x00b", "\r\n", "\u202eabc", "\U0001d7d9", "é" * 300, "${jndi:x}", "%00", "' OR 1=1 --"]
ODD_TEXTS += ["\ufffe", "\u0130", "\ufb00", "a\u0300" * 60, "<script>alert(1)</script>", "../../etc/passwd"]
REFUSALS = (
    "invalid_request",
    "password_refused",
    "invalid_credentials",
    "challenge_invalid",
    "invalid_code",
    "ticket_invalid",
    "invalid_token",
    "too_many_attempts",
    "not_found",
    "conflict",  # the fourth addition of a session
)


@each_write_of_fields
def test_odd_text_in_a_field_is_never_a_defect(service: Service, success: Success) -> None:
    """Some of it is a fine name, reason or pass phrase; whatever it is, nothing breaks."""
    for name in success.body:
        for text in ODD_TEXTS:
            reply = success.send(service, {**success.body, name: text})
            assert reply.status < 500, (name, text)
            if reply.status >= 400:
                assert_is_problem(reply, *REFUSALS)


@each_json_write
def test_a_body_of_4096_bytes_is_read_and_one_more_byte_is_413(service: Service, success: Success) -> None:
    body = json.dumps(success.body).encode()
    with Unchanged(service) as unchanged:
        over = success.send_bytes(service, body + b" " * (4097 - len(body)))
        unchanged.refused(over, 4097, "payload_too_large")
    assert success.send_bytes(service, body + b" " * (4096 - len(body))).status == success.route.status


@each_json_write
def test_the_limit_counts_bytes_not_characters(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        body = json.dumps({"x": "é" * 2100}, ensure_ascii=False).encode()
        assert len(body.decode()) < 4096 < len(body)
        unchanged.refused(success.send_bytes(service, body), "é", "payload_too_large")


@each_json_write
def test_megabytes_are_refused_before_anything_is_read(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for body in (b'{"password": "' + b"x" * 1024 * 1024 + b'"}', None):  # None: more than the gateway takes
            unchanged.refused(success.send_bytes(service, body), "megabytes", "payload_too_large")
        reads_of_the_authorizer = success.route.bearer == "admin"
        assert service.recorder.dynamodb == (["batch_get_item"] if reads_of_the_authorizer else [])


def test_a_password_of_a_megabyte_is_refused_before_any_hash(
    service: Service, enrolled: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    verify = argon2.PasswordHasher.verify

    def counting(self: argon2.PasswordHasher, *given: Any) -> Any:
        hashed.append(1)
        return verify(self, *given)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counting)
    assert service.log_in(enrolled, "x" * 1024 * 1024).code == "payload_too_large"
    assert hashed == []
    assert service.log_in(enrolled, "x").code == "invalid_credentials"
    assert hashed == [1]


def test_a_password_counts_to_its_last_byte(service: Service, enrolled: Person) -> None:
    """Nothing is cut off at 72 bytes or at NUL (attack A51)."""
    assert service.log_in(enrolled, PASSWORD + "\x00").code == "invalid_credentials"
    assert service.log_in(enrolled, PASSWORD + " ").code == "invalid_credentials"
    assert service.log_in(enrolled, PASSWORD).status == 200


MEDIA_TYPES = [
    (),
    (("Content-Type", "text/plain"),),
    (("Content-Type", "application/x-www-form-urlencoded"),),
    (("Content-Type", "multipart/form-data; boundary=x"),),
    (("Content-Type", "application/problem+json"),),
    (("Content-Type", "application/jsonp"),),
    (("Content-Type", "text/plain; application/json"),),
    (("Content-Type", "*/*"),),
    (("Content-Type", ""),),
    (("Content-Type", "application/json"), ("content-type", "text/plain")),
    (("Content-Type", "application/json"), ("content-type", "application/json")),
    (("Content-Type", "application/json, text/plain"),),
]


@each_json_write
def test_another_media_type_is_415_and_costs_nothing(service: Service, success: Success) -> None:
    """A form of another site can send text/plain and urlencoded without asking, never application/json."""
    with Unchanged(service) as unchanged:
        body = json.dumps(success.body).encode()
        for headers in MEDIA_TYPES:
            reply = success.send_bytes(service, body, headers)
            unchanged.refused(reply, headers, "unsupported_media_type")


@pytest.mark.parametrize("spelling", ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json ;x=y"])
def test_json_is_json_in_every_spelling_of_its_media_type(service: Service, enrolled: Person, spelling: str) -> None:
    success = SUCCESSES[contract.LOGIN](service)
    headers = (("content-TYPE", spelling),)
    assert success.send_bytes(service, json.dumps(success.body).encode(), headers).status == 200


def test_a_body_in_base64_is_415_whatever_it_says_it_is(service: Service) -> None:
    event = _event("/login", body="e30=", isBase64Encoded=True)
    context = new_context(next(iter(service.gateway._functions._functions.values())))
    answer = login_app.handler(event, context)
    assert answer["statusCode"] == 415


def _event(path: str, **changes: Any) -> dict[str, Any]:
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": "r", "identity": {"sourceIp": "203.0.113.7"}, "stage": "live", "apiId": "a"},
        "body": None,
        "isBase64Encoded": False,
        **changes,
    }


QUERIES = ["x=1", "challenge=abc", "password=secret", "x", "=", "a=1&a=2", "%00=1", "_method=GET"]


@each_write
def test_a_query_parameter_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """So that no secret can come to lie in a URL, and none pollutes what the body says."""
    with Unchanged(service) as unchanged:
        for query in QUERIES:
            reply = success.send_bytes(service, success.sent, query=query)
            unchanged.refused(reply, query, "invalid_request")


@each_read
def test_a_get_takes_no_unknown_query_and_no_body(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for reply in (success.send_bytes(service, b"", query="x=1"), success.send_bytes(service, b"{}")):
            unchanged.refused(reply, "a read", "invalid_request")


def _cursor(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


BAD_CURSORS = ["", "x", "%C3%A9", "====", "null", _cursor([]), _cursor([1, 2, 3]), _cursor(["x", "events ", "x"])]
BAD_CURSORS += ["W1tb" * 200, _cursor("x" * 3000), _cursor({"a": 1}), "..%2F..%2Fetc", "%ED%A0%80"]
BAD_QUERIES = [
    *(f"cursor={cursor}" for cursor in BAD_CURSORS),
    *(f"limit={limit}" for limit in ("0", "101", "-1", "x", "1.5", "", "9" * 400, "%D9%A1")),
    "limit=1&limit=1",
    "cursor=a&cursor=a",
]
BAD_QUERIES_OF = {
    contract.LIST_SUBSCRIBERS: [
        "status=gone",
        "enrolled=perhaps",
        "prefix=%00",
        "prefix=a&prefix=b",
        "prefix=" + "x" * 129,
        "account=other",
    ],
    contract.AUDIT: [
        *(f"{name}={moment}" for name in ("from", "to") for moment in ("-1", "x", "1.5", "10000000000", "9" * 400)),
        "since=1",
        "login_name=",
        "login_name=a%2Fb",
        "login_name=%00",
        "account=other",
    ],
    contract.OWN_EVENTS: ["login_name=somebody", "event=login", "from=1"],
}


@pytest.mark.parametrize("route", BAD_QUERIES_OF, ids=named)
def test_a_malformed_parameter_of_a_list_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for query in (*BAD_QUERIES, *BAD_QUERIES_OF[success.route]):
            unchanged.refused(success.send_bytes(service, b"", query=query), query, "invalid_request")


ONE_LINE = {
    "reason": "lost phone",
    "name": "Tablet",
    "display_name": "Ann Other",
    "locale": "de-AT",
    "email": "ann@example.com",
    "otp_issuer": "Acme",
    "accent_colour": "#1a5fb4",
}
LINE_ENDS = ["\n", "\r\n", "\n\n", "\x00", "\x1f", "\x7f", "\x85"]


def _lines_of(route: Route) -> list[str]:
    return [field.name for field in msgspec.structs.fields(route.takes) if field.name in ONE_LINE]


@pytest.mark.parametrize("route", [route for route in JSON_WRITES if _lines_of(route)], ids=named)
def test_a_line_that_ends_with_another_one_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """What is one line in a letter, a log or a header must not become two; `$` alone lets a line feed pass."""
    with Unchanged(service) as unchanged:
        for name in _lines_of(success.route):
            right = ONE_LINE[name]
            for end in LINE_ENDS:
                if (name, end) == ("email", "\x7f"):
                    continue  # the test below
                for text in (right + end, end + right, right[:2] + end + right[2:]):
                    reply = success.send(service, {**success.body, name: text})
                    unchanged.refused(reply, (name, text), "invalid_request")


@pytest.mark.parametrize("route", [contract.CHANGE_PROFILE, contract.CHANGE_SUBSCRIBER, contract.INVITE], ids=named)
@pytest.mark.parametrize("control", ["\x7f", "\x80", "\x9b"])
def test_an_address_holds_no_control_character(service: Service, success: Success, control: str) -> None:
    reply = success.send(service, {**success.body, "email": f"ann{control}@example.com"})
    assert_is_problem(reply, "invalid_request")


HIDDEN = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"]
HIDDEN += ["\u2028", "\u2029", "\u115f", "\u3164", "\ufff9", "\U000e0041", "\U000e007f", "\u200c", "\u200d"]
TEXTS = [name for name in ONE_LINE if name not in ("locale", "accent_colour")]


@pytest.mark.parametrize("route", [route for route in JSON_WRITES if _lines_of(route)], ids=named)
def test_a_character_that_nobody_sees_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """A right-to-left override turns what follows round; a zero-width space makes two names look like one."""
    with Unchanged(service) as unchanged:
        for name in {*_lines_of(success.route)} & {*TEXTS}:
            for hidden in HIDDEN:
                reply = success.send(service, {**success.body, name: ONE_LINE[name] + hidden})
                unchanged.refused(reply, (name, hidden), "invalid_request")
                assert reply.body["errors"][0]["field"] == name


def test_a_joiner_within_a_word_is_a_part_of_its_spelling(service: Service) -> None:
    success = SUCCESSES[contract.CHANGE_PROFILE](service)
    for name in ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0915\u094d\u200d\u0937"):  # Persian, Devanagari
        assert success.send(service, {"display_name": name}).body["display_name"] == name
    for name in ("Ann\u200c Other", "Ann \u200dOther", "An\u200c\u200dn"):
        assert_is_problem(success.send(service, {"display_name": name}), "invalid_request")


NO_ADDRESSES = ["ann,eve@example.com", "ann@example.com,eve@example.com", "ann@example.com;eve", "<ann@example.com>"]
NO_ADDRESSES += ["Ann <ann@example.com>", "ann(eve)@example.com", '"ann"@example.com', "ann@[127.0.0.1]"]
NO_ADDRESSES += ["ann\\@example.com", "group:ann@example.com", "ann@eve@example.com", "ann @example.com", "ann@", "@x"]


@pytest.mark.parametrize("route", [contract.CHANGE_PROFILE, contract.CHANGE_SUBSCRIBER, contract.INVITE], ids=named)
def test_what_would_be_more_than_one_address_in_a_header_is_refused(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for address in NO_ADDRESSES:
            reply = success.send(service, {**success.body, "email": address})
            unchanged.refused(reply, address, "invalid_request")
    assert success.send(service, {**success.body, "email": "j\u00f6rg+x@b\u00fccher.example"}).status < 300


AN_APP = {"name": "An app", "ios_url": "https://a.example/", "android_url": "https://a.example/"}
AN_APPLICATION = {"client_id": "desk", "name": "Desk", "redirect_uris": ["https://desk.example/back"]}
REDIRECTS = ["http://desk.example/", "https://desk.example/#x", "javascript:alert(1)", "https://", "//desk.example"]
REDIRECTS += [
    "https://a b.example/",
    "https://desk.example/\n",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil",
]
BAD_POLICIES: list[dict[str, Any]] = [
    *({"apps": [{**AN_APP, name: value + "\n"}]} for name, value in AN_APP.items()),
    *({"apps": [{**AN_APP, name: "http://a.example/"}]} for name in ("ios_url", "android_url")),
    {"apps": [{**AN_APP, "icon": "x"}]},
    {"apps": [{"name": "An app"}]},
    {"apps": [AN_APP] * 11},
    {"applications": [AN_APPLICATION] * 11},
    *({"applications": [{**AN_APPLICATION, name: text}]} for name in ("client_id", "name") for text in ("", "a\n")),
    *({"applications": [{**AN_APPLICATION, "redirect_uris": [uri]}]} for uri in REDIRECTS),
    *({"applications": [{**AN_APPLICATION, "name": f"Desk{hidden}"}]} for hidden in HIDDEN),
    *({"apps": [{**AN_APP, "name": f"An app{hidden}"}]} for hidden in HIDDEN),
    *({name: f"Acme{hidden}"} for name in ("display_name", "otp_issuer", "help_text") for hidden in HIDDEN),
    {"applications": [AN_APPLICATION, AN_APPLICATION]},
    {
        "applications": [
            AN_APPLICATION,
            {**AN_APPLICATION, "name": "Another", "redirect_uris": ["https://evil.example/"]},
        ]
    },
    {"applications": [{**AN_APPLICATION, "redirect_uris": []}]},
    *({"accent_colour": text} for text in ("red", "#12345", "#1234567", "#12345g", "#1a5fb4;", "")),
    *({"tolerance_steps": steps} for steps in (-1, 2)),
    *({"session_hours": hours} for hours in (0, 25)),
    *({"idle_minutes": minutes} for minutes in (19, 61)),
    *({"max_authenticators": most} for most in (0, 6)),
    *({"invitation_hours": hours} for hours in (23, 169)),
    {"help_text": "x" * 501},
    {"help_text": "a\x0bb"},
    {"display_name": "x" * 65},
    {"enrollment_ticket": "sometimes"},
]


def test_a_value_that_no_policy_may_have_is_refused_and_costs_nothing(service: Service) -> None:
    success = SUCCESSES[contract.REPLACE_POLICY](service)
    with Unchanged(service) as unchanged:
        for body in BAD_POLICIES:
            unchanged.refused(success.send(service, body), body, "invalid_request")


# --- the one body that is no JSON


def _broken_pictures() -> dict[str, bytes]:
    flipped = bytearray(PICTURE)
    flipped[60] ^= 1
    wide = bytearray(PICTURE)
    wide[16:20] = (2001).to_bytes(4, "big")
    wide[29:33] = zlib.crc32(bytes(wide[12:29])).to_bytes(4, "big")
    return {
        "nothing": b"",
        "a GIF": b"GIF89a" + bytes(100),
        "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "a page": b"<!doctype html><script>alert(1)</script>",
        "a signature": PICTURE[:8],
        "the first half": PICTURE[: len(PICTURE) // 2],
        "without its end": PICTURE[:-12],
        "with more behind its end": PICTURE + b"<script>",
        "with another picture behind it": PICTURE + PICTURE,
        "another bit": bytes(flipped),
        "two thousand and one pixels wide": bytes(wide),
        "a length beyond the file": PICTURE[:8] + b"\xff\xff\xff\xff" + PICTURE[12:],
    }


def test_what_is_not_a_whole_png_is_refused_and_costs_nothing(service: Service) -> None:
    """It is shown on the pages where passwords are typed."""
    success = set_logo(service)
    with Unchanged(service) as unchanged:
        for name, picture in _broken_pictures().items():
            unchanged.refused(success.send_bytes(service, picture), name, "invalid_request")


def test_a_picture_of_32_kilobytes_is_read_and_one_more_byte_is_413(service: Service) -> None:
    success = set_logo(service)
    with Unchanged(service) as unchanged:
        unchanged.refused(success.send_bytes(service, picture_of(32 * 1024 + 1)), 32769, "payload_too_large")
        unchanged.refused(success.send_bytes(service, bytes(1024 * 1024)), "a megabyte", "payload_too_large")
    assert success.send_bytes(service, picture_of(32 * 1024)).status == 200


def test_a_picture_under_another_media_type_is_415_and_costs_nothing(service: Service) -> None:
    success = set_logo(service)
    kinds = ["application/json", "image/svg+xml", "image/jpeg", "text/html", "application/octet-stream", "*/*", ""]
    twice = (("Content-Type", "image/png"), ("Content-Type", "text/html"))
    with Unchanged(service) as unchanged:
        for headers in (*((("Content-Type", kind),) for kind in kinds), (), twice, twice[::-1]):
            unchanged.refused(success.send_bytes(service, PICTURE, headers), headers, "unsupported_media_type")
        as_json = json.dumps({"png": base64.b64encode(PICTURE).decode()}).encode()
        unchanged.refused(success.send_bytes(service, as_json, raw.JSON), "JSON", "unsupported_media_type")


JUNK_HEADERS = [
    ("X-HTTP-Method-Override", "GET"),
    ("X-Original-URL", "/admin/subscribers"),
    ("X-Rewrite-URL", "/health"),
    ("X-Forwarded-For", "127.0.0.1, 10.0.0.1"),
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "for=127.0.0.1"),
    ("Transfer-Encoding", "chunked"),
    ("Content-Encoding", "gzip"),
    ("Accept", "text/html"),
    ("Accept-Encoding", "\x00"),
    ("Origin", "null"),
    ("Origin", "https://app.example.test.evil.example"),
    ("Cookie", "sid=1; role=admin"),
    ("X-Amz-Security-Token", "x"),
    ("Expect", "100-continue"),
    ("X-Huge", "x" * 9000),
]


@each_json_write
def test_junk_headers_neither_break_nor_open_anything(service: Service, success: Success, route: Route) -> None:
    with Unchanged(service) as unchanged:
        for header in JUNK_HEADERS:
            reply = success.send_bytes(service, b'{"x": 1}', (*raw.JSON, header))
            unchanged.refused(reply, header, "invalid_request")
    body = json.dumps(success.body).encode()
    assert success.send_bytes(service, body, (*raw.JSON, *JUNK_HEADERS[1:])).status == route.status


AUTHORIZATIONS = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "Basic YTpi",
    "Bearer a b",
    "Bearer null",
    "Bearer undefined",
    "bearer ..",
    "Bearer \x00",
    "Bearer é.é.é",
    "Bearer " + "x" * 9000,
    "Bearer W1tbW1tbW1tbW1tb.e30.AA",
    "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Ilx1ZDgwMCJ9.e30.AA",
    "AWS4-HMAC-SHA256 Credential=x",
]


def test_a_junk_authorization_is_401_on_every_bearer_route(service: Service) -> None:
    requests = [make(service)._replace(token=None) for make in BEARERS.values()]
    with Unchanged(service) as unchanged:
        for it in requests:
            kind = ("Content-Type", it.route.media_type)
            for headers in _authorizations():
                reply = it.send_bytes(service, it.sent, (kind, *headers))
                unchanged.refused(reply, (it.route, headers), "invalid_token")


def _authorizations() -> Iterator[raw.Headers]:
    yield ()
    yield (("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer a.b.c"))
    yield (("X-Authorization", "Bearer a.b.c"),)
    for value in AUTHORIZATIONS:
        yield (("Authorization", value),)


@pytest.mark.parametrize("name", ["%ff", "%c3%28", "%ed%a0%80", "a%fe"])
def test_a_path_that_is_not_utf8_is_not_found(service: Service, admin_token: str, name: str) -> None:
    reply = raw.send(service, "POST", f"/admin/subscribers/{name}/reset", b'{"reason": "x"}', token=admin_token)
    assert_is_problem(reply, "not_found")
    nobody = raw.send(service, "POST", f"/admin/subscribers/{name}/reset", b'{"reason": "x"}', token="a.b.c")
    assert_is_problem(nobody, "invalid_token")


OTHER_ZEROS = (0x660, 0xFF10, 0x1D7CE, 0x6F0)  # Arabic, full-width, mathematical, Persian digits
MALFORMED_CODES = [
    "",
    " ",
    "1",
    "12345",
    "1234567",
    "12345 ",
    "123456\n",
    "\t123456",
    "123-456",
    "12345a",
    "+12345",
    "-12345",
    "1e5",
    "0x1234",
    "12345\x00",
    *("".join(chr(zero + digit) for digit in (1, 2, 3, 4, 5, 6)) for zero in OTHER_ZEROS),
    "123\u00a0456",
    "123\u200b456",
    chr(OTHER_ZEROS[1] + 1) + "23456",
    "\u00b2" * 6,
    "x" * 3000,
]


@pytest.mark.parametrize("make", [verification, step_up])
def test_a_malformed_code_is_400_and_spends_no_try(service: Service, make: Any) -> None:
    """Other digits than ASCII's must not come to compare equal: neither to a code nor to a remembered one (A07)."""
    success: Success = make(service)
    with Unchanged(service) as unchanged:
        for code in MALFORMED_CODES:
            reply = success.send(service, {**success.body, "code": code})
            unchanged.refused(reply, code, "invalid_request")
    assert success.send(service).status == 200


@pytest.mark.parametrize("spaced", ["{0}{1}{2} {3}{4}{5}", " {0}{1}{2}{3}{4}{5}  ", "{0} {1} {2} {3} {4} {5}"])
def test_spaces_in_a_code_are_forgiven_and_the_code_is_the_same_one(service: Service, spaced: str) -> None:
    success = verification(service)
    code = success.body["code"]
    challenge = service.challenge(success.person)
    assert success.send(service, {**success.body, "code": spaced.format(*code)}).status == 200
    for again in (code, spaced.format(*code)):
        assert service.verify(challenge, again).body["hint"] == "replayed"


MALFORMED_RECOVERY_CODES = [
    "",
    "ABCD",
    "ABCD-EFGH-JKMN-PQR",
    "ABCD-EFGH-JKMN-PQRSU",
    "\u00c0BCD-EFGH-JKMN-PQRS",
    "x" * 3000,
]


@pytest.mark.parametrize("text", MALFORMED_RECOVERY_CODES)
def test_a_malformed_recovery_code_is_400_and_spends_no_try(service: Service, text: str) -> None:
    success = verification(service)
    with Unchanged(service) as unchanged:
        body = {"challenge": success.body["challenge"], "recovery_code": text}
        unchanged.refused(success.send(service, body), text, "invalid_request")


TOO_MANY = [
    {"code": "123456", "recovery_code": "ABCD-EFGH-JKMN-PQRS"},
    {"recovery_code": "ABCD-EFGH-JKMN-PQRS", "authenticator": "x"},
    {},
    {"authenticator": "x"},
]


@pytest.mark.parametrize("given", TOO_MANY)
@pytest.mark.parametrize("make", [verification, step_up])
def test_two_proofs_at_once_or_none_are_400_and_spend_no_try(
    service: Service, make: Any, given: dict[str, str]
) -> None:
    success: Success = make(service)
    with Unchanged(service) as unchanged:
        kept = {key: value for key, value in success.body.items() if key == "challenge"}
        unchanged.refused(success.send(service, {**kept, **given}), given, "invalid_request")
