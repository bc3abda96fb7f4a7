"""Event in, answer out: what is read, what is refused, and what every answer has in common."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from secondstep import errors, http, incoming, wiring
from secondstep.aws import AwsRefused
from secondstep.contract import LARGEST_PICTURE, PNG, Route
from secondstep.errors import ServiceError
from secondstep.http import App, Call, Tagged
from secondstep.settings import Settings
from secondstep.shapes import Nothing, PictureRequest, Request
from secondstep.subscriber import canonical_login_name
from secondstep.wiring import Services
from tests.told import told
from tests.unit import refusals
from tests.unit.aws import FakeKms, FakeTable, Silent
from tests.unit.records import ISSUER, NOW

type Event = dict[str, Any]

ORIGIN = "https://app.example.test"
TYPED = "what-nobody-may-see"


class Probe(Request, frozen=True, kw_only=True):
    """A body with a field of each kind."""

    text: str
    number: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    flag: bool | UnsetType = UNSET
    texts: tuple[str, ...] = ()
    inner: dict[str, str] | UnsetType = UNSET
    choice: Literal["a", "b"] | UnsetType = UNSET


class Parameters(Request, frozen=True, kw_only=True):
    """Query parameters of each kind."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    name: str = ""
    flag: bool | UnsetType = UNSET


PROBE = Route(method="POST", path="/probe/{login_name}", function="probe", summary="", takes=Probe, query=Parameters)
READ = Route(method="GET", path="/read", function="probe", summary="", cached_seconds=3600)


def services_with(**settings: Any) -> Services:
    """Return an environment with these settings, a clock that stands still, and no AWS."""
    plain: dict[str, Any] = {"state_table": "State", "audit_table": "Audit", "region": "eu-west-1"}
    return wiring.build(
        Settings(**(plain | {"public_url": ISSUER, "allowed_origins": (ORIGIN,)} | settings)),
        clock=lambda: NOW + 0.25,
        dynamodb=FakeTable(),
        kms=FakeKms(),
        events=Silent(),
        ses=Silent(),
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    made = services_with()
    wiring.install(made)
    yield made
    wiring.install(None)


def event(
    body: str | None = '{"text": "x"}',
    *,
    method: str = "POST",
    resource: str = "/probe/{login_name}",
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),),
    **changes: Any,
) -> Event:
    """Return a REST proxy event, as API Gateway sends it."""
    many: dict[str, list[str]] = {}
    for name, value in headers:
        many.setdefault(name, []).append(value)
    plain = {
        "resource": resource,
        "path": resource,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in many.items()},
        "multiValueHeaders": many,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {
            "apiId": "a1b2c3",
            "stage": "live",
            "requestId": "request-1",
            "domainName": "evil.example",
            "identity": {"sourceIp": "203.0.113.7"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    return plain | changes


def parsed(body: str | None, **changes: Any) -> Probe:
    return incoming.parse_body(event(body, **changes), Probe)


def wrong(body: str | None, **changes: Any) -> tuple[str, str]:
    """Return the field and the message that a body is refused with."""
    with pytest.raises(errors.InvalidRequest) as refused:
        parsed(body, **changes)
    return refused.value.field, refused.value.message


def call_with(**changes: Any) -> Call[Nothing]:
    made = wiring.services()
    sent = event(**changes)
    return Call(body=Nothing(), context=http.request_context(sent, made), services=made, event=sent)


# --- bodies


def test_a_body_becomes_its_struct() -> None:
    found = parsed('{"text": "é", "number": 7, "flag": true, "texts": ["a"], "inner": {"a": "b"}}')
    assert found == Probe(text="é", number=7, flag=True, texts=("a",), inner={"a": "b"})
    assert repr(found) == "Probe(…)"


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "a", "text": "b"}',
        '{"text": "a", "text": "a"}',
        '{"text": "a", "\\u0074ext": "b"}',
        '{"text": "a", "inner": {"a": "1", "a": "2"}}',
        '{"text": "a", "texts": [{"b": 1, "b": 2}]}',
    ],
)
def test_a_key_may_not_come_twice_at_any_depth(body: str) -> None:
    assert wrong(body) == ("", "names a field twice")


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '["text"]',
        '[{"text": "x"}]',
        '"text"',
        "null",
        "true",
        "5",
        "-0.0",
        "1e999",
        "{",
        "}",
        "{]",
        "{}{}",
        '{"text": "x"} x',
        '{"text": "x",}',
        "{'text': 'x'}",
        '{text: "x"}',
        '{"text": x}',
        '{"text": "a\nb"}',
        '{"text": "\\x41"}',
        '{"text": "x", "number": 01}',
        '{"text": "x", "number": +1}',
        "\ufeff{}",
        " ",
        "\x00",
        "text=x",
        "<text>x</text>",
    ],
)
def test_what_is_no_json_object_is_refused(body: str) -> None:
    wrong(body)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_pythons_own_constants_are_not_json(constant: str) -> None:
    assert wrong(f'{{"text": "x", "number": {constant}}}') == ("", f"{constant} is not JSON")


@pytest.mark.parametrize(
    "body",
    [
        "[" * 4000,
        "[" * 2000 + "]" * 2000,
        '{"text":' * 500,
        '{"text":' * 400 + "1" + "}" * 400,
        '{"text": "x", "texts": ' + "[" * 1900 + "]" * 1900 + "}",
    ],
    ids=["open arrays", "arrays", "open objects", "objects", "arrays in a field"],
)
def test_deep_nesting_is_refused_and_breaks_nothing(body: str) -> None:
    wrong(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "\\ud800"}',
        '{"text": "a\\udfffb"}',
        '{"text": "\\udc00\\ud800"}',
        '{"\\ud800": "x"}',
        '{"text": "x", "inner": {"a": "\\ud800"}}',
        '{"text": "x", "inner": {"\\ud800": "a"}}',
        '{"text": "\ud800"}',
    ],
)
def test_a_lone_surrogate_is_no_text(body: str) -> None:
    wrong(body)


@pytest.mark.parametrize(
    "body",
    ['{"text": "x", "texts": ["\\ud800"]}', '{"text": "x", "texts": ["a", "b\\udfff"]}'],
)
def test_a_lone_surrogate_in_a_list_is_no_text_either(body: str) -> None:
    wrong(body)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parsed('{"text": "\\ud834\\udf06"}').text == "𝌆"


def filled(size: int, letter: str = "x") -> str:
    """Return a body of this many bytes."""
    frame = len('{"text": ""}')
    return json.dumps({"text": letter * ((size - frame) // len(letter.encode()))}, ensure_ascii=False)


def test_a_body_of_4096_bytes_is_read_and_of_4097_is_not() -> None:
    assert len(parsed(filled(4096)).text) == 4084
    with pytest.raises(errors.PayloadTooLarge):
        parsed(filled(4097))


def test_bytes_are_counted_and_not_characters() -> None:
    assert len(filled(4096, "é").encode()) == 4096
    assert len(parsed(filled(4096, "é")).text) == 2042
    with pytest.raises(errors.PayloadTooLarge):
        parsed(filled(4098, "é"))
    with pytest.raises(errors.PayloadTooLarge):
        parsed("\ud800" * 1366)


def test_a_body_that_is_too_large_is_not_looked_into() -> None:
    for body in ("[" * 100_000, "x" * 1_000_000, '{"text": NaN' + " " * 5000):
        with pytest.raises(errors.PayloadTooLarge):
            parsed(body)


def json_as(media_type: str) -> dict[str, Any]:
    return {"headers": (("Content-Type", media_type),)}


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        " application/json ;x=y",
    ],
)
def test_json_is_json_in_every_spelling(media_type: str) -> None:
    assert parsed('{"text": "x"}', **json_as(media_type)) == Probe(text="x")


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/json-patch+json",
        "application/problem+json",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/plain; application/json",
        "application/json, text/plain",
        "*/*",
        "application/ json",
    ],
)
def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        parsed('{"text": "x"}', **json_as(media_type))


def test_no_media_type_and_two_of_them_are_refused() -> None:
    twice = (("Content-Type", "application/json"), ("content-type", "application/json"))
    for headers in ((), twice):
        with pytest.raises(errors.UnsupportedMediaType):
            parsed('{"text": "x"}', headers=headers)


@pytest.mark.parametrize("body", [None, ""])
@pytest.mark.parametrize("headers", [(), (("Content-Type", "text/plain"),)])
def test_no_body_needs_no_media_type_and_is_an_empty_object(
    body: str | None, headers: tuple[tuple[str, str], ...]
) -> None:
    assert incoming.parse_body(event(body, headers=headers), Nothing) == Nothing()
    assert wrong(body, headers=headers) == ("", "Object missing required field `text`")


@pytest.mark.parametrize("body", ['{"text": "x"}', base64.b64encode(b'{"text": "x"}').decode(), "é"])
def test_a_body_in_base64_is_not_json(body: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        parsed(body, isBase64Encoded=True)


PICTURE = b"\x89PNG" + bytes(32 * 1024 - 4)
IS_PNG: dict[str, Any] = {"headers": (("Content-Type", "image/png"),), "isBase64Encoded": True}


def picture(body: str, **changes: Any) -> bytes:
    taken = incoming.parse_body(
        event(body, **IS_PNG | changes), PictureRequest, media_type=PNG, largest=LARGEST_PICTURE
    )
    return taken.png


def test_a_picture_comes_in_base64_and_is_its_bytes() -> None:
    assert picture(base64.b64encode(PICTURE).decode()) == PICTURE


@pytest.mark.parametrize("more", [1, 2, 3, 4, 1000])
def test_a_picture_of_more_than_32_kilobytes_is_too_large(more: int) -> None:
    with pytest.raises(errors.PayloadTooLarge):
        picture(base64.b64encode(PICTURE + bytes(more)).decode())


@pytest.mark.parametrize("body", ["not base64!", "a", "=", "é"])
def test_what_only_says_that_it_is_base64_is_refused(body: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        picture(body)


@pytest.mark.parametrize("changes", [{"isBase64Encoded": False}, {"headers": (("Content-Type", "image/jpeg"),)}])
def test_a_picture_of_another_kind_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        picture(base64.b64encode(PICTURE[:99]).decode(), **changes)


def test_a_get_takes_no_body() -> None:
    assert wrong('{"text": "x"}', method="GET") == ("", "takes no body")


@pytest.mark.parametrize("name", ["other", "Text", "text ", "", "__proto__", "é"])
def test_an_unknown_field_is_refused(name: str) -> None:
    wrong(json.dumps({"text": "x", name: "y"}))


@pytest.mark.parametrize("value", ["null", "1", "1.5", "true", "[]", '["x"]', "{}"])
def test_a_text_is_a_text(value: str) -> None:
    assert wrong(f'{{"text": {value}}}')[0] == "text"


@pytest.mark.parametrize("value", ["null", '"7"', "7.0", "7e0", "1e999", "true", "[7]", "-1", "101", "1" * 1000])
def test_a_number_is_a_whole_number_within_its_bounds(value: str) -> None:
    assert wrong(f'{{"text": "x", "number": {value}}}')[0] == "number"


@pytest.mark.parametrize("value", ["null", "0", "1", '"true"', "[]"])
def test_a_flag_is_true_or_false(value: str) -> None:
    assert wrong(f'{{"text": "x", "flag": {value}}}')[0] == "flag"


def test_a_value_that_is_not_to_be_chosen_is_refused_and_not_repeated() -> None:
    assert wrong(json.dumps({"text": "x", "choice": TYPED})) == ("choice", "is none of the allowed values")


def test_the_field_is_named_by_its_place() -> None:
    assert wrong('{"text": "x", "texts": ["a", 1]}')[0] == "texts[1]"


# --- query parameters


def queried(many: dict[str, list[str]] | None, single: dict[str, str] | None = None) -> Parameters:
    sent = event(multiValueQueryStringParameters=many, queryStringParameters=single)
    return incoming.parse_query(sent, Parameters)


def test_query_parameters_become_their_struct() -> None:
    assert queried(None) == Parameters()
    assert queried({}) == Parameters()
    assert queried({"limit": ["7"], "name": ["é"], "flag": ["true"]}) == Parameters(limit=7, name="é", flag=True)
    assert queried(None, {"limit": "7"}) == Parameters(limit=7)


@pytest.mark.parametrize("values", [["1", "2"], ["1", "1"], []])
def test_a_query_parameter_comes_once(values: list[str]) -> None:
    """The single-valued map would show the last of them."""
    with pytest.raises(errors.InvalidRequest) as refused:
        queried({"limit": values}, {"limit": "1"})
    assert refused.value.field == "limit"


@pytest.mark.parametrize("name", ["other", "Limit", "limit[]", ""])
def test_an_unknown_query_parameter_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        queried({name: ["1"]})


@pytest.mark.parametrize(
    "value", ["", "0", "101", "-1", " 5", "5 ", "+5", "05", "5_0", "0x5", "1.5", "٥", "５", "x", "null"]
)
def test_a_number_in_a_query_is_written_as_one(value: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        queried({"limit": [value]})
    assert refused.value.field == "limit"


# --- headers


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_is_found_in_every_spelling(name: str, scheme: str) -> None:
    call = call_with(headers=((name, f"{scheme} token"),))
    assert call.has_bearer_token()
    assert call.bearer_token() == "token"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Authorization", ""),),
        (("Authorization", "Bearer"),),
        (("Authorization", "Bearer "),),
        (("Authorization", "token"),),
        (("Authorization", "Basic token"),),
        (("Authorization", "Bearertoken"),),
        (("Authorization", " Bearer token"),),
        (("X-Authorization", "Bearer token"),),
        (("Authorization", "Bearer token"), ("Authorization", "Bearer token")),
        (("Authorization", "Bearer token"), ("authorization", "Bearer other")),
        (("Authorization", "Bearer token"), ("AUTHORIZATION", "")),
    ],
    ids=str,
)
def test_anything_but_exactly_one_bearer_token_is_none(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(errors.InvalidToken):
        call_with(headers=headers).bearer_token()


def test_headers_are_read_where_only_the_single_valued_map_is_there() -> None:
    """A Lambda authorizer's event, and a test from the console."""
    call = call_with(multiValueHeaders=None, headers=(("aUthorization", "Bearer token"),))
    assert call.bearer_token() == "token"
    call = call_with(headers=())
    assert call_with(headers=(), multiValueHeaders=None).header("if-match") is None
    assert not call.has_bearer_token()


def test_the_lines_of_a_header_are_one_list() -> None:
    assert call_with(headers=(("If-Match", '"1"'),)).header("if-match") == '"1"'
    assert call_with(headers=(("If-Match", '"1"'), ("if-match", '"2"'))).header("if-match") == '"1", "2"'
    assert call_with(headers=()).header("if-match") is None


# --- path


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("kim", "kim"),
        ("kim%40example.com", "kim@example.com"),
        ("kim@example.com", "kim@example.com"),
        ("%C3%A9", "é"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("%2541", "%41"),
        ("%252541", "%2541"),
        ("a%2Fb", "a/b"),
        ("100%", "100%"),
        ("%zz", "%zz"),
    ],
)
def test_a_part_of_the_path_is_decoded_exactly_once(raw: str, decoded: str) -> None:
    assert call_with(pathParameters={"login_name": raw}).path_parameter("login_name") == decoded


@pytest.mark.parametrize("raw", ["%2541", "a%2Fb", "a%252Fb", "%23", "%3F", "100%", "%00", "%0A", "%E2%80%AE", ""])
def test_what_no_login_name_can_be_is_not_one_in_a_path(raw: str) -> None:
    named = call_with(pathParameters={"login_name": raw}).path_parameter("login_name")
    with pytest.raises(errors.InvalidRequest):
        canonical_login_name(named)


@pytest.mark.parametrize("raw", ["%ff", "%c3%28", "%ed%a0%80", "a%fe"])
def test_a_path_that_is_not_utf8_is_not_found(raw: str) -> None:
    with pytest.raises(errors.NotFound):
        call_with(pathParameters={"login_name": raw}).path_parameter("login_name")


@pytest.mark.parametrize("parameters", [None, {}, {"other": "x"}, {"login_name": None}])
def test_a_part_of_the_path_that_is_not_there_is_empty(parameters: dict[str, str] | None) -> None:
    assert call_with(pathParameters=parameters).path_parameter("login_name") == ""


# --- context


FORGED = (
    ("Host", "evil.example"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-For", "198.51.100.1"),
    ("Forwarded", "for=198.51.100.1;host=evil.example"),
    ("X-Amzn-RequestId", "forged"),
)


def test_the_issuer_is_the_parameter() -> None:
    assert http.request_context(event(headers=FORGED), services_with()).issuer == ISSUER


def test_without_the_parameter_the_issuer_is_the_apis_own_address() -> None:
    """Attack A44: never the Host header, nor the domain that the request context repeats from it."""
    context = http.request_context(event(headers=FORGED), services_with(public_url=""))
    assert context.issuer == "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/live"


def test_source_time_and_id_are_the_gateways_and_the_clocks() -> None:
    context = http.request_context(event(headers=FORGED), services_with())
    assert (context.now, context.milliseconds) == (NOW, NOW * 1000 + 250)
    assert (context.source, context.charged_address, context.request_id) == ("203.0.113.7", "203.0.113.7", "request-1")


def test_a_backend_that_relays_logins_is_not_charged() -> None:
    context = http.request_context(event(), services_with(server_addresses=("203.0.113.0/24",)))
    assert (context.source, context.charged_address) == ("203.0.113.7", None)


@pytest.mark.parametrize("said", [{}, {"identity": None}, {"identity": {}}, {"identity": {"sourceIp": None}}])
def test_a_source_that_is_not_said_is_charged_all_the_same(said: Event) -> None:
    sent = event(requestContext={"apiId": "a", "stage": "live", **said})
    context = http.request_context(sent, services_with(server_addresses=("0.0.0.0/0", "::/0")))
    assert (context.source, context.charged_address, context.request_id) == ("unknown", "unknown", "unknown")


# --- answers


class Answer:
    """An answer, as API Gateway takes it."""

    def __init__(self, raw: Event) -> None:
        assert set(raw) >= {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}
        assert not raw["isBase64Encoded"]
        self.status: int = raw["statusCode"]
        self.text: str = raw["body"]
        self.body: Any = json.loads(self.text) if self.text else None
        assert all(len(values) == 1 for values in raw["multiValueHeaders"].values())
        self.headers = {name: values[0] for name, values in raw["multiValueHeaders"].items()}


def answered(function: Callable[[Call[Probe]], object], sent: Event | None = None) -> Answer:
    app = App()
    app.route(PROBE, Probe)(function)
    app.preflight(PROBE.path)
    return Answer(app(sent or event(pathParameters={"login_name": "kim"}), None))


def raising(raised: BaseException) -> Callable[[Call[Probe]], object]:
    def function(_: Call[Probe]) -> object:
        raise raised

    return function


FIXED = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "no-referrer",
    "Vary": "Origin",
}


def test_a_success_is_json_with_every_fixed_header() -> None:
    answer = answered(lambda call: {"text": call.body.text})
    assert (answer.status, answer.body) == (200, {"text": "x"})
    assert answer.headers == FIXED | {"Content-Type": "application/json"}


def test_nothing_to_say_is_an_empty_body() -> None:
    answer = answered(lambda _: None)
    assert answer.text == ""
    assert answer.headers == FIXED


def test_an_entity_tag_goes_into_its_header() -> None:
    answer = answered(lambda _: Tagged({"a": 1}, '"7"'))
    assert answer.body == {"a": 1}
    assert answer.headers["ETag"] == '"7"'


def test_only_a_route_that_says_so_may_be_cached() -> None:
    app = App()
    app.route(READ, Nothing)(lambda _: {})
    answer = Answer(app(event(None, method="GET", resource="/read"), None))
    assert answer.headers["Cache-Control"] == "public, max-age=3600"


def test_a_refusal_of_a_route_that_may_be_cached_is_not() -> None:
    app = App()

    def refuse(_: Call[Nothing]) -> object:
        raise errors.Unavailable

    app.route(READ, Nothing)(refuse)
    answer = Answer(app(event(None, method="GET", resource="/read"), None))
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("refusal", refusals.MADE, ids=lambda each: each.code)
def test_every_refusal_is_a_whole_problem_document(refusal: ServiceError) -> None:
    answer = answered(raising(refusal))
    assert answer.status == refusal.status
    assert answer.body == {
        "type": f"urn:secondstep:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": "request-1",
        **refusal.members(),
    }
    optional = {"WWW-Authenticate", "Retry-After"}
    fixed = {name: value for name, value in answer.headers.items() if name not in optional}
    assert fixed == FIXED | {"Content-Type": "application/problem+json"}
    assert ("Retry-After" in answer.headers) == ("retry_after" in answer.body)
    assert ("WWW-Authenticate" in answer.headers) == (refusal.status == 401)


@pytest.mark.parametrize(
    ("refusal", "header"),
    [
        (errors.InvalidToken(), 'Bearer error="invalid_token"'),
        (errors.StepUpRequired(max_age=300), 'Bearer error="insufficient_user_authentication", max_age="300"'),
        (errors.InvalidCredentials(), "Bearer"),
        (errors.InvalidCode(tries_left=1), "Bearer"),
    ],
    ids=["token", "step-up", "credentials", "code"],
)
def test_a_401_says_how_to_authenticate(refusal: ServiceError, header: str) -> None:
    assert answered(raising(refusal)).headers["WWW-Authenticate"] == header


def test_a_wait_is_a_header_and_a_member() -> None:
    answer = answered(raising(errors.TooManyAttempts(retry_after=7)))
    assert (answer.headers["Retry-After"], answer.body["retry_after"]) == ("7", 7)


def everything_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    out, err = capfd.readouterr()
    return out + err + caplog.text + repr([vars(record) for record in caplog.records])


@pytest.mark.parametrize("raised", [ValueError(TYPED), KeyError(TYPED), RecursionError(TYPED)], ids=repr)
def test_a_defect_is_a_500_that_says_nothing_of_what_happened(
    raised: Exception, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = answered(raising(raised))
    assert (answer.status, answer.body["code"]) == (500, "internal_error")
    assert answer.headers == FIXED | {"Content-Type": "application/problem+json"}
    assert TYPED not in answer.text
    printed = everything_printed(capfd, caplog)
    assert type(raised).__name__ in printed
    assert TYPED not in printed


def test_a_defect_within_a_refusal_says_nothing_either(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def function(call: Call[Probe]) -> object:
        try:
            return int(TYPED)  # a ValueError that repeats the text
        except ValueError as inner:
            raise TypeError(call.body.text + TYPED) from inner

    assert TYPED not in answered(function).text
    assert TYPED not in everything_printed(capfd, caplog)


def test_what_aws_refuses_is_logged_by_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    answer = answered(raising(AwsRefused("AccessDeniedException")))
    assert answer.status == 500
    [line] = told(capsys.readouterr().out, "defect")
    assert (line["level"], line["refusal"]) == ("ERROR", "AccessDeniedException")


def test_an_answer_that_cannot_be_encoded_is_a_defect() -> None:
    assert answered(lambda _: object()).status == 500
    assert answered(lambda _: {"text": "\ud800"}).status == 500


def test_a_request_is_logged_by_route_status_and_code_alone(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sent = event(
        json.dumps({"text": TYPED}),
        pathParameters={"login_name": TYPED},
        path=f"/probe/{TYPED}",
        headers=(("Content-Type", "application/json"), ("Authorization", f"Bearer {TYPED}")),
    )
    assert answered(raising(errors.Conflict("taken")), sent).status == 409
    printed = everything_printed(capfd, caplog)
    [line] = told(printed, "answered")
    assert (line["method"], line["route"], line["status"], line["code"]) == (
        "POST",
        "/probe/{login_name}",
        409,
        "conflict",
    )
    assert TYPED not in printed


def test_the_line_of_a_request_counts_it_in_the_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    answered(raising(errors.Conflict("taken")))
    [line] = told(capsys.readouterr().out, "answered")
    [counted] = line["_aws"]["CloudWatchMetrics"]
    assert counted == {
        "Namespace": "secondstep",
        "Dimensions": [["service"], ["service", "route"]],
        "Metrics": [{"Name": "conflict", "Unit": "Count"}],
    }
    assert (line["conflict"], line["service"]) == ([1], "secondstep")
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_the_line_of_a_request_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    answered(lambda _: {})
    assert len(capsys.readouterr().out) <= 400


@pytest.mark.parametrize("many", [{"other": ["x"]}, {"limit": ["1", "2"]}, {"limit": ["x"]}])
def test_a_query_is_judged_before_the_handler_sees_it(many: dict[str, list[str]]) -> None:
    answer = answered(raising(AssertionError()), event(multiValueQueryStringParameters=many))
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")


def test_the_handler_sees_its_query_parameters() -> None:
    sent = event(multiValueQueryStringParameters={"limit": ["3"]})
    assert answered(lambda call: {"limit": call.query(Parameters).limit}, sent).body == {"limit": 3}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (event("{"), "invalid_request"),
        (event("x" * 4097), "payload_too_large"),
        (event(headers=()), "unsupported_media_type"),
    ],
    ids=["broken", "large", "typeless"],
)
def test_a_body_is_judged_before_the_handler_sees_it(sent: Event, code: str) -> None:
    assert answered(raising(AssertionError()), sent).body["code"] == code


@pytest.mark.parametrize(("method", "resource"), [("GET", "/probe/{login_name}"), ("POST", "/probe"), ("PUT", "/")])
def test_an_unknown_route_or_method_is_not_found(method: str, resource: str) -> None:
    answer = answered(raising(AssertionError()), event(method=method, resource=resource))
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert answer.headers == FIXED | {"Content-Type": "application/problem+json"}


@pytest.mark.parametrize("path", ["/probe/../read", "//probe//kim", "/probe/kim/", "/probe/a%2Fb", "/read"])
def test_the_gateways_route_counts_and_never_the_path(path: str) -> None:
    """Attack A15: two grammars of a path are two answers to who may call what."""
    assert answered(lambda _: {}, event(path=path)).status == 200


# --- CORS


def cors_of(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


def from_origin(*origins: str, method: str = "POST") -> Event:
    headers = (("Content-Type", "application/json"), *(("Origin", each) for each in origins))
    return event(method=method, headers=headers)


def test_a_listed_origin_is_echoed_and_never_with_credentials() -> None:
    answer = answered(lambda _: {}, from_origin(ORIGIN))
    assert cors_of(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "ETag, Retry-After, WWW-Authenticate, x-amzn-Remapped-WWW-Authenticate",
    }
    assert answer.headers["Vary"] == "Origin"


def test_a_refusal_is_readable_from_a_listed_origin() -> None:
    answer = answered(raising(errors.TooManyAttempts(retry_after=7)), from_origin(ORIGIN))
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "origins",
    [(), ("https://evil.example",), ("null",), ("*",), ("",), (ORIGIN, ORIGIN), (ORIGIN, "https://evil.example")],
)
def test_another_origin_gets_nothing(origins: tuple[str, ...]) -> None:
    answer = answered(lambda _: {}, from_origin(*origins))
    assert cors_of(answer) == {}
    assert answer.headers["Vary"] == "Origin"


def test_a_preflight_from_a_listed_origin_says_what_is_allowed() -> None:
    answer = answered(raising(AssertionError()), from_origin(ORIGIN, method="OPTIONS"))
    assert (answer.status, answer.text) == (204, "")
    assert cors_of(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "ETag, Retry-After, WWW-Authenticate, x-amzn-Remapped-WWW-Authenticate",
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Max-Age": "600",
    }


def test_a_preflight_from_another_origin_says_nothing() -> None:
    answer = answered(raising(AssertionError()), from_origin("https://evil.example", method="OPTIONS"))
    assert (answer.status, cors_of(answer)) == (204, {})


# --- the admin that the authorizer let pass


def test_what_an_authorizer_hands_over_is_worth_nothing_without_the_token() -> None:
    """Whoever can call the function directly can write any context into the event."""
    handed = {
        "account": "acme",
        "sub": "s",
        "login_name": "kim",
        "hash": "h",
        "sid": "i",
        "epoch": "",
        "auth_time": "1",
    }
    call = call_with(requestContext={"apiId": "a", "stage": "live", "authorizer": handed})
    with pytest.raises(errors.InvalidToken):
        call.acting_admin()


def test_a_struct_of_a_request_never_shows_what_it_holds() -> None:
    assert TYPED not in repr(msgspec.convert({"text": TYPED}, Probe))
