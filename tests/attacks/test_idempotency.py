"""One transaction, one token: what DynamoDB makes of a repeat, with both clients all the way to the wire (promise 8).

Between client and DynamoDB stands a relay that can lose a reply after the call has run. With DYNAMODB_LOCAL=1 it is
AWS's own implementation that remembers the tokens; without, the local cloud's.
"""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from secondstep.aws import Answer, DynamoDb
from secondstep.boto3_client import Boto3DynamoDb
from secondstep.lean.client import LeanDynamoDb, Surroundings
from secondstep.lean.connection import Limits
from secondstep.settings import AwsClient
from tests.attacks.raw import assert_is_problem
from tests.attacks.striking import cancelled
from tests.attacks.successes import Success, confirmation, recovery, verification
from tests.clients import REGION, moto_over_http
from tests.conftest import Database
from tests.loopback import Act, Loopback, Received, answers, closes, whole
from tests.recording import Called
from tests.service import Service

_ALL = 99
_HEADERS = ("Content-Type", "x-amz-crc32", "x-amzn-RequestId")
each_accept = pytest.mark.parametrize("make", [verification, confirmation, recovery])

type Make = Callable[[Service], Success]


class Sent(NamedTuple):
    """A transaction as it came by, and what DynamoDB said to it."""

    body: dict[str, Any]
    status: int
    answer: dict[str, Any]


class Relay:
    """Hands every call on; of the next transactions it loses as many replies as it is told to."""

    def __init__(self) -> None:
        self.behind = ""
        self.sent: list[Sent] = []
        self.losing = 0

    def watch(self, *, losing: int = 0) -> None:
        """Begin anew."""
        self.sent.clear()
        self.losing = losing

    def __call__(self, received: Received) -> Act:
        """Hand a call on, and its answer back, unless it is to be lost."""
        status, headers, body = self._handed_on(received)
        if received.operation == "TransactWriteItems":
            self.sent.append(Sent(json.loads(received.body), status, json.loads(body or b"{}")))
            if self.losing:
                self.losing -= 1
                return closes
        return answers(whole(status, headers, body))

    def _handed_on(self, received: Received) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.behind, timeout=30)
        try:
            connection.request("POST", "/", received.body, received.headers)
            reply = connection.getresponse()
            told = {name: reply.headers[name] for name in _HEADERS if name in reply.headers}
            return reply.status, told, reply.read()
        finally:
            connection.close()

    @property
    def tokens(self) -> list[str]:
        """Return the token of each transaction that came by."""
        return [each.body["ClientRequestToken"] for each in self.sent]


@pytest.fixture(scope="session")
def _between() -> Relay:
    return Relay()


@pytest.fixture(scope="session", params=list(AwsClient))
def database(database: Database, _between: Relay, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return the database of every other test, behind the relay, by each of the two clients."""
    with _dynamodb() as address, Loopback(_between) as listening:
        _between.behind = urlsplit(address).netloc
        client = _client_at(listening.url, request.param)
        yield database._replace(adapter=client)
        if isinstance(client, LeanDynamoDb):
            client.close()


@contextmanager
def _dynamodb() -> Iterator[str]:
    if told := os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
        yield told
        return
    with moto_over_http() as moto:
        yield moto


def _client_at(url: str, chosen: AwsClient) -> DynamoDb:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        if chosen is AwsClient.BOTO3:
            return Boto3DynamoDb(REGION)
        around = Surroundings(dict(os.environ), time.time, lambda _: None, Limits(connect=5, read=30))
        return LeanDynamoDb(REGION, around)


@pytest.fixture
def relay(service: Service, _between: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """Return the relay, as a test begins."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    _between.watch()
    return _between


def assert_done_once(service: Service, success: Success) -> None:
    """One session, and one record of it."""
    assert len(service.sessions(success.person)) == 1
    names = ("verify", "enrolled", "recovery_code_used")
    assert [each["outcome"] for each in service.events(*names)] == ["success"]


@each_accept
def test_an_accept_that_is_sent_twice_after_a_lost_reply_succeeds_and_writes_once(
    service: Service, relay: Relay, make: Make
) -> None:
    success = make(service)
    relay.watch(losing=1)
    reply = success.send(service)
    assert reply.status == 200, reply.body
    first, second = relay.sent
    assert first.body == second.body
    assert (first.status, second.status) == (200, 200)  # DynamoDB answers the repeat with success
    assert_done_once(service, success)
    assert service.get("/me", token=reply.body["account_token"]).status == 200


@each_accept
def test_a_request_that_comes_again_after_lost_replies_is_another_transaction(
    service: Service, relay: Relay, make: Make
) -> None:
    """Under the token of the first it would be answered with success: a second session for one code."""
    success = make(service)
    relay.watch(losing=_ALL)
    assert_is_problem(success.send(service), "unavailable")
    assert len(relay.sent) >= 2
    assert len(set(relay.tokens)) == 1
    relay.watch()
    assert_is_problem(success.send(service), "challenge_invalid")
    assert_done_once(service, success)


@each_accept
def test_the_same_challenge_code_and_step_have_another_token_in_each_request(
    service: Service, relay: Relay, make: Make
) -> None:
    success = make(service)
    service.recorder.clear()
    service.recorder.fault = _in_transactions(_conflict)
    assert_is_problem(success.send(service), "unavailable")
    service.recorder.fault = None
    assert success.send(service).status == 200
    sent = [call.request for call in service.recorder.calls if call.operation == "transact_write_items"]
    *tries, again = [request["ClientRequestToken"] for request in sent]
    assert len(tries) == 3
    assert len(set(tries)) == 1
    assert again not in tries
    assert [len(bytes.fromhex(token)) for token in (tries[0], again)] == [16, 16]
    assert relay.tokens == [again]


@each_accept
def test_a_token_that_has_served_another_transaction_is_refused_and_nothing_is_written(
    service: Service, relay: Relay, make: Make
) -> None:
    assert verification(service).send(service).status == 200
    [served] = relay.tokens
    success = make(service)
    relay.watch()
    service.recorder.fault = _in_transactions(partial(_under_token, served))
    assert_is_problem(success.send(service), "internal_error")
    service.recorder.fault = None
    [refused] = relay.sent
    assert (refused.status, refused.body["ClientRequestToken"]) == (400, served)
    assert refused.answer["__type"].endswith("#IdempotentParameterMismatchException")
    assert service.sessions(success.person) == []
    assert success.send(service).status == 200  # the challenge still stands, the code is not burned


def _in_transactions(fault: Callable[[Called, Callable[[], Answer]], Answer]) -> Callable[..., Answer]:
    def only(called: Called, send: Callable[[], Answer]) -> Answer:
        return fault(called, send) if called.operation == "transact_write_items" else send()

    return only


def _conflict(called: Called, send: Callable[[], Answer]) -> Answer:
    return cancelled(len(called.request["TransactItems"]), 0, "TransactionConflict")(called, send)


def _under_token(token: str, called: Called, send: Callable[[], Answer]) -> Answer:
    called.request["ClientRequestToken"] = token
    return send()
