"""Every route, odd in every way: over a socket of the local gateway, and as events at the handlers themselves.

Each is refused clearly (a problem, 4xx) and costs nothing, or is answered as documented; none is a defect, and none is
answered with the rights of another route. Made from the contract, so a new route is here from its first day.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.functions import Functions
from local.server import Server, bound
from secondstep import contract
from secondstep.contract import Route
from tests.attacks.successes import SUCCESSES, named
from tests.fuzz import odd
from tests.fuzz.odd import Answered, Odd, Sent
from tests.service import Service

pytestmark = pytest.mark.e2e

each_route = pytest.mark.parametrize("route", contract.ROUTES, ids=named)

type Event = dict[str, Any]


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    server = Server(service.gateway, bound(0))
    server.start()
    yield server.port
    server.stop()


def _assert_refused(answer: Answered, it: Odd) -> None:
    assert 400 <= answer.status < 500, (it.what, answer)
    if it.sent.method != "HEAD":  # has no body
        assert answer.kind == "application/problem+json", (it.what, answer)
        assert answer.body["code"] in it.codes, (it.what, answer)
        assert answer.body["status"] == answer.status


def _stored(service: Service) -> list[str]:
    return sorted(repr(sorted(item.items())) for item in (*service.state(), *service.events()))


@each_route
def test_what_is_odd_over_the_wire_is_refused_and_changes_nothing(service: Service, port: int, route: Route) -> None:
    success = SUCCESSES[route](service)
    before = _stored(service)
    for it in odd.refused(success):
        _assert_refused(odd.send(port, it.sent), it)
    assert _stored(service) == before
    assert success.send(service).status == route.status, "what was refused has cost nothing"


@each_route
def test_what_is_odd_and_good_is_answered_as_documented(service: Service, port: int, route: Route) -> None:
    for number in range(len(list(odd.accepted(SUCCESSES[route](service))))):
        it = list(odd.accepted(SUCCESSES[route](service)))[number]
        assert odd.send(port, it.sent).status == route.status, it.what


BROKEN_FRAMES = {
    "a chunk without a size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk that is cut off": b"Transfer-Encoding: chunked\r\n\r\n7f\r\n{}",
    "a length that is none": b"Content-Length: two\r\n\r\n{}",
    "a negative length": b"Content-Length: -2\r\n\r\n{}",
    "a length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("frame", BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
def test_a_broken_frame_is_refused(port: int, frame: bytes) -> None:
    it = Sent("POST", contract.LOGIN.path, (("Content-Type", contract.JSON),))
    assert 400 <= odd.send(port, it, raw=frame).status < 500


# --- events, past the gateway


class Captured:
    """The gateway's way to the handlers, stopped before the last one: the event of a request that would succeed."""

    def __init__(self, service: Service, route: Route) -> None:
        self.functions: Functions = service.gateway._functions
        self.function, self.event = "", dict[str, Any]()
        authorizer = next((each.authorizer for each in service.gateway.api.routes if each.authorizer), None)
        assert authorizer
        self._authorizer = authorizer.function
        success = SUCCESSES[route](service)
        service.gateway._functions = self  # type: ignore[assignment]
        success.send(service)
        service.gateway._functions = self.functions

    def __call__(self, function: str, event: Event) -> Any:
        if function == self._authorizer:
            return self.functions(function, event)
        self.function, self.event = function, event
        return {"statusCode": 204}

    def answer(self, **changes: Any) -> tuple[int, Event]:
        """Return what the handler answers to a changed event: status, and JSON where it is a problem."""
        answer = self.functions(self.function, {**self.event, **changes})
        said = json.loads(answer["body"]) if answer["statusCode"] >= 400 else {}
        return answer["statusCode"], said


def _odd_events(event: Event) -> Iterator[tuple[str, Event]]:
    context = event["requestContext"]
    many, single = event["multiValueHeaders"], event["headers"]
    yield "a repeated parameter", {"multiValueQueryStringParameters": {"limit": ["1", "1"]}}
    yield "an unknown parameter", {"multiValueQueryStringParameters": None, "queryStringParameters": {"x": "1"}}
    if event["httpMethod"] != "GET":
        yield "a lone surrogate", {"body": '{"a": "\ud800"}', "isBase64Encoded": False}
        yield "Base64 that is none", {"body": "%%%", "isBase64Encoded": True}
        yield "six megabytes", {"body": " " * 6 * 1024 * 1024, "isBase64Encoded": False}
        yield "a body without headers", {"headers": None, "multiValueHeaders": None, "body": "{}"}
    if "Authorization" in single:
        bare = {name: value for name, value in single.items() if name != "Authorization"}
        yield "nobody", {"headers": bare, "multiValueHeaders": {name: [value] for name, value in bare.items()}}
        yield "two tokens", {"multiValueHeaders": {**many, "Authorization": many["Authorization"] * 2}}
    if event["pathParameters"]:
        name = next(iter(event["pathParameters"]))
        yield "no parameter of the path", {"pathParameters": None}
        for value in ("", "%00", "%ff", "..", "a%2fb", "\ud800", "x" * 9000):
            yield f"{value[:9]!r} in the path", {"pathParameters": {name: value}}
    if "authorizer" in context:
        yield (
            "no authorizer",
            {"requestContext": {name: each for name, each in context.items() if name != "authorizer"}},
        )
        for handed in ({}, {"principalId": "p"}, dict.fromkeys(context["authorizer"], "x")):
            yield f"{len(handed)} made up", {"requestContext": {**context, "authorizer": handed}}


@each_route
def test_an_odd_event_is_refused_and_changes_nothing(service: Service, route: Route) -> None:
    it = Captured(service, route)
    before = _stored(service)
    for what, changes in _odd_events(it.event):
        status, said = it.answer(**changes)
        assert 400 <= status < 500, (what, status, said)
        assert said["status"] == status, what
    assert _stored(service) == before


@each_route
def test_a_handler_answers_its_own_routes_only(service: Service, route: Route) -> None:
    """Whoever could invoke one function with an event of their own has that function's rights, and no more."""
    it = Captured(service, route)
    before = _stored(service)
    own = {each.path for each in contract.ROUTES if each.function == route.function}
    for resource in sorted({each.path for each in contract.ROUTES} - own | {"/", "/{proxy+}", "/_local/reset"}):
        assert it.answer(resource=resource)[0] == 404, resource
    assert it.answer(httpMethod="HEAD")[0] == 404
    assert _stored(service) == before


NEUTRAL: dict[str, Callable[[Event], Event]] = {
    "another path": lambda event: {"path": "/../admin/" + "x" * 5000},
    "headers once": lambda event: {"multiValueHeaders": None},
    "headers as lists": lambda event: {"headers": None},
    "no stage": lambda event: {"requestContext": {**event["requestContext"], "path": "/live//x", "stage": ""}},
}


@each_route
@pytest.mark.parametrize("what", NEUTRAL)
def test_what_decides_nothing_changes_no_answer(service: Service, route: Route, what: str) -> None:
    it = Captured(service, route)
    assert it.answer(**NEUTRAL[what](it.event))[0] == route.status
