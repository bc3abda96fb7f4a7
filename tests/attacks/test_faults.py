"""Attacks A47 and A50, faults F01 to F19: every call of every ceremony fails in every way, one at a time.

A token is only ever answered when what it stands on is durable; item, session and audit tell one story; and whoever
was hit goes on afterwards with what the phone shows next.
"""

from collections.abc import Callable

import pytest

from secondstep import contract, site_map
from secondstep.aws import Answer, ConditionFailed
from tests.attacks.all_ceremonies import CEREMONIES, each_ceremony
from tests.attacks.striking import (
    READS,
    assert_documented,
    assert_goes_on,
    assert_unavailable,
    before_and_after,
    calls,
    condition,
    lost,
    says,
    strike,
    timed_out,
    unreachable,
    writes,
)
from tests.recording import Called, Fault
from tests.service import Service

NOT_DONE = {"throttle": says("ThrottlingException"), "no network": unreachable, "timeout, never arrived": timed_out}
KEY_IS_AWAY = (
    "DisabledException",
    "KMSInvalidStateException",
    "KeyUnavailableException",
    "ThrottlingException",
    *("DependencyTimeoutException", "KMSInternalException"),
)
KEY_REFUSES = ("AccessDeniedException", "InvalidCiphertextException", "IncorrectKeyException", "NotFoundException")
KMS = ("encrypt", "decrypt")


def test_no_route_is_left_out(service: Service) -> None:
    """Whoever adds a route adds its ceremony here; what makes no call to AWS cannot fail at one."""
    routes = []
    for ceremony in CEREMONIES.values():
        service.account()
        routes.append(ceremony.make(service).route)
    struck = {(each.method, each.path) for each in routes}
    known = {(each.method, each.path) for each in (*contract.ROUTES, contract.TOKEN, *site_map.PAGES)}
    assert known - struck == {
        *(("GET", each.path) for each in (contract.DISCOVERY, contract.OPENAPI, contract.HEALTH)),
        *(("GET", each.path) for each in (site_map.ROOT, site_map.ENTRANCE, site_map.STYLESHEET, site_map.SCRIPT)),
    }


@pytest.mark.parametrize("how", NOT_DONE.values(), ids=NOT_DONE)
@each_ceremony
def test_a_call_that_fails_before_its_write_gives_503_and_nothing_has_happened(
    service: Service, name: str, how: Fault
) -> None:
    ceremony = CEREMONIES[name]
    for call, is_after_the_write in before_and_after(calls(service, ceremony)):
        if call.operation in READS and how is not NOT_DONE["throttle"]:
            continue  # a read has no outcome that could be unknown
        struck = strike(service, ceremony, call, how)
        assert_unavailable(ceremony, struck)
        assert any(struck.happened) is is_after_the_write, call
        assert_goes_on(service, ceremony, struck)


@each_ceremony
def test_a_reply_that_is_lost_after_the_write_gives_503_and_no_token(service: Service, name: str) -> None:
    """The outcome is unknown to us, so it is no success (promise 8); what was written stays whole."""
    ceremony = CEREMONIES[name]
    recorded = calls(service, ceremony)
    last = writes(recorded)[-1:]
    for call, _ in recorded:
        if call.operation in READS:
            continue  # a read that was lost is a read that failed: the test above
        struck = strike(service, ceremony, call, lost)
        assert_unavailable(ceremony, struck)
        assert all(struck.happened) == (call in last), call
        assert_goes_on(service, ceremony, struck)


@each_ceremony
def test_a_call_that_aws_refuses_is_a_defect_and_opens_nothing(
    service: Service, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing right or a malformed call: 500, or 503 where it is the authorizer that fails."""
    ceremony = CEREMONIES[name]
    for call, is_after_the_write in before_and_after(calls(service, ceremony)):
        caplog.clear()
        struck = strike(service, ceremony, call, says("AccessDeniedException"))
        before_the_handler = struck.it.route.bearer == "admin" and "AuthorizerFunction failed" in caplog.text
        ceremony.assert_refused(struck.reply, "unavailable" if before_the_handler else "internal_error")
        assert any(struck.happened) is is_after_the_write, call


@each_ceremony
def test_a_key_that_is_away_gives_503_and_one_that_refuses_is_a_defect(service: Service, name: str) -> None:
    """F11 to F16: never a wrong code, never as if nobody had enrolled; and the key is back with the next request."""
    ceremony = CEREMONIES[name]
    for call, _ in calls(service, ceremony):
        if call.operation not in KMS:
            continue
        for code in (*KEY_IS_AWAY, *KEY_REFUSES):
            struck = strike(service, ceremony, call, says(code))
            ceremony.assert_refused(struck.reply, "unavailable" if code in KEY_IS_AWAY else "internal_error")
            assert not any(struck.happened), (call, code)
            assert_goes_on(service, ceremony, struck)


def _changed_meanwhile(service: Service) -> Fault:
    """Return a condition that fails although the item stands, as it was when the call began."""

    def fail(called: Called, _: Callable[[], Answer]) -> Answer:
        key = called.request.get("Key") or {name: called.request["Item"][name] for name in ("pk", "sk")}
        found = service._dynamodb.get_item(TableName=called.request["TableName"], Key=key, ConsistentRead=True)
        raise ConditionFailed(found.get("Item"))

    return fail


@pytest.mark.parametrize("is_there", [False, True], ids=["no item", "the item stands"])
@each_ceremony
def test_a_condition_that_fails_is_refused_as_documented(service: Service, name: str, is_there: bool) -> None:
    """Deleted or changed in between: nothing is created anew, nothing is told that is not documented."""
    how = _changed_meanwhile(service) if is_there else condition
    ceremony = CEREMONIES[name]
    for call, request in calls(service, ceremony):
        if "ConditionExpression" not in request:
            continue
        struck = strike(service, ceremony, call, how, times=1)
        if ceremony.is_refused(struck.reply):
            assert_documented(ceremony, struck)
            assert not any(struck.happened), call
