"""A refused guess stays refused, and paid for, whatever fails beside it (F01, F11, F14, F18, F19, F26, F28)."""

from collections.abc import Callable

import pytest

from secondstep.authenticators import password
from secondstep.aws import Answer
from tests.attacks.raw import assert_is_problem
from tests.attacks.striking import Call, Failing, condition, lost, says
from tests.recording import Called, Fault
from tests.service import ACCOUNT, Person, Service


@pytest.fixture
def wrong(service: Service, enrolled: Person) -> tuple[str, str]:
    return service.challenge(enrolled), service.wrong_code(enrolled)


@pytest.mark.parametrize("how", [says("ThrottlingException"), lost])
def test_a_wrong_code_that_cannot_be_recorded_is_503_and_stays_paid_for(
    service: Service, enrolled: Person, wrong: tuple[str, str], how: Fault
) -> None:
    service.recorder.fault = Failing(Call("put_item", 1), how)
    reply = service.verify(*wrong)
    service.recorder.fault = None
    assert_is_problem(reply, "unavailable")
    assert len(service.record(enrolled).recent) == 1
    assert service.verify(*wrong).body["tries_left"] == 3


@pytest.mark.parametrize("how", [says("ThrottlingException"), lost])
def test_a_key_that_does_not_answer_leaves_the_guess_paid_for_and_the_factor_untouched(
    service: Service, enrolled: Person, how: Fault
) -> None:
    """F11, F14: never treated as if there were no factor."""
    service.session(enrolled)
    service.clock.advance(30)
    challenge = service.challenge(enrolled)
    before = service.record(enrolled).authenticators
    service.recorder.fault = Failing(Call("decrypt", 1), how)
    replies = [service.verify(challenge, service.code(enrolled)) for _ in range(2)]
    assert service.log_in(enrolled).body["next"] == "verify"
    service.recorder.fault = None
    for reply in replies:
        assert_is_problem(reply, "unavailable")
    record = service.record(enrolled)
    assert (record.authenticators, len(record.recent), record.run) == (before, 2, 2)
    assert service.verify(challenge, service.code(enrolled)).status == 200


@pytest.mark.parametrize("how", [says("ThrottlingException"), lost, condition])
def test_a_refused_login_does_not_depend_on_its_audit_event(service: Service, enrolled: Person, how: Fault) -> None:
    for name in ("enrolled", "nobody"):
        service.recorder.fault = Failing(Call("put_item", 1), how)
        body = {"account": ACCOUNT, "login_name": name, "password": "wrong"}
        reply = service.post("/login", body)
        service.recorder.fault = None
        assert_is_problem(reply, "invalid_credentials")


def test_a_charge_that_fails_reaches_no_hash(
    service: Service, enrolled: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F01: neither hash nor key before the guess is paid for."""
    hashed: list[str] = []

    def match(presented: str, _: str | None) -> bool:
        hashed.append(presented)
        return True

    monkeypatch.setattr(password, "match", match)
    service.recorder.fault = Failing(Call("update_item", 1), says("ThrottlingException"))
    reply = service.log_in(enrolled)
    service.recorder.fault = None
    assert_is_problem(reply, "unavailable")
    assert hashed == []


def test_a_charge_that_fails_reaches_no_key(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    service.recorder.clear()
    service.recorder.fault = Failing(Call("update_item", 1), says("ThrottlingException"))
    reply = service.verify(challenge, service.code(enrolled))
    service.recorder.fault = None
    assert_is_problem(reply, "unavailable")
    seal_key = service.services.settings.seal_key_id
    assert [call for call in service.recorder.calls if call.request.get("KeyId") == seal_key] == []


def test_a_policy_that_cannot_be_read_asks_for_no_less(service: Service, agent: Person) -> None:
    """F26: an error is an error; a policy that is gone or broken is the safe default."""
    service.account(mfa_required=False)
    service.put({"pk": f"ACCOUNT#{ACCOUNT}", "sk": "POLICY", "policy": {"mfa_required": "no"}, "version": 1})
    assert service.log_in(agent).body["next"] == "enroll"


def test_a_client_that_sends_a_code_again_after_a_lost_reply_gets_no_second_session(
    service: Service, enrolled: Person
) -> None:
    """A50, F19: the reply is lost on its way; the same request comes again."""
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    service.verify(challenge, code)
    assert service.verify(challenge, code).code == "challenge_invalid"
    assert len(service.sessions(enrolled)) == 1
    assert len(service.events("verify")) == 1


def test_a_guess_that_was_charged_and_never_checked_is_lost_to_nobody_for_long(
    service: Service, enrolled: Person
) -> None:
    """F18: the function dies between charge and check; a later success clears the row."""
    challenge = service.challenge(enrolled)

    def crash(_: Called, __: Callable[[], Answer]) -> Answer:
        raise RuntimeError("the environment was lost")

    service.recorder.fault = Failing(Call("decrypt", 2), crash)
    service.services.keyring._opened = None
    reply = service.verify(challenge, service.code(enrolled))
    service.recorder.fault = None
    assert_is_problem(reply, "internal_error")
    assert (service.record(enrolled).run, len(service.record(enrolled).recent)) == (1, 1)
    assert service.verify(challenge, service.code(enrolled)).status == 200
    assert (service.record(enrolled).run, len(service.record(enrolled).recent)) == (0, 1)
