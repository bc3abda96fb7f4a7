"""Guessing passwords (A12, A18): names and addresses are slowed down, never locked; codes have budgets of their own."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from secondstep import wiring
from secondstep.aws import Answer, AwsUnavailable
from secondstep.store.layout import REFUND
from tests.recording import Called
from tests.service import PASSWORD, Person, Reply, Service, race

pytestmark = pytest.mark.hashing


def _codes(service: Service, person: Person, times: int, **how: str) -> list[str]:
    return [service.log_in(person, "wrong", **how).code for _ in range(times)]


def test_a_name_has_a_burst_of_ten_and_then_one_in_thirty_seconds(service: Service, enrolled: Person) -> None:
    assert _codes(service, enrolled, 11) == ["invalid_credentials"] * 10 + ["too_many_attempts"]
    wait = service.log_in(enrolled, "wrong").body["retry_after"]
    assert wait == 30
    service.clock.advance(29)
    assert service.log_in(enrolled).code == "too_many_attempts"
    service.clock.advance(1)
    assert service.log_in(enrolled).status == 200


def test_a_name_is_never_locked_for_good(service: Service, enrolled: Person) -> None:
    """A18: who never stops keeps a name at that rate; thirty seconds after, the owner is in."""
    _codes(service, enrolled, 100)
    service.clock.advance(30)
    assert service.log_in(enrolled).status == 200


def test_a_name_that_does_not_exist_is_slowed_down_alike(service: Service, enrolled: Person) -> None:
    ghost = Person(msgspec.structs.replace(enrolled.identity, login_name="ghost"), "", enrolled.secret, [])
    assert _codes(service, ghost, 11) == _codes(service, enrolled, 11)
    assert service.log_in(ghost, "wrong").body["retry_after"] == service.log_in(enrolled, "wrong").body["retry_after"]


def test_the_owner_who_knows_the_password_pays_nothing(service: Service, enrolled: Person) -> None:
    assert [service.log_in(enrolled).status for _ in range(30)] == [200] * 30


def test_what_many_at_once_overshoot_is_paid_for_by_waiting(service: Service) -> None:
    """The address is read before and charged after; whatever passes in between goes into debt."""

    def attempt(number: int) -> Reply:
        body = {"account": "acme", "login_name": f"n{number}", "password": "wrong"}
        return service.post("/login", body, source="198.51.100.9")

    codes = [reply.code for reply in race(*(partial(attempt, number) for number in range(90)))]
    evaluated = codes.count("invalid_credentials")
    refused = attempt(99)
    assert refused.code == "too_many_attempts"
    assert refused.body["retry_after"] == (evaluated - 59) * 5
    service.clock.advance(refused.body["retry_after"] - 1)
    assert attempt(100).code == "too_many_attempts"
    service.clock.advance(1)
    assert attempt(101).code == "invalid_credentials"


def test_an_address_has_a_burst_of_sixty_over_all_names(service: Service) -> None:
    people = [service.person(f"person{number}") for number in range(8)]
    found = [code for person in people for code in _codes(service, person, 9)]
    assert found[:60] == ["invalid_credentials"] * 60
    assert "too_many_attempts" in found[60:]
    assert service.log_in(people[0], source="198.51.100.9").status == 200


def test_addresses_of_one_ipv6_network_are_one(service: Service) -> None:
    people = [service.person(f"person{number}") for number in range(8)]
    found = [
        code
        for number, person in enumerate(people)
        for code in _codes(service, person, 9, source=f"2001:db8:1:2::{number + 1:x}")
    ]
    assert "too_many_attempts" in found[60:]
    assert service.log_in(people[0], source="2001:db8:1:3::1").status == 200


def test_a_listed_backend_relays_any_number_of_logins(service: Service) -> None:
    settings = msgspec.structs.replace(service.services.settings, server_addresses=("203.0.113.0/24",))
    wiring.install(msgspec.structs.replace(service.services, settings=settings))
    people = [service.person(f"person{number}") for number in range(8)]
    assert {code for person in people for code in _codes(service, person, 9)} == {"invalid_credentials"}
    assert not [each for each in service.state() if each["pk"].startswith("BUDGET#IP#")]


def test_wrong_passwords_touch_no_code_budget_and_wrong_codes_no_password_budget(
    service: Service, enrolled: Person
) -> None:
    """Promise 5."""
    challenge = service.challenge(enrolled)
    before = service.record(enrolled)
    _codes(service, enrolled, 12)
    assert service.record(enrolled) == before
    assert service.verify(challenge, service.wrong_code(enrolled)).code == "invalid_code"
    service.clock.advance(400)
    for _ in range(2):
        challenge = service.challenge(enrolled)
        for _ in range(5):
            service.verify(challenge, service.wrong_code(enrolled))
    assert _codes(service, enrolled, 9) == ["invalid_credentials"] * 9


@pytest.mark.parametrize("path", ["/login", "/password"])
def test_a_forged_header_is_no_address(service: Service, enrolled: Person, path: str) -> None:
    body = {"account": "acme", "login_name": "enrolled", "password": "wrong"}
    if path == "/password":
        body = {"account": "acme", "login_name": "enrolled", "ticket": "0000-0000-0000-0000", "new_password": PASSWORD}
    service.post(path, body, headers={"X-Forwarded-For": "192.0.2.77", "Forwarded": "for=192.0.2.78"})
    budgets = [each["pk"] for each in service.state() if each["pk"].startswith("BUDGET#IP#")]
    assert budgets == ["BUDGET#IP#203.0.113.7"]


def test_a_refund_that_is_throttled_is_503_and_costs_the_name_half_a_minute(service: Service, enrolled: Person) -> None:
    """Promise 8: what is not known to be done is no success; the charge lapses as one of a wrong password does."""

    def throttle_the_refund(called: Called, send: Callable[[], Answer]) -> Answer:
        if REFUND in called.request.get("ExpressionAttributeNames", {}).values():
            raise AwsUnavailable("ThrottlingException")
        return send()

    _codes(service, enrolled, 8)
    service.recorder.fault = throttle_the_refund
    assert service.log_in(enrolled).code == "unavailable"
    service.recorder.fault = None
    assert service.record(enrolled).challenges == {}
    assert service.events("login")[8:] == []
    assert _codes(service, enrolled, 2) == ["invalid_credentials", "too_many_attempts"]
    service.clock.advance(30)
    assert service.log_in(enrolled).status == 200
