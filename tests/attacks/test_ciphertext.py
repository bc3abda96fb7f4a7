"""Attacks A39 and A53: a sealed secret that was moved does not open; every secret is new, random, long enough."""

import re
from typing import Any
from urllib.parse import parse_qs, urlparse

import msgspec
import pyotp
import pytest

from secondstep.subscriber import Authenticator, Subscriber
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import confirmation, step_up
from tests.service import Person, Reply, Service, secret_of
from tests.told import told


def _only(subscriber: Subscriber) -> Authenticator:
    [it] = subscriber.authenticators.values()
    return it


def _reseal(service: Service, person: Person, sealed: bytes) -> None:
    it = msgspec.structs.replace(_only(service.record(person)), sealed_secret=sealed)
    service.change(person, authenticators={it.id: it})


def _assert_a_defect(service: Service, person: Person, reply: Reply) -> None:
    """It is neither a wrong code (that would hide an attack on the table) nor a success."""
    assert_is_problem(reply, "internal_error")
    assert reply.status == 500
    assert "tries_left" not in reply.body
    assert service.sessions(person) == []
    assert service.events("verify", "enrolled") == []


def test_a_ciphertext_of_another_subscriber_does_not_open(service: Service) -> None:
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    _reseal(service, yours, _only(service.record(mine)).sealed_secret)
    for code in (service.code(mine), service.code(yours), service.wrong_code(yours)):
        _assert_a_defect(service, yours, service.verify(service.challenge(yours), code))


def test_a_ciphertext_of_another_account_does_not_open(service: Service) -> None:
    """Two people with one name, in two accounts."""
    service.account("other")
    mine, yours = service.bound_person("same"), service.bound_person("same", account="other")
    assert mine.identity.hash != yours.identity.hash
    _reseal(service, yours, _only(service.record(mine)).sealed_secret)
    _assert_a_defect(service, yours, service.verify(service.challenge(yours), service.code(mine)))


def test_a_ciphertext_of_another_authenticator_of_the_same_person_does_not_open(service: Service) -> None:
    person = service.bound_person(authenticators=2)
    first, second = service.record(person).last_used_first()
    swapped = {
        first.id: msgspec.structs.replace(first, sealed_secret=second.sealed_secret),
        second.id: msgspec.structs.replace(second, sealed_secret=first.sealed_secret),
    }
    service.change(person, authenticators=swapped)
    _assert_a_defect(service, person, service.verify(service.challenge(person), service.code(person)))


def test_the_ciphertext_of_an_entry_that_was_replaced_does_not_open(service: Service, admin_token: str) -> None:
    """Who can write the table puts the thief's old entry back after a reset."""
    person = service.bound_person("victim")
    old = _only(service.record(person)).sealed_secret
    ticket = service.reset(admin_token, "victim").body["ticket"]
    assert service.bind(person, ticket=ticket)[0].status == 200
    _reseal(service, person, old)
    service.clock.advance(60)
    before = service.sessions(person)
    reply = service.verify(service.challenge(person), service.code(person))
    assert_is_problem(reply, "internal_error")
    assert service.sessions(person) == before


def test_a_secret_that_waits_does_not_open_in_another_challenge(service: Service) -> None:
    mine, yours = confirmation(service), confirmation(service)
    theirs = service.record(mine.person).challenges
    record = service.record(yours.person)
    [(key, challenge)] = record.challenges.items()
    [other] = theirs.values()
    assert challenge.pending is not None
    assert other.pending is not None
    moved = msgspec.structs.replace(challenge.pending, sealed_secret=other.pending.sealed_secret)
    service.change(yours.person, challenges={key: msgspec.structs.replace(challenge, pending=moved)})
    _assert_a_defect(service, yours.person, yours.send(service))
    _assert_a_defect(service, yours.person, service.verify(yours.body["challenge"], mine.body["code"]))
    assert not service.record(yours.person).is_bound


@pytest.mark.parametrize(
    "damage", [lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), lambda _: b"x" * 60, lambda _: b"x"]
)
def test_a_damaged_ciphertext_is_a_defect_not_a_wrong_code(service: Service, enrolled: Person, damage: Any) -> None:
    _reseal(service, enrolled, damage(_only(service.record(enrolled)).sealed_secret))
    _assert_a_defect(service, enrolled, service.verify(service.challenge(enrolled), service.code(enrolled)))


def test_a_guess_on_a_moved_ciphertext_stays_paid_for(service: Service, enrolled: Person) -> None:
    _reseal(service, enrolled, b"x" * 60)
    challenge = service.challenge(enrolled)
    codes = [service.verify(challenge, service.code(enrolled)).code for _ in range(6)]
    assert codes == ["internal_error"] * 5 + ["challenge_invalid"]
    assert len(service.record(enrolled).recent) == 5


def test_a_moved_ciphertext_neither_steps_up(service: Service) -> None:
    success = step_up(service)
    _reseal(service, success.person, b"x" * 60)
    assert_is_problem(success.send(service), "internal_error")
    assert service.events("step_up") == []


def test_a_moved_ciphertext_is_logged_with_aws_reason_and_no_secret(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    _reseal(service, yours, _only(service.record(mine)).sealed_secret)
    service.verify(service.challenge(yours), service.code(mine))
    printed = capsys.readouterr().out
    [defect] = told(printed, "defect")
    assert defect["refusal"] == "InvalidCiphertextException"
    assert mine.secret.base32 not in printed


def test_a_signing_key_sealed_for_another_kid_signs_nothing(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    now = service.now()
    one, other = (service.services.rotation.make(made_at=now, signs_from=now + n) for n in (-1, 0))
    moved = msgspec.structs.replace(other, sealed_private_key=one.sealed_private_key)
    service.put(
        {
            "pk": "SIGNING_KEY",
            "sk": moved.kid,
            "sealed": moved.sealed_private_key,
            "jwk": moved.public_jwk,
            "made_at": now,
            "signs_from": now,
        }
    )
    service.services.keyring._read_at = None
    service.services.keyring._opened = None
    before = service.record(enrolled)
    reply = service.verify(challenge, service.code(enrolled))
    assert_is_problem(reply, "internal_error")
    assert service.record(enrolled) == before


# --- A53: the secrets themselves


def test_a_secret_is_twenty_random_bytes_new_at_every_start(service: Service) -> None:
    seen: set[str] = set()
    for number in range(4):
        person = service.person(f"agent{number}")
        challenge = service.challenge(person)
        for _ in range(3):
            answer = service.post("/enroll", {"challenge": challenge}).body
            challenge = answer["challenge"]
            assert re.fullmatch(r"[A-Z2-7]{32}", answer["secret"])
            assert len(secret_of(answer["secret"]).raw) == 20
            seen.add(answer["secret"])
    assert len(seen) == 12


def test_what_is_scanned_is_what_is_typed(service: Service, agent: Person) -> None:
    answer = service.enroll(agent).body
    uri = urlparse(answer["otpauth_uri"])
    parameters = {name: values[0] for name, values in parse_qs(uri.query, strict_parsing=True).items()}
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parameters == {
        "secret": answer["secret"],
        "issuer": "Acme Support",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }
    assert "+" not in answer["otpauth_uri"]
    app = pyotp.parse_uri(answer["otpauth_uri"])
    assert isinstance(app, pyotp.TOTP)
    code = app.at(service.now())
    assert service.verify(answer["challenge"], code).status == 200


def test_an_earlier_secret_of_the_same_enrollment_binds_nothing(service: Service, agent: Person) -> None:
    first = service.enroll(agent).body
    second = service.post("/enroll", {"challenge": first["challenge"]}).body
    old = service.code_of(secret_of(first["secret"]))
    assert service.verify(first["challenge"], old).code == "challenge_invalid"
    assert service.verify(second["challenge"], old).code == "invalid_code"
    assert service.verify(second["challenge"], service.code_of(secret_of(second["secret"]))).status == 200


def test_recovery_codes_and_tickets_are_eighty_random_bits(service: Service, agent: Person, admin_token: str) -> None:
    bound, _ = service.bind(agent)
    codes = bound.body["recovery_codes"]
    tickets = [service.reset(admin_token, "agent").body["ticket"] for _ in range(5)]
    for text in (*codes, *tickets):
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", text)
    assert len({*codes, *tickets}) == 15
