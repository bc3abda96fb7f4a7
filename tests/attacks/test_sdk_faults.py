"""The same faults one floor deeper, on the wire of both AWS clients: what retries and errors come to mean (promise 8).

moto knows no such fault, so it is put between the client and moto: a call that fails before it runs, or a reply that is
lost after it has run.
"""

import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from moto.core.models import botocore_stubber

from local.cloud import Cloud
from secondstep.settings import AwsClient
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import confirmation, step_up, verification
from tests.clients import clients
from tests.conftest import Database
from tests.service import PASSWORD, Person, Reply, Service

pytestmark = pytest.mark.skipif(bool(os.environ.get("DYNAMODB_LOCAL")), reason="the fault stands before moto")


@pytest.fixture(scope="session", params=list(AwsClient))
def database(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return each of the two clients whole, all the way to the wire."""
    with clients(request.param) as ours:
        yield Database(cloud.client("dynamodb"), ours.dynamodb, ours.kms, cloud.forget)


type Answered = tuple[int, dict[str, str], Any] | None


class Sent(NamedTuple):
    """One attempt on the wire."""

    operation: str
    body: dict[str, Any]


class Wire:
    """Everything that a client sends while a test watches; `fail` says what becomes of an attempt."""

    def __init__(self, through: Callable[[AWSPreparedRequest], Answered]) -> None:
        self.sent: list[Sent] = []
        self._through = through
        self._operation = ""
        self._faults: list[Callable[[Callable[[], Answered]], Answered]] = []

    def fail(self, operation: str, *faults: Callable[[Callable[[], Answered]], Answered]) -> None:
        """Let the next attempts of an operation fail, one after the other."""
        self.sent.clear()
        self._operation, self._faults = operation, list(faults)

    def __call__(self, request: AWSPreparedRequest) -> Answered:
        """Stand in the place of moto's own entrance."""
        target = request.headers.get("X-Amz-Target", b"")
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "{}")
        self.sent.append(Sent(operation, json.loads(body)))
        if operation == self._operation and self._faults:
            return self._faults.pop(0)(lambda: self._through(request))
        return self._through(request)

    def attempts(self, operation: str) -> list[Sent]:
        """Return the attempts of an operation."""
        return [sent for sent in self.sent if sent.operation == operation]


@pytest.fixture
def wire(service: Service, monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    between = Wire(botocore_stubber.process_request)
    monkeypatch.setattr(botocore_stubber, "process_request", between)
    return between


def lost(send: Callable[[], Answered]) -> Answered:
    """The call runs; its reply never comes."""
    send()
    raise ReadTimeoutError(endpoint_url="https://dynamodb")


def unreachable(_: Callable[[], Answered]) -> Answered:
    """The call never arrives."""
    raise ConnectTimeoutError(endpoint_url="https://dynamodb")


def refused(code: str, status: int = 400, **more: Any) -> Callable[[Callable[[], Answered]], Answered]:
    """AWS answers an error; nothing has run."""

    def answer(_: Callable[[], Answered]) -> Answered:
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "m", **more}
        return status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()

    return answer


def cancelled(*codes: str) -> Callable[[Callable[[], Answered]], Answered]:
    """A transaction is cancelled for these reasons."""
    return refused("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


# --- a lost reply: the SDK sends the write again, and its own success meets it there


def test_a_charge_whose_reply_was_lost_counts_once_and_counts_as_won(service: Service, wire: Wire) -> None:
    success = verification(service)
    wire.fail("UpdateItem", lost)
    reply = service.verify(success.body["challenge"], service.wrong_code(success.person))
    assert reply.code == "invalid_code"
    assert reply.body["tries_left"] == 4
    assert len(wire.attempts("UpdateItem")) == 2
    record = service.record(success.person)
    assert (len(record.recent), len(record.day), record.run) == (1, 1, 1)
    assert success.send(service).status == 200


def test_the_last_try_of_a_challenge_is_evaluated_although_its_reply_was_lost(service: Service, wire: Wire) -> None:
    success = verification(service)
    for _ in range(4):
        service.verify(success.body["challenge"], service.wrong_code(success.person))
    wire.fail("UpdateItem", lost)
    assert success.send(service).status == 200


def test_a_password_charge_whose_reply_was_lost_counts_once(service: Service, enrolled: Person, wire: Wire) -> None:
    wire.fail("UpdateItem", lost)
    moment = service.now()
    assert service.log_in(enrolled, "wrong").code == "invalid_credentials"
    [budget] = [item for item in service.state() if item["pk"] == f"BUDGET#{enrolled.identity.hash}"]
    assert budget["tat"] - moment in (30, 31)


def test_a_second_password_charge_whose_reply_was_lost_counts_once(
    service: Service, enrolled: Person, wire: Wire
) -> None:
    service.log_in(enrolled, "wrong")
    before = _tat(service, enrolled)
    wire.fail("UpdateItem", lambda send: send(), lost)  # refused as the first one; then the charge within the burst
    service.log_in(enrolled, "wrong")
    assert _tat(service, enrolled) == before + 30


def test_a_challenge_whose_reply_was_lost_is_open_once(service: Service, enrolled: Person, wire: Wire) -> None:
    service.log_in(enrolled)  # the name's charge takes two writes from now on; the challenge is the last one
    service.clock.advance(31)
    wire.fail("UpdateItem", lambda send: send(), lost)
    reply = service.log_in(enrolled)
    assert reply.status == 200
    assert len(service.record(enrolled).challenges) == 2
    assert service.verify(reply.body["challenge"], service.code(enrolled)).status == 200


def test_a_waiting_secret_whose_reply_was_lost_is_the_one_that_was_shown(
    service: Service, agent: Person, wire: Wire
) -> None:
    challenge = service.challenge(agent)
    wire.fail("UpdateItem", lost)
    reply = service.post("/enroll", {"challenge": challenge})
    assert reply.status == 200
    [held] = service.record(agent).challenges.values()
    assert held.pending is not None
    assert held.pending.made == 1


def test_a_step_up_charge_whose_reply_was_lost_counts_once_for_the_session(service: Service, wire: Wire) -> None:
    """Five wrong in a row end a session: a network that stutters must not halve that."""
    success = step_up(service)
    wrong = service.wrong_code(success.person)
    wire.fail("UpdateItem", lambda send: send(), lost)  # the subscriber's charge, then the session's
    reply = service.post("/step-up", {"code": wrong}, token=success.token)
    assert (reply.code, reply.body["tries_left"]) == ("invalid_code", 4)


def test_the_fifth_step_up_is_evaluated_although_its_reply_was_lost(service: Service, wire: Wire) -> None:
    success = step_up(service)
    for _ in range(4):
        service.post("/step-up", {"code": service.wrong_code(success.person)}, token=success.token)
    wire.fail("UpdateItem", lambda send: send(), lost)
    assert success.send(service).status == 200


def test_a_wrong_ticket_whose_reply_was_lost_costs_one_try(
    service: Service, enrolled: Person, admin_token: str, wire: Wire
) -> None:
    ticket = service.reset(admin_token, enrolled.login_name).body["ticket"]
    challenge = service.challenge(enrolled)
    wire.fail("UpdateItem", lost)
    wrong = {"challenge": challenge, "ticket": "0000-0000-0000-0000"}
    assert service.post("/enroll", wrong).code == "ticket_invalid"
    [held] = service.record(enrolled).challenges.values()
    assert held.tries_left == 4
    assert service.post("/enroll", {"challenge": challenge, "ticket": ticket}).status == 200


def test_a_refund_whose_reply_was_lost_is_given_once(service: Service, enrolled: Person, wire: Wire) -> None:
    """Else a right password in a stuttering network would open more guesses than were paid for."""
    for _ in range(3):
        service.log_in(enrolled, "wrong")
    before = _tat(service, enrolled)
    wire.fail("UpdateItem", lambda send: send(), lambda send: send(), lost)  # two to charge, then the refund
    assert service.log_in(enrolled).status == 200
    assert _tat(service, enrolled) == before


def _tat(service: Service, person: Person) -> int:
    return next(int(item["tat"]) for item in service.state() if item["pk"] == f"BUDGET#{person.identity.hash}")


def test_an_audit_event_whose_reply_was_lost_is_written_once(service: Service, wire: Wire) -> None:
    success = verification(service)
    wire.fail("PutItem", lost)
    reply = service.verify(success.body["challenge"], service.wrong_code(success.person))
    assert reply.code == "invalid_code"
    assert len(wire.attempts("PutItem")) == 2
    assert len(service.events("verify")) == 1


@pytest.mark.parametrize("make", [verification, confirmation])
def test_a_transaction_whose_reply_was_lost_is_repeated_under_its_token_and_runs_once(
    service: Service, wire: Wire, make: Any
) -> None:
    success = make(service)
    wire.fail("TransactWriteItems", lost)
    reply = success.send(service)
    assert reply.status == 200, reply.body
    first, second = wire.attempts("TransactWriteItems")
    assert first.body == second.body
    assert first.body["ClientRequestToken"]
    assert len(service.sessions(success.person)) == 1
    assert len(service.events("verify", "enrolled")) == 1


def test_two_lost_replies_are_503_and_the_session_that_nobody_holds_opens_nothing(service: Service, wire: Wire) -> None:
    success = verification(service)
    wire.fail("TransactWriteItems", lost, lost)
    reply = success.send(service)
    assert_is_problem(reply, "unavailable")
    assert success.send(service).code == "challenge_invalid"
    service.clock.advance(30)
    assert service.session(success.person)


def test_a_lost_reply_of_a_read_is_simply_read_again(service: Service, enrolled: Person, wire: Wire) -> None:
    wire.fail("BatchGetItem", lost)
    assert service.log_in(enrolled).status == 200
    assert len(wire.attempts("BatchGetItem")) == 2


def test_a_lost_reply_of_a_key_is_simply_asked_again(service: Service, wire: Wire) -> None:
    success = verification(service)
    service.services.keyring.signing_key(service.now())
    wire.fail("Decrypt", lost)
    assert success.send(service).status == 200
    assert len(wire.attempts("Decrypt")) == 2


# --- errors: which ones are tried again, and what they mean

THROTTLES = [
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 400),
    ("RequestLimitExceeded", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
]


@pytest.mark.parametrize(("code", "status"), THROTTLES)
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_a_throttle_is_tried_once_more_and_then_is_503(
    service: Service, wire: Wire, operation: str, code: str, status: int
) -> None:
    success = verification(service)
    wire.fail(operation, refused(code, status))
    assert success.send(service).status == 200
    assert len(wire.attempts(operation)) == 2

    success = verification(service)
    wire.fail(operation, *[refused(code, status)] * 99)
    reply = success.send(service)
    assert_is_problem(reply, "unavailable")
    assert len(wire.attempts(operation)) == 2
    assert service.sessions(success.person) == []


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems", "Decrypt"])
def test_no_network_is_503(service: Service, wire: Wire, operation: str) -> None:
    def nowhere(_: Callable[[], Answered]) -> Answered:
        raise EndpointConnectionError(endpoint_url="https://aws")

    for fault in (unreachable, nowhere):
        wire.fail("")
        success = verification(service)
        wire.fail(operation, *[fault] * 99)
        assert_is_problem(success.send(service), "unavailable")
        assert len(wire.attempts(operation)) == 2


DEFECTS = [
    "AccessDeniedException",
    "ValidationException",
    "ResourceNotFoundException",
    "ItemCollectionSizeLimitExceeded",
]


@pytest.mark.parametrize("code", [*DEFECTS, "IdempotentParameterMismatchException"])
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_what_can_never_succeed_is_a_defect_and_is_not_tried_again(
    service: Service, wire: Wire, operation: str, code: str
) -> None:
    success = verification(service)
    wire.fail(operation, *[refused(code)] * 99)
    assert_is_problem(success.send(service), "internal_error")
    assert len(wire.attempts(operation)) == 1
    assert service.sessions(success.person) == []


@pytest.mark.parametrize("code", ["TransactionInProgressException", "TransactionConflictException"])
def test_a_transaction_under_way_is_503(service: Service, wire: Wire, code: str) -> None:
    success = verification(service)
    wire.fail("TransactWriteItems", *[refused(code)] * 99)
    assert_is_problem(success.send(service), "unavailable")
    assert service.sessions(success.person) == []


def test_a_conflict_of_transactions_is_tried_three_times_under_one_token(service: Service, wire: Wire) -> None:
    success = verification(service)
    wire.fail("TransactWriteItems", *[cancelled("TransactionConflict", "None", "None")] * 2)
    assert success.send(service).status == 200
    attempts = wire.attempts("TransactWriteItems")
    assert len(attempts) == 3
    assert len({sent.body["ClientRequestToken"] for sent in attempts}) == 1

    success = verification(service)
    wire.fail("TransactWriteItems", *[cancelled("None", "TransactionConflict", "None")] * 99)
    assert_is_problem(success.send(service), "unavailable")
    assert len(wire.attempts("TransactWriteItems")) == 3
    assert service.sessions(success.person) == []
    wire.fail("")
    assert success.send(service).status == 200  # the challenge still stands


def test_a_charge_that_meets_a_transaction_is_tried_three_times_and_paid_once(service: Service, wire: Wire) -> None:
    """One login's charge waits for another one's accept: DynamoDB refuses it meanwhile, and has written nothing."""
    success = verification(service)
    wire.fail("UpdateItem", *[refused("TransactionConflictException")] * 2)
    assert_is_problem(service.verify(success.body["challenge"], service.wrong_code(success.person)), "invalid_code")
    assert len(wire.attempts("UpdateItem")) == 3
    assert len(service.record(success.person).recent) == 1

    wire.fail("UpdateItem", *[refused("TransactionConflictException")] * 99)
    assert_is_problem(success.send(service), "unavailable")
    assert len(wire.attempts("UpdateItem")) == 3
    assert len(service.record(success.person).recent) == 1
    wire.fail("")
    assert success.send(service).status == 200


@pytest.mark.parametrize(
    "code",
    [
        "DisabledException",
        "KMSInvalidStateException",
        "KeyUnavailableException",
        "DependencyTimeoutException",
        "KMSInternalException",
        "ThrottlingException",
    ],
)
def test_a_key_that_does_not_answer_is_503_and_the_factor_stays(service: Service, wire: Wire, code: str) -> None:
    """F11, F14: and it is never as if there were no factor."""
    success = verification(service)
    service.services.keyring.signing_key(service.now())
    wire.fail("Decrypt", *[refused(code, 500 if "Internal" in code else 400)] * 99)
    assert_is_problem(success.send(service), "unavailable")
    assert service.log_in(success.person).body["next"] == "verify"
    record = service.record(success.person)
    assert record.is_bound
    assert record.run == 1  # the guess stays paid for


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidCiphertextException", "IncorrectKeyException"])
def test_a_key_that_refuses_is_500_and_never_a_wrong_code(service: Service, wire: Wire, code: str) -> None:
    """F12, F13."""
    success = verification(service)
    service.services.keyring.signing_key(service.now())
    wire.fail("Decrypt", *[refused(code)] * 99)
    reply = success.send(service)
    assert_is_problem(reply, "internal_error")
    assert code not in json.dumps(reply.body)
    assert len(wire.attempts("Decrypt")) == 1


@pytest.mark.parametrize("code", ["DisabledException", "ThrottlingException"])
def test_a_key_that_does_not_seal_leaves_no_pending_secret(
    service: Service, agent: Person, wire: Wire, code: str
) -> None:
    """F16."""
    challenge = service.challenge(agent)
    wire.fail("Encrypt", *[refused(code)] * 99)
    assert_is_problem(service.post("/enroll", {"challenge": challenge}), "unavailable")
    assert [each.pending for each in service.record(agent).challenges.values()] == [None]
    wire.fail("")
    assert service.post("/enroll", {"challenge": challenge}).status == 200


def test_keys_that_a_batch_left_unprocessed_are_not_taken_for_missing(
    service: Service, enrolled: Person, wire: Wire
) -> None:
    """A throttled read must not look like an unknown name or an ended session."""
    token = service.session(enrolled)["account_token"]
    table = service.services.settings.state_table

    def partly(send: Callable[[], Answered]) -> Answered:
        unprocessed = {table: {"Keys": [{"pk": {"S": "x"}, "sk": {"S": "y"}}]}}
        body = {"Responses": {table: []}, "UnprocessedKeys": unprocessed}
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()

    calls: list[Callable[[], Reply]] = [lambda: service.log_in(enrolled), lambda: service.get("/me", token=token)]
    for call in calls:
        wire.fail("BatchGetItem", partly)
        assert_is_problem(call(), "unavailable")


def test_the_error_of_aws_is_never_told(service: Service, enrolled: Person, wire: Wire) -> None:
    """Its message may hold names of tables, roles and keys."""
    wire.fail("UpdateItem", *[refused("AccessDeniedException", message="User arn:aws:iam::1:role/x is not")] * 99)
    reply = service.log_in(enrolled, PASSWORD)
    assert "arn:" not in json.dumps(reply.body)
    assert "AccessDenied" not in json.dumps(reply.body)
