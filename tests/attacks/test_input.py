"""Attacks A07, A08, A45, A46: whatever is sent to a POST route, the answer is a clear refusal, and a 400 costs nothing.

The matrix is made from the contract's routes, so that a new route is attacked from its first day on.
"""

import json
from collections.abc import Iterator
from typing import Any, Self

import argon2
import msgspec
import pytest

from functions.login import app as login_app
from local.functions import new_context
from secondstep import contract
from secondstep.contract import Route
from tests.attacks import raw
from tests.attacks.raw import assert_has_fixed_headers, assert_is_problem
from tests.attacks.successes import POST_ROUTES, SUCCESSES, Success, step_up, verification
from tests.service import PASSWORD, Person, Reply, Service

each_post_route = pytest.mark.parametrize("route", POST_ROUTES, ids=lambda route: route.path)


@pytest.fixture
def success(service: Service, route: Route) -> Success:
    return SUCCESSES[route.path](service)


def test_every_post_route_of_the_contract_is_attacked() -> None:
    assert {route.path for route in POST_ROUTES} == set(SUCCESSES)


@each_post_route
def test_the_request_that_the_attacks_are_made_of_succeeds(service: Service, success: Success, route: Route) -> None:
    reply = success.send(service)
    assert reply.status == route.status, reply.body
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


@each_post_route
def test_a_body_that_is_no_object_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for body in (*NO_OBJECTS, *BROKEN, *DEEP):
            unchanged.refused(success.send_bytes(service, body), body[:30], "invalid_request")


WRONG_TYPES: list[Any] = [None, 0, 123456, 1.5, True, [], ["a"], {}, {"$ne": ""}]


@each_post_route
def test_a_field_of_another_type_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for name in success.body:
            for value in (*WRONG_TYPES, [success.body[name]]):
                reply = success.send(service, {**success.body, name: value})
                unchanged.refused(reply, (name, value), "invalid_request")
                assert reply.body["errors"][0]["field"] == name


@each_post_route
def test_a_field_that_is_missing_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        required = [field.name for field in msgspec.structs.fields(success.route.takes) if field.required]
        for name in required:
            body = {key: value for key, value in success.body.items() if key != name}
            unchanged.refused(success.send(service, body), name, "invalid_request")


UNKNOWN = ["is_admin", "sub", "user_id", "now", "Password", "CODE", "challenge ", "__proto__", "épsilon", ""]


@each_post_route
def test_an_unknown_field_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        for name in UNKNOWN:
            unchanged.refused(success.send(service, {**success.body, name: "x"}), name, "invalid_request")


@each_post_route
def test_a_repeated_key_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """Two readers of one text (a firewall and we) may each take another of the two values."""
    with Unchanged(service) as unchanged:
        for name, value in success.body.items():
            members = ",".join(f"{json.dumps(key)}:{json.dumps(one)}" for key, one in success.body.items())
            escaped = "".join(f"\\u{ord(character):04x}" for character in name)
            for twin in (json.dumps(name), f'"{escaped}"'):
                twice = "{" + members + f",{twin}:{json.dumps(value)}" + "}"
                unchanged.refused(success.send_bytes(service, twice.encode()), twice, "invalid_request")


@each_post_route
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
)


@each_post_route
def test_odd_text_in_a_field_is_never_a_defect(service: Service, success: Success) -> None:
    """Some of it is a fine name, reason or pass phrase; whatever it is, nothing breaks."""
    for name in success.body:
        for text in ODD_TEXTS:
            reply = success.send(service, {**success.body, name: text})
            assert reply.status < 500, (name, text)
            if reply.status >= 400:
                assert_is_problem(reply, *REFUSALS)


@each_post_route
def test_a_body_of_4096_bytes_is_read_and_one_more_byte_is_413(service: Service, success: Success) -> None:
    body = json.dumps(success.body).encode()
    with Unchanged(service) as unchanged:
        over = success.send_bytes(service, body + b" " * (4097 - len(body)))
        unchanged.refused(over, 4097, "payload_too_large")
    assert success.send_bytes(service, body + b" " * (4096 - len(body))).status == success.route.status


@each_post_route
def test_the_limit_counts_bytes_not_characters(service: Service, success: Success) -> None:
    with Unchanged(service) as unchanged:
        body = json.dumps({"x": "é" * 2100}, ensure_ascii=False).encode()
        assert len(body.decode()) < 4096 < len(body)
        unchanged.refused(success.send_bytes(service, body), "é", "payload_too_large")


@each_post_route
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


@each_post_route
def test_another_media_type_is_415_and_costs_nothing(service: Service, success: Success) -> None:
    """A form of another site can send text/plain and urlencoded without asking, never application/json."""
    with Unchanged(service) as unchanged:
        body = json.dumps(success.body).encode()
        for headers in MEDIA_TYPES:
            reply = success.send_bytes(service, body, headers)
            unchanged.refused(reply, headers, "unsupported_media_type")


@pytest.mark.parametrize("spelling", ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json ;x=y"])
def test_json_is_json_in_every_spelling_of_its_media_type(service: Service, enrolled: Person, spelling: str) -> None:
    success = SUCCESSES["/login"](service)
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


@each_post_route
def test_a_query_parameter_is_refused_and_costs_nothing(service: Service, success: Success) -> None:
    """So that no secret can come to lie in a URL, and none pollutes what the body says."""
    with Unchanged(service) as unchanged:
        body = json.dumps(success.body).encode()
        for query in QUERIES:
            reply = success.send_bytes(service, body, query=query)
            unchanged.refused(reply, query, "invalid_request")


READS = [route for route in contract.ROUTES if route.method == "GET"]


@pytest.mark.parametrize("route", READS, ids=lambda route: route.path)
def test_a_get_takes_no_query_and_no_body(service: Service, enrolled: Person, route: Route) -> None:
    token = service.session(enrolled)["access_token"] if route.bearer != "none" else None
    for reply in (
        raw.send(service, "GET", route.path, query="x=1", token=token),
        raw.send(service, "GET", route.path, b"{}", token=token),
    ):
        assert_is_problem(reply, "invalid_request")


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


@each_post_route
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


@pytest.mark.parametrize("route", [r for r in contract.ROUTES if r.bearer != "none"], ids=lambda route: route.path)
def test_a_junk_authorization_is_401_on_every_bearer_route(service: Service, route: Route) -> None:
    body = b"" if route.method == "GET" else json.dumps(_any_body(service, route)).encode()
    with Unchanged(service) as unchanged:
        for headers in _authorizations():
            reply = raw.send(service, route.method, _path(route), body, headers=(*raw.JSON, *headers))
            unchanged.refused(reply, headers, "invalid_token")


def _authorizations() -> Iterator[raw.Headers]:
    yield ()
    yield (("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer a.b.c"))
    yield (("X-Authorization", "Bearer a.b.c"),)
    for value in AUTHORIZATIONS:
        yield (("Authorization", value),)


def _any_body(service: Service, route: Route) -> dict[str, Any]:
    return {
        "/step-up": {"code": "123456"},
        "/logout": {},
        "/admin/subscribers": {"login_name": "x", "role": "agent"},
        "/admin/subscribers/{login_name}/reset": {"reason": "x"},
    }[route.path]


def _path(route: Route) -> str:
    return route.path.replace("{login_name}", "somebody")


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
