"""How an account admin helps somebody in: a ticket for a new password, and the unlocking of what was used up."""

import pytest

from secondstep.account import EnrollmentTicket
from secondstep.authenticators.totp import new_secret
from secondstep.store.layout import name_budget_key
from secondstep.subscriber import Enrollment, Identity, Status
from tests.service import PASSWORD, Person, Reply, Service

ONE = "/admin/subscribers"
NEW = "another long phrase"


def reset_password(service: Service, token: str, name: str) -> Reply:
    return service.post(f"{ONE}/{name}/password-reset", {"reason": "forgotten"}, token=token)


def unlock(service: Service, token: str, name: str) -> Reply:
    return service.post(f"{ONE}/{name}/unlock", token=token)


def redeem(service: Service, name: str, ticket: str, new: str = NEW) -> Reply:
    body = {"account": "acme", "login_name": name, "ticket": ticket, "new_password": new}
    return service.post("/password", body)


# --- password-reset


def test_a_password_reset_does_not_touch_the_authenticators(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    service.change(enrolled, last_login_at=service.now())
    before = service.record(enrolled)
    reply = reset_password(service, admin_token, "enrolled")
    assert (reply.status, reply.body["expires_at"]) == (200, service.now() + 24 * 3600)
    held = service.record(enrolled)
    assert (held.authenticators, held.recovery_codes, held.epoch) == (
        before.authenticators,
        before.recovery_codes,
        before.epoch,
    )
    assert (held.enrollment, held.enrollment_ticket) == (Enrollment.BOUND, None)
    assert service.log_in(enrolled).status == 200  # the old password works until then
    assert redeem(service, "enrolled", reply.body["ticket"]).status == 204
    assert service.log_in(enrolled).code == "invalid_credentials"
    assert service.log_in(enrolled, NEW).body["next"] == "verify"
    (event,) = service.events("password_reset")
    assert (event["reason"], event["actor"]["login_name"]) == ("forgotten", "boss")


def test_a_second_password_reset_kills_the_first_ticket(service: Service, admin_token: str, enrolled: Person) -> None:
    first = reset_password(service, admin_token, "enrolled").body["ticket"]
    second = reset_password(service, admin_token, "enrolled").body["ticket"]
    assert redeem(service, "enrolled", first).code == "ticket_invalid"
    assert redeem(service, "enrolled", second).status == 204
    assert redeem(service, "enrolled", second).code == "ticket_invalid"


def test_who_has_never_been_in_gets_one_ticket_for_both_doors(service: Service, admin_token: str) -> None:
    service.account(enrollment_ticket=EnrollmentTicket.ALWAYS)
    first = service.post(ONE, {"login_name": "kim", "role": "agent"}, token=admin_token).body["ticket"]
    kim = Person(Identity("acme", "kim"), "", new_secret(), [])
    ticket = reset_password(service, admin_token, "kim").body["ticket"]
    assert redeem(service, "kim", first, PASSWORD).code == "ticket_invalid"
    assert redeem(service, "kim", ticket, PASSWORD).status == 204
    held = service.record(kim)
    assert (held.status, held.enrollment, held.password_ticket) == (Status.ACTIVE, Enrollment.TICKETED, None)
    reply, _ = service.bind(kim, ticket=ticket)
    assert reply.status == 200


def test_who_has_been_in_gets_the_password_slot_alone(service: Service, admin_token: str) -> None:
    """A phone was lost, then the password: the reset's ticket is still the only way to a new phone."""
    person = service.bound_person("ann", last_login_at=service.now())
    for_phone = service.reset(admin_token, "ann").body["ticket"]
    before = service.record(person).enrollment_ticket
    for_password = reset_password(service, admin_token, "ann").body["ticket"]
    assert service.record(person).enrollment_ticket == before
    assert redeem(service, "ann", for_phone).code == "ticket_invalid"
    assert redeem(service, "ann", for_password, PASSWORD).status == 204
    assert service.enroll(person, ticket=for_password).code == "ticket_invalid"
    reply, _ = service.bind(person, ticket=for_phone)
    assert reply.status == 200


def test_the_disabled_get_no_password_ticket(service: Service, admin_token: str) -> None:
    person = service.person("off", status=Status.DISABLED)
    assert reset_password(service, admin_token, "off").code == "conflict"
    assert service.record(person).password_ticket is None


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\nb", "a\u0085b", None, 5])
def test_a_reason_is_a_line_of_text(service: Service, admin_token: str, enrolled: Person, reason: object) -> None:
    before = service.item(enrolled)
    for route in ("password-reset", "reset"):
        reply = service.post(f"{ONE}/enrolled/{route}", {"reason": reason}, token=admin_token)
        assert reply.code == "invalid_request"
        assert service.post(f"{ONE}/enrolled/{route}", token=admin_token).code == "invalid_request"
    assert service.item(enrolled) == before


# --- unlock


def test_unlocking_lets_the_disabled_authenticator_work_again(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    """Fifty in a row: what was disabled works again with the same phone, and nothing was removed."""
    full = {f"c{number}": service.now() for number in range(50)}
    service.change(enrolled, run=50, day=full, recent=dict(list(full.items())[:10]), recovery_recent={"r": 1})
    before = service.record(enrolled)
    challenge = service.challenge(enrolled)
    assert service.verify(challenge, service.code(enrolled)).code == "authenticator_disabled"
    shown = service.get(f"{ONE}/enrolled", token=admin_token).body
    assert (shown["authenticators_disabled"], shown["locked_until"]) == (True, service.now() + 24 * 3600)
    reply = unlock(service, admin_token, "enrolled")
    assert (reply.status, reply.body["authenticators_disabled"], reply.body["locked_until"]) == (200, False, None)
    held = service.record(enrolled)
    assert (held.run, held.recent, held.day, held.recovery_recent) == (0, {}, {}, {})
    assert (held.authenticators, held.recovery_codes) == (before.authenticators, before.recovery_codes)
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200
    (event,) = service.events("unlocked")
    assert (event["actor"]["login_name"], event["subject"]["login_name"]) == ("boss", "enrolled")


def test_unlocking_refills_the_passwords_budget(service: Service, admin_token: str, enrolled: Person) -> None:
    service.clock.advance(30)
    while service.log_in(enrolled, "wrong").code != "too_many_attempts":
        pass
    assert unlock(service, admin_token, "enrolled").status == 200
    budget = _budget(service, enrolled)
    assert budget["purge_at"] == service.now()  # what stands there is as good as nothing
    codes = [service.log_in(enrolled, "wrong").code for _ in range(11)]
    assert codes == ["invalid_credentials"] * 10 + ["too_many_attempts"]
    assert _budget(service, enrolled)["purge_at"] > service.now()


def test_unlocking_a_budget_that_was_never_used_leaves_nothing_for_good(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    assert unlock(service, admin_token, "enrolled").status == 200
    assert _budget(service, enrolled)["purge_at"] == service.now()
    assert service.log_in(enrolled).status == 200


def test_unlocking_ends_no_session_and_opens_no_door(service: Service, admin_token: str, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    before = service.record(enrolled)
    service.change(enrolled, status=Status.DISABLED)
    assert unlock(service, admin_token, "enrolled").body["status"] == "disabled"
    assert service.log_in(enrolled).code == "invalid_credentials"
    service.change(enrolled, status=Status.ACTIVE)
    assert service.record(enrolled).epoch == before.epoch
    assert service.get("/me", token=tokens["access_token"]).status == 200


def _budget(service: Service, person: Person) -> dict[str, int]:
    key = name_budget_key(person.identity.hash)
    (found,) = [each for each in service.state() if each["pk"] == key["pk"]]
    return found
