"""At most two attempts, and the second only where it can do no harm: what has run once never runs twice unseen."""

from typing import Any

import pytest

from secondstep.aws import AwsRefused, AwsUnavailable
from tests.lean.conftest import Stage
from tests.lean.said import KEY, READ
from tests.lean.test_answers import CALLS, PUT, TRANSACTION, WRITE
from tests.loopback import Act, closes, half, is_silent, refuses, resets, says

type Call = tuple[str, str, dict[str, Any]]

PLAIN_PUT: Call = ("dynamodb", "put_item", {"TableName": "State", "Item": KEY})
PLAIN_UPDATE: Call = ("dynamodb", "update_item", {"TableName": "State", "Key": KEY, "UpdateExpression": "ADD n :one"})
NO_TOKEN: Call = ("dynamodb", "transact_write_items", {"TransactItems": TRANSACTION["TransactItems"]})
UNSAFE = (PLAIN_PUT, PLAIN_UPDATE, NO_TOKEN)
SAFE: tuple[Call, ...] = tuple((*call, request) for call, request in CALLS.items())
GOOD = says({"Responses": {}, "Items": [], "CiphertextBlob": "", "Plaintext": ""})
WRONG_SUM = says({"Items": []}, x_amz_crc32="1", checksum=False)
UNKNOWN: dict[str, Act] = {
    "reset": resets,
    "closed": closes,
    "half an answer": half(),
    "wrong checksum": WRONG_SUM,
    "no JSON": says(b"<html>"),
    "500": refuses("InternalServerError", 500),
    "503": says(b"Service Unavailable", 503),
}
NOTHING_RAN: dict[str, Act] = {
    code: refuses(code)
    for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")
}


def called(stage: Stage, call: Call) -> Any:
    service, operation, request = call
    return getattr(getattr(stage.lean, service), operation)(**request)


def named(call: Call) -> str:
    return f"{call[0]}-{call[1]}"


@pytest.mark.parametrize("fault", UNKNOWN)
@pytest.mark.parametrize("call", SAFE, ids=named)
def test_what_may_be_repeated_is_repeated_once_in_the_same_words(stage: Stage, call: Call, fault: str) -> None:
    stage.plays(UNKNOWN[fault], GOOD)
    called(stage, call)
    first, second = stage.server.received
    assert first.body == second.body
    assert len(stage.pauses) == 1


@pytest.mark.parametrize("fault", UNKNOWN)
@pytest.mark.parametrize("call", SAFE, ids=named)
def test_two_failures_are_unavailable(stage: Stage, call: Call, fault: str) -> None:
    stage.plays(UNKNOWN[fault])
    with pytest.raises(AwsUnavailable):
        called(stage, call)
    assert stage.attempts == 2


@pytest.mark.parametrize("fault", UNKNOWN)
@pytest.mark.parametrize("call", UNSAFE, ids=named)
def test_a_write_that_may_have_run_is_never_sent_again(stage: Stage, call: Call, fault: str) -> None:
    stage.plays(UNKNOWN[fault], GOOD)
    with pytest.raises(AwsUnavailable):
        called(stage, call)
    assert stage.attempts == 1


@pytest.mark.parametrize("call", [*SAFE[:1], *UNSAFE], ids=named)
def test_silence_is_waited_for_as_long_as_the_limit_says(impatient: Stage, call: Call) -> None:
    impatient.plays(is_silent)
    with pytest.raises(AwsUnavailable, match="TimeoutError"):
        called(impatient, call)
    attempts = 1 if call in UNSAFE else 2
    for _ in range(attempts):  # the server may read a request only after its client has given up on it
        assert impatient.server.closed.acquire(timeout=60)
    assert impatient.attempts == attempts


@pytest.mark.parametrize("fault", NOTHING_RAN)
@pytest.mark.parametrize("call", [*SAFE, *UNSAFE], ids=named)
def test_a_throttle_has_run_nothing_and_is_tried_again_once(stage: Stage, call: Call, fault: str) -> None:
    stage.plays(NOTHING_RAN[fault], GOOD)
    called(stage, call)
    assert stage.attempts == 2
    stage.plays(NOTHING_RAN[fault])
    with pytest.raises(AwsUnavailable, match=fault):
        called(stage, call)
    assert stage.attempts == 2


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "InvalidCiphertextException"])
@pytest.mark.parametrize("call", SAFE, ids=named)
def test_what_is_decided_is_not_asked_again(stage: Stage, call: Call, code: str) -> None:
    stage.plays(refuses(code), GOOD)
    with pytest.raises(AwsRefused, match=code):
        called(stage, call)
    assert stage.attempts == 1
    assert not stage.pauses


@pytest.mark.parametrize("code", ["DisabledException", "TransactionConflictException"])
def test_what_passes_only_with_time_is_left_to_the_caller(stage: Stage, code: str) -> None:
    stage.plays(refuses(code), GOOD)
    with pytest.raises(AwsUnavailable, match=code):
        stage.lean.dynamodb.update_item(**WRITE)
    assert stage.attempts == 1


def test_a_pause_is_short_and_never_the_same(stage: Stage) -> None:
    for _ in range(20):
        stage.plays(NOTHING_RAN["ThrottlingException"], GOOD)
        stage.lean.dynamodb.get_item(**READ)
    assert all(0.02 <= pause <= 0.1 for pause in stage.pauses)
    assert len(set(stage.pauses)) > 10


def test_a_conditional_put_is_repeated_and_the_caller_sees_its_own_item(stage: Stage) -> None:
    """Promise 8: the item that the condition met is told, so that a write that had won is known by its own mark."""
    stage.plays(closes, refuses("ConditionalCheckFailedException", Item=KEY))
    with pytest.raises(Exception, match="condition failed") as failed:
        stage.lean.dynamodb.put_item(**PUT)
    assert getattr(failed.value, "item", None) == KEY


# --- the clock: AWS refuses a signature of more than five minutes ago, and nothing has run

HOUR = 3600
THEN = "Mon, 21 Sep 2026 15:13:20 GMT"  # 1,790,003,600: an hour after the stage's clock


@pytest.mark.parametrize("code", ["InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired"])
@pytest.mark.parametrize("call", [*SAFE[:1], *UNSAFE], ids=named)
def test_a_clock_that_is_wrong_is_put_right_by_the_answer(stage: Stage, call: Call, code: str) -> None:
    stage.plays(refuses(code, Date=THEN), GOOD)
    called(stage, call)
    dates = [received.headers["x-amz-date"] for received in stage.server.received]
    assert dates == ["20260921T141320Z", "20260921T151320Z"]
    stage.plays(GOOD)
    stage.clock.now += 60
    called(stage, call)
    assert [received.headers["x-amz-date"] for received in stage.server.received] == ["20260921T151420Z"]


def test_a_clock_that_was_put_right_and_is_mended_is_put_right_again(stage: Stage) -> None:
    stage.plays(refuses("InvalidSignatureException", Date=THEN), GOOD)
    stage.lean.dynamodb.get_item(**READ)
    stage.clock.now += HOUR
    stage.plays(refuses("InvalidSignatureException", Date=THEN), GOOD)
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.received[-1].headers["x-amz-date"] == "20260921T151320Z"


@pytest.mark.parametrize("date", ["Mon, 21 Sep 2026 14:13:50 GMT", "no date", "", None])
def test_a_signature_that_is_wrong_otherwise_is_a_defect(stage: Stage, date: str | None) -> None:
    told: dict[str, Any] = {} if date is None else {"Date": date}
    stage.plays(refuses("InvalidSignatureException", **told), GOOD)
    with pytest.raises(AwsRefused, match="InvalidSignatureException"):
        stage.lean.dynamodb.get_item(**READ)
    assert stage.attempts == 1


def test_a_date_alone_moves_no_clock(stage: Stage) -> None:
    """Else a stranger's answer could make us sign for another time."""
    stage.plays(says({"Item": KEY}, Date=THEN))
    stage.lean.dynamodb.get_item(**READ)
    stage.plays(refuses("AccessDeniedException", Date=THEN))
    with pytest.raises(AwsRefused):
        stage.lean.dynamodb.get_item(**READ)
    stage.plays(GOOD)
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.received[0].headers["x-amz-date"] == "20260921T141320Z"
