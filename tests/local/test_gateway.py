"""The gateway does what API Gateway's REST API does, wherever a caller or a handler can tell."""

import base64
import http.client
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from local.clock import LocalClock
from local.functions import Functions
from local.gateway import Gateway
from local.incoming import MAX_BODY
from local.local_routes import LocalRoutes
from local.server import HOST, Server, bound
from local.template import Template

SMALL = Path(__file__).with_name("small.yaml")
ARN = "arn:aws:execute-api:eu-west-1:123456789012:local/live"

type Answer = dict[str, Any]
type Stub = Callable[[Any, Any], Any]


class Stubs:
    """Handlers whose answers a test chooses, and what they were called with."""

    def __init__(self) -> None:
        self.echo: Stub = lambda event, context: {"statusCode": 200, "body": "{}"}
        self.authorizer: Stub = lambda event, context: policy("Allow", event["methodArn"])
        self.events: list[Answer] = []
        self.contexts: list[Any] = []
        self.asked: list[Answer] = []

    def handlers(self) -> dict[str, Stub]:
        return {"EchoFunction": self._echo, "AuthorizerFunction": self._authorizer}

    def _echo(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        return self.echo(event, context)

    def _authorizer(self, event: Any, context: Any) -> Any:
        self.asked.append(event)
        return self.authorizer(event, context)


def policy(effect: str, resource: str, **context: Any) -> Answer:
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {
        "principalId": "p",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(SMALL)


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def gateway(template: Template, stubs: Stubs) -> Gateway:
    return Gateway(template, Functions(template, stubs.handlers()))


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return gateway.client()


@pytest.fixture
def served(gateway: Gateway) -> Iterator[Server]:
    server = Server(gateway, bound(0))
    server.start()
    yield server
    server.stop()


def answering(**answer: Any) -> Stub:
    return lambda event, context: answer


def raising(error: BaseException) -> Stub:
    def handler(event: Any, context: Any) -> Any:
        raise error

    return handler


def reset(client: Client, **headers: str) -> Any:
    return client.post("/people/ada/reset", headers=headers or {"Authorization": "Bearer t"})


# Routes and paths


def test_a_literal_segment_wins_over_a_parameter(client: Client, stubs: Stubs) -> None:
    client.get("/people/summary")
    client.get("/people/ada")
    assert [event["resource"] for event in stubs.events] == ["/people/summary", "/people/{name}"]
    assert [event["pathParameters"] for event in stubs.events] == [None, {"name": "ada"}]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("DELETE", "/echo"),
        ("HEAD", "/echo"),
        ("GET", "/people/"),
        ("GET", "//echo"),
        ("GET", "/"),
        ("GET", "/live/echo"),
    ],
)
def test_an_unknown_route_and_an_unknown_method_get_the_templates_404(
    client: Client, stubs: Stubs, method: str, path: str
) -> None:
    answer = client.open(base_url="http://localhost", path=path, method=method)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert not stubs.events


def test_the_refusal_names_the_request_in_its_body_and_header(client: Client) -> None:
    answer = client.get("/nowhere")
    assert answer.json == {"code": "not_found", "request_id": answer.headers["x-amzn-RequestId"]}
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_paths_and_their_parameters_stay_percent_encoded(served: Server, stubs: Stubs) -> None:
    assert sent(served, "GET", "/people/ad%C3%A9%20l%252F?x=a%20b").status == 200
    (event,) = stubs.events
    assert event["path"] == "/people/ad%C3%A9%20l%252F"
    assert event["pathParameters"] == {"name": "ad%C3%A9%20l%252F"}
    assert event["requestContext"]["path"] == event["path"]  # as behind a domain of its own
    assert event["queryStringParameters"] == {"x": "a b"}


def test_an_encoded_slash_stays_within_its_segment(served: Server, stubs: Stubs) -> None:
    sent(served, "GET", "/people/a%2Freset")
    assert stubs.events[0]["pathParameters"] == {"name": "a%2Freset"}


def test_a_slash_at_the_end_reaches_the_same_route(client: Client, stubs: Stubs) -> None:
    assert client.get("/people/ada/").status_code == 200
    assert stubs.events[0]["path"] == "/people/ada/"
    assert stubs.events[0]["pathParameters"] == {"name": "ada"}


# The event


def test_a_repeated_query_parameter_has_its_last_value_and_all_of_them(client: Client, stubs: Stubs) -> None:
    client.get("/echo?a=1&a=2&empty=")
    (event,) = stubs.events
    assert event["queryStringParameters"] == {"a": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "empty": [""]}


def test_a_query_that_comes_apart_from_the_path_is_not_lost(client: Client, stubs: Stubs) -> None:
    """WSGI says it in a variable of its own; a client in process may name it nowhere else."""
    client.get("/echo", query_string={"limit": "0"})
    assert stubs.events[0]["queryStringParameters"] == {"limit": "0"}


def test_what_is_absent_is_null(client: Client, stubs: Stubs) -> None:
    client.get("/echo")
    (event,) = stubs.events
    for name in (
        "body",
        "pathParameters",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
    ):
        assert event[name] is None
    assert event["isBase64Encoded"] is False


def test_headers_keep_their_spelling_and_their_repetitions(served: Server, stubs: Stubs) -> None:
    connection = http.client.HTTPConnection(HOST, served.port, timeout=10)
    connection.putrequest("GET", "/echo")
    for value in ("one", "two"):
        connection.putheader("X-rAtHeR-Odd", value)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()
    (event,) = stubs.events
    assert event["headers"]["X-rAtHeR-Odd"] == "two"
    assert event["multiValueHeaders"]["X-rAtHeR-Odd"] == ["one", "two"]


def test_a_client_cannot_choose_the_source_address(client: Client, stubs: Stubs) -> None:
    client.get(
        "/echo",
        headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "gopher"},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    (event,) = stubs.events
    assert event["requestContext"]["identity"]["sourceIp"] == "192.0.2.7"
    assert event["headers"]["X-Forwarded-For"] == "6.6.6.6, 192.0.2.7"
    assert event["multiValueHeaders"]["X-Forwarded-Proto"] == ["http"]


def test_the_request_context_has_what_handlers_read(client: Client, stubs: Stubs) -> None:
    client.post("/echo", headers={"User-Agent": "tester/1"})
    context = stubs.events[0]["requestContext"]
    assert context["apiId"] == "local"
    assert context["stage"] == "live"
    assert context["resourcePath"] == "/echo"
    assert context["httpMethod"] == "POST"
    assert context["identity"]["userAgent"] == "tester/1"
    assert context["requestId"]
    assert context["extendedRequestId"]
    assert isinstance(context["requestTimeEpoch"], int)
    assert "authorizer" not in context


def test_the_request_time_is_the_clocks(template: Template, stubs: Stubs) -> None:
    Gateway(template, Functions(template, stubs.handlers()), lambda: 86_400.5).client().get("/echo")
    context = stubs.events[0]["requestContext"]
    assert (context["requestTime"], context["requestTimeEpoch"]) == ("02/Jan/1970:00:00:00 +0000", 86_400_500)


@pytest.mark.parametrize(("body", "delivered"), [(b"", None), ("é".encode(), "é"), (b"a\xff\xfeb", "a\ufffd\ufffdb")])
def test_a_body_is_text_and_bytes_that_are_none_are_replaced(
    client: Client, stubs: Stubs, body: bytes, delivered: str | None
) -> None:
    client.post("/echo", data=body, content_type="application/json")
    assert stubs.events[0]["body"] == delivered
    assert stubs.events[0]["isBase64Encoded"] is False


def test_a_body_of_a_binary_media_type_is_base64(client: Client, stubs: Stubs) -> None:
    client.post("/echo", data=b"\x89PNG\xff", content_type="image/png")
    assert base64.b64decode(stubs.events[0]["body"]) == b"\x89PNG\xff"
    assert stubs.events[0]["isBase64Encoded"] is True


def test_a_chunked_body_arrives_whole(served: Server, stubs: Stubs) -> None:
    connection = http.client.HTTPConnection(HOST, served.port, timeout=10)
    connection.request("POST", "/echo", iter([b'{"a":', b"1}"]), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()
    assert stubs.events[0]["body"] == '{"a":1}'


def test_more_than_ten_megabytes_never_reach_a_function(client: Client, stubs: Stubs) -> None:
    assert client.post("/echo", data=b"x" * MAX_BODY).status_code == 200
    refused = client.post("/echo", data=b"x" * (MAX_BODY + 1))
    assert (refused.status_code, refused.json) == (413, {"code": "REQUEST_TOO_LARGE"})
    assert len(stubs.events) == 1


def test_the_context_tells_the_functions_own_limits(client: Client, stubs: Stubs) -> None:
    client.get("/echo")
    (context,) = stubs.contexts
    assert context.function_name == "secondstep-EchoFunction"
    assert context.function_version == "$LATEST"
    assert context.memory_limit_in_mb == "512"
    assert context.invoked_function_arn.endswith(":function:secondstep-EchoFunction")
    assert context.log_group_name == "/aws/lambda/secondstep-EchoFunction"
    assert context.aws_request_id
    assert 0 < context.get_remaining_time_in_millis() <= 7_000


# The answer


def test_headers_that_api_gateway_keeps_for_itself_are_renamed(client: Client, stubs: Stubs) -> None:
    stubs.echo = answering(
        statusCode=401,
        headers={"WWW-Authenticate": "Bearer", "Date": "d", "Server": "s", "Connection": "c", "X-Own": "kept"},
    )
    answer = client.get("/echo")
    assert "WWW-Authenticate" not in answer.headers
    assert answer.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert answer.headers["x-amzn-Remapped-Date"] == "d"
    assert answer.headers["x-amzn-Remapped-Server"] == "s"
    assert answer.headers["x-amzn-Remapped-Connection"] == "c"
    assert answer.headers["X-Own"] == "kept"


def test_several_cookies_reach_the_client(client: Client, stubs: Stubs) -> None:
    stubs.echo = answering(
        statusCode=200, headers={"Set-Cookie": "lost=1"}, multiValueHeaders={"set-cookie": ["a=1", "b=2"]}
    )
    assert client.get("/echo").headers.getlist("Set-Cookie") == ["a=1", "b=2"]


def test_an_answer_without_a_type_is_json_and_carries_the_gateways_ids(client: Client, stubs: Stubs) -> None:
    answer = client.get("/echo")
    assert answer.content_type == "application/json"
    assert answer.headers["x-amzn-RequestId"] == stubs.events[0]["requestContext"]["requestId"]
    assert answer.headers["x-amz-apigw-id"] == stubs.events[0]["requestContext"]["extendedRequestId"]


def test_base64_is_undone_only_for_who_accepts_a_binary_type(client: Client, stubs: Stubs) -> None:
    encoded = base64.b64encode(b"\x89PNG").decode()
    stubs.echo = answering(statusCode=200, headers={"Content-Type": "image/png"}, body=encoded, isBase64Encoded=True)
    assert client.get("/echo", headers={"Accept": "image/png,*/*"}).data == b"\x89PNG"
    assert client.get("/echo", headers={"Accept": "text/html"}).text == encoded


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {},
        {"statusCode": True},
        {"statusCode": 20},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": ["list"]},
        {"statusCode": 200, "headers": {"X": {"nested": 1}}},
        {"statusCode": 200, "headers": {"X": "split\r\nY: 1"}},
        {"statusCode": 200, "multiValueHeaders": {"X": "not a list"}},
        {"statusCode": 200, "body": object()},
    ],
)
def test_a_malformed_answer_is_a_502_in_the_templates_words(
    client: Client, stubs: Stubs, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    stubs.echo = lambda event, context: answer
    refused = client.get("/echo")
    assert refused.status_code == 502
    assert refused.json == {"code": "internal_error", "request_id": refused.headers["x-amzn-RequestId"]}


@pytest.mark.parametrize("error", [ValueError("secret text"), SystemExit(3)])
def test_a_handler_that_raises_is_a_502_and_tells_nothing(
    client: Client, stubs: Stubs, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    stubs.echo = raising(error)
    refused = client.get("/echo")
    assert refused.status_code == 502
    assert "secret text" not in refused.text
    assert "EchoFunction failed" in caplog.text


def test_a_handler_cannot_keep_or_change_what_the_gateway_holds(client: Client, stubs: Stubs) -> None:
    def grabbing(event: Any, context: Any) -> Any:
        event["requestContext"]["requestId"] = "forged"
        return {"statusCode": 200}

    stubs.echo = grabbing
    assert client.get("/echo").headers["x-amzn-RequestId"] != "forged"


# The authorizer


def test_without_the_identity_header_the_authorizer_is_not_even_asked(client: Client, stubs: Stubs) -> None:
    refused = reset(client, Other="x")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json == {"code": "invalid_token", "said": "Unauthorized"}
    assert not stubs.asked
    assert not stubs.events


def test_the_authorizer_is_asked_about_this_very_method(client: Client, stubs: Stubs) -> None:
    assert reset(client).status_code == 200
    (asked,) = stubs.asked
    assert asked["type"] == "REQUEST"
    assert asked["methodArn"] == f"{ARN}/POST/people/ada/reset"
    assert asked["headers"]["Authorization"] == "Bearer t"
    assert asked["pathParameters"] == {"name": "ada"}
    assert "body" not in asked


def test_its_context_reaches_the_handler_as_text(client: Client, stubs: Stubs) -> None:
    stubs.authorizer = lambda event, context: policy("Allow", "*", sub="s", auth_time=17, mfa=True)
    reset(client)
    authorizer = stubs.events[0]["requestContext"]["authorizer"]
    assert authorizer == {
        "sub": "s",
        "auth_time": "17",
        "mfa": "true",
        "principalId": "p",
        "integrationLatency": 1,
    }


def test_unauthorized_is_the_only_text_that_means_401(client: Client, stubs: Stubs) -> None:
    stubs.authorizer = raising(Exception("Unauthorized"))
    assert reset(client).status_code == 401
    stubs.authorizer = raising(Exception("unauthorized"))
    failed = reset(client)
    assert (failed.status_code, failed.json) == (503, {"code": "unavailable"})
    assert not stubs.events


def test_a_deny_is_a_403_and_wins_over_an_allow(client: Client, stubs: Stubs) -> None:
    allow, deny = policy("Allow", "*"), policy("Deny", f"{ARN}/POST/people/*")
    allow["policyDocument"]["Statement"] += deny["policyDocument"]["Statement"]
    stubs.authorizer = lambda event, context: allow
    refused = reset(client)
    assert (refused.status_code, refused.json) == (403, {"code": "ACCESS_DENIED"})
    assert not stubs.events


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        (f"{ARN}/POST/people/ada/reset", 200),
        (f"{ARN}/*/people/*", 200),
        (f"{ARN}/POST/people/???/reset", 200),
        (f"{ARN}/GET/people/ada/reset", 403),
        (f"{ARN}/POST/people/eve/reset", 403),
        ("arn:aws:execute-api:eu-west-1:123456789012:other/*", 403),
    ],
)
def test_an_allow_is_good_for_its_resource_only(client: Client, stubs: Stubs, resource: str, status: int) -> None:
    stubs.authorizer = lambda event, context: policy("Allow", resource)
    assert reset(client).status_code == status
    assert len(stubs.events) == (status == 200)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"principalId": "p"},
        {"principalId": "p", "policyDocument": {}},
        policy("Allow", "*", bad=["a", "list"]),
    ],
)
def test_an_authorizer_that_answers_nonsense_lets_nobody_in(client: Client, stubs: Stubs, answer: Any) -> None:
    stubs.authorizer = lambda event, context: answer
    refused = reset(client)
    assert refused.status_code == 500
    assert refused.json["code"] == "internal_error"
    assert not stubs.events


# CORS of the gateway's own answers


def test_a_refusal_echoes_the_origin_where_the_template_maps_it(client: Client) -> None:
    answer = client.get("/nowhere", headers={"Origin": "http://localhost:5173"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert "Access-Control-Allow-Origin" not in client.get("/nowhere").headers


# The server, and what lies outside the gateway


def test_thirty_two_requests_run_at_the_same_time(served: Server, stubs: Stubs) -> None:
    together = threading.Barrier(32, timeout=20)

    def meeting(event: Any, context: Any) -> Any:
        together.wait()
        return {"statusCode": 200, "body": "{}"}

    stubs.echo = meeting
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: sent(served, "POST", "/echo").status, range(32)))
    assert answers == [200] * 32


def test_the_server_says_little_of_itself(served: Server) -> None:
    assert sent(served, "GET", "/echo").getheader("Server", "").strip() == "secondstep-local"


def test_the_local_routes_are_not_the_gateways(gateway: Gateway) -> None:
    clock = LocalClock()
    application = LocalRoutes(gateway, clock, lambda: None)
    for path in ("/_local/clock", "/_local/reset"):
        assert gateway.client().post(path, json={}).status_code == 404
    assert Client(application).post("/_local/reset").status_code == 204
    assert Client(application).get("/echo").status_code == 200


def test_no_deployed_route_is_a_local_one() -> None:
    api = Template.load().api()
    assert api.routes
    assert not [route for route in api.routes if route.resource.startswith("/_")]


def test_every_deployed_route_finds_its_function() -> None:
    template = Template.load()
    functions = Functions(template)
    for route in template.api().routes:
        assert callable(functions.handler(route.function))


def test_the_clock_moves_both_ways_and_back(gateway: Gateway) -> None:
    clock = LocalClock()
    client = Client(LocalRoutes(gateway, clock, clock.reset))
    before = clock()
    moved = client.post("/_local/clock", json={"advance_seconds": 90})
    assert moved.json is not None
    assert 90 <= moved.json["now"] - int(before) <= 120
    assert 60 <= client.post("/_local/clock", json={"advance_seconds": -30}).json["now"] - int(before) <= 90  # type: ignore[index]
    client.post("/_local/reset")
    assert 0 <= clock() - before <= 30


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"advance_seconds": "30"}',
        '{"advance_seconds": true}',
        '{"advance_seconds": 1e3}',
        '{"advance_seconds": 1, "more": 2}',
        '{"advance_seconds": 9999999999999}',
    ],
)
def test_the_clock_refuses_what_is_no_whole_number_of_seconds(gateway: Gateway, body: str) -> None:
    clock = LocalClock()
    refused = Client(LocalRoutes(gateway, clock, clock.reset)).post("/_local/clock", data=body)
    assert refused.status_code == 400
    assert refused.content_type == "application/problem+json"


def test_other_local_paths_and_methods_are_told(gateway: Gateway) -> None:
    client = Client(LocalRoutes(gateway, LocalClock(), lambda: None))
    assert client.get("/_local/clock").status_code == 405
    assert client.post("/_local/other").status_code == 404


def sent(server: Server, method: str, target: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    connection.request(method, target)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_the_event_is_json(client: Client, stubs: Stubs) -> None:
    client.post("/echo", json={"a": 1})
    assert json.loads(stubs.events[0]["body"]) == {"a": 1}
