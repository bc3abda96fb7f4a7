"""Faults F05 to F10, F21: a transaction that is cancelled, for each part and reason, leaves nothing half done."""

from collections.abc import Callable

import pytest

from secondstep.aws import Answer, Reason, TransactionCancelled
from tests.attacks.all_ceremonies import CEREMONIES, each_ceremony
from tests.attacks.raw import assert_is_problem
from tests.attacks.striking import (
    Call,
    assert_documented,
    assert_goes_on,
    assert_unavailable,
    calls,
    cancelled,
    says,
    strike,
)
from tests.recording import Called
from tests.service import Person, Service

RETRIED = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
DEFECTS = ("ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied")


def _transactions(service: Service, name: str) -> list[tuple[Call, int]]:
    """Return the transactions of a ceremony, and how many parts each has."""
    found = calls(service, CEREMONIES[name])
    return [(call, len(request["TransactItems"])) for call, request in found if "TransactItems" in request]


@each_ceremony
def test_each_part_of_a_transaction_whose_condition_fails_refuses_the_whole(service: Service, name: str) -> None:
    ceremony = CEREMONIES[name]
    for call, request in calls(service, ceremony):
        parts = request.get("TransactItems", [])
        for part, write in enumerate(parts):
            if "log out" in name and part == 0:
                continue  # a session that is not there any more has been ended: that is no error
            if not any("ConditionExpression" in each for each in write.values()):
                continue
            how = cancelled(len(parts), part, "ConditionalCheckFailed")
            struck = strike(service, ceremony, call, how, times=1)
            if not ceremony.is_refused(struck.reply):  # tried once more against what stands now, and won
                assert all(struck.happened), (call, part)
            else:
                assert not any(struck.happened), (call, part)
                assert_documented(ceremony, struck)


@pytest.mark.parametrize("code", RETRIED)
@each_ceremony
def test_a_conflict_is_tried_again_with_the_same_token_and_then_is_503(service: Service, name: str, code: str) -> None:
    """botocore does not retry it; two more tries, then it is nobody's wrong code (F08)."""
    ceremony = CEREMONIES[name]
    for call, parts in _transactions(service, name):
        for times in (2, 99) if name in ("verify", "confirm", "refresh") else (99,):
            struck = strike(service, ceremony, call, cancelled(parts, parts - 1, code), times=times)
            tokens = {sent["ClientRequestToken"] for sent in struck.failing.requests}
            assert len(tokens) == 1
            assert len(struck.failing.requests) == 3
            if times < 99:
                assert struck.reply.status == struck.it.route.status, struck.reply.body
            else:
                assert_unavailable(ceremony, struck)
                assert not any(struck.happened)
                assert_goes_on(service, ceremony, struck)


@each_ceremony
def test_a_transaction_refused_for_another_reason_is_a_defect_and_is_not_tried_again(
    service: Service, name: str
) -> None:
    ceremony = CEREMONIES[name]
    for call, parts in _transactions(service, name):
        for how in (*(cancelled(parts, 0, code) for code in DEFECTS), says("IdempotentParameterMismatchException")):
            struck = strike(service, ceremony, call, how)
            ceremony.assert_refused(struck.reply, "internal_error")
            assert struck.failing.hits == 1
            assert not any(struck.happened)


@each_ceremony
def test_a_transaction_that_is_in_progress_elsewhere_is_503(service: Service, name: str) -> None:
    """F09: another attempt with this token has not ended: its outcome is unknown."""
    ceremony = CEREMONIES[name]
    for call, _ in _transactions(service, name):
        struck = strike(service, ceremony, call, says("TransactionInProgressException"))
        assert_unavailable(ceremony, struck)
        assert not any(struck.happened)
        assert_goes_on(service, ceremony, struck)


def test_a_failed_condition_decides_even_beside_a_conflict(service: Service) -> None:
    def mixed(_: Called, __: Callable[[], Answer]) -> Answer:
        raise TransactionCancelled((Reason("TransactionConflict"), Reason("ConditionalCheckFailed"), Reason("None")))

    struck = strike(service, CEREMONIES["verify"], Call("transact_write_items", 1), mixed)
    assert_is_problem(struck.reply, "challenge_invalid")
    assert struck.failing.hits == 1


def test_every_request_has_a_client_request_token_of_its_own(service: Service, enrolled: Person) -> None:
    service.recorder.clear()
    for _ in range(3):
        service.session(enrolled)
        service.clock.advance(30)
    sent = [call.request for call in service.recorder.calls if call.operation == "transact_write_items"]
    assert len({request["ClientRequestToken"] for request in sent}) == 3
