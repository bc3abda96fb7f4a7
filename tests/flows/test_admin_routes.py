"""What an account admin does about a subscriber: read, change, delete."""

from typing import Any

import pytest

from secondstep import ticket
from secondstep.subscriber import Enrollment, Role, canonical_login_name
from tests.service import PASSWORD, Person, Reply, Service

LIST = "/admin/subscribers"
SECRET_WORDS = ("secret", "hash", "epoch", "ticket", "challenge", "run", "recent")


def change(service: Service, token: str, name: str, **wanted: Any) -> Reply:
    return service.call("PATCH", f"{LIST}/{name}", wanted, token=token)


# --- read


def test_one_subscriber_is_shown_without_secrets(service: Service, admin_token: str, enrolled: Person) -> None:
    service.change(enrolled, email="ann@example.com", display_name="Ann", locale="de")
    service.challenge(enrolled)
    reply = service.get(f"{LIST}/ENROLLED", token=admin_token)
    shown, held = reply.body, service.record(enrolled)
    (authenticator,) = held.authenticators.values()
    assert shown == {
        "login_name": "enrolled",
        "sub": enrolled.sub,
        "display_name": "Ann",
        "role": "agent",
        "status": "active",
        "enrolled": True,
        "enrollment": "bound",
        "created_at": held.created_at,
        "last_login_at": None,
        "authenticators": [
            {
                "id": authenticator.id,
                "type": "totp",
                "name": "Authenticator",
                "created_at": authenticator.created_at,
                "last_used_at": authenticator.last_used_at,
            }
        ],
        "authenticators_disabled": False,
        "recovery_codes_left": 10,
        "locked_until": None,
        "email": "ann@example.com",
        "locale": "de",
    }
    text = str(shown)
    assert held.password_hash is not None
    assert not any(word in name for name in shown for word in SECRET_WORDS)
    for secret in (enrolled.secret.base32, held.password_hash, *enrolled.recovery_codes, enrolled.identity.hash):
        assert secret not in text


@pytest.mark.parametrize("name", ["nobody", "%E2%80%8B", "a%00b", "%ff", "a%2fb"])
def test_nobody_of_that_name_is_not_found(service: Service, admin_token: str, name: str) -> None:
    reply = service.get(f"{LIST}/{name}", token=admin_token)
    assert reply.code in ("not_found", "invalid_request"), reply.body
    assert reply.status < 500


def test_locked_until_is_true_for_the_password(service: Service, admin_token: str, enrolled: Person) -> None:
    service.clock.advance(30)
    for _ in range(10):
        assert service.log_in(enrolled, "wrong").code == "invalid_credentials"
    refused = service.log_in(enrolled)
    until = service.get(f"{LIST}/enrolled", token=admin_token).body["locked_until"]
    assert until == service.now() + refused.body["retry_after"]
    service.clock.advance(until - service.clock() - 1)
    assert service.log_in(enrolled).code == "too_many_attempts"
    service.clock.advance(until - service.clock())
    assert service.get(f"{LIST}/enrolled", token=admin_token).body["locked_until"] is None
    assert service.log_in(enrolled).status == 200


def test_locked_until_is_true_for_the_codes(service: Service, admin_token: str, enrolled: Person) -> None:
    refused = 0
    for challenge in [service.challenge(enrolled) for _ in range(3)]:
        for _ in range(5):
            service.clock.advance(1)
            refused += service.verify(challenge, service.wrong_code(enrolled)).code == "invalid_code"
    assert refused == 10
    until = service.get(f"{LIST}/enrolled", token=admin_token).body["locked_until"]
    challenge = service.challenge(enrolled)
    assert until == service.now() + service.verify(challenge, service.code(enrolled)).body["retry_after"]
    tokens = service.session(service.bound_admin("second"))
    service.clock.advance(until - service.clock())
    challenge = service.challenge(enrolled)
    assert service.verify(challenge, service.code(enrolled)).status == 200
    shown = service.get(f"{LIST}/enrolled", token=tokens["account_token"])
    assert shown.body["locked_until"] is None


# --- change


def test_contact_data_is_set_and_null_removes_it(service: Service, admin_token: str, enrolled: Person) -> None:
    service.change(enrolled, email="old@example.com", display_name="Ann", locale="de")
    before = service.record(enrolled)
    tokens = service.session(enrolled)
    reply = change(service, admin_token, "enrolled", email="new@example.com", display_name=None)
    assert (reply.status, reply.body["email"], reply.body["display_name"], reply.body["locale"]) == (
        200,
        "new@example.com",
        None,
        "de",
    )
    held = service.record(enrolled)
    assert (held.email, held.display_name, held.locale) == ("new@example.com", None, "de")
    assert held.epoch == before.epoch
    assert service.get("/me", token=tokens["access_token"]).status == 200  # contact data ends no session
    (event,) = service.events("profile_changed")
    assert event["detail"] == {
        "old": {"email": "old@example.com", "display_name": "Ann"},
        "new": {"email": "new@example.com"},
    }
    assert event["actor"]["login_name"] == "boss"
    assert event["subject"] == {"sub": enrolled.sub, "login_name": "enrolled"}


def test_what_is_as_wanted_already_writes_nothing(service: Service, admin_token: str, enrolled: Person) -> None:
    before, events = service.item(enrolled), service.events()
    for wanted in ({}, {"status": "active"}, {"role": "agent"}, {"email": None}):
        assert change(service, admin_token, "enrolled", **wanted).status == 200
    assert (service.item(enrolled), service.events()) == (before, events)


@pytest.mark.parametrize(
    "wanted",
    [
        {"status": "invited"},
        {"status": None},
        {"role": "owner"},
        {"role": None},
        {"email": "nobody"},
        {"locale": "german language"},
        {"display_name": "a\nb"},
        {"display_name": ""},
        {"login_name": "x"},
        {"account": "other"},
        {"enrollment": "open"},
        {"password_hash": "x"},
    ],
)
def test_what_cannot_be_wanted_is_refused(
    service: Service, admin_token: str, enrolled: Person, wanted: dict[str, Any]
) -> None:
    before = service.item(enrolled)
    assert change(service, admin_token, "enrolled", **wanted).code == "invalid_request"
    assert service.item(enrolled) == before


def test_disabling_ends_sessions_challenges_and_tickets_at_once(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    text, stored = ticket.issue(now=service.now(), ttl_seconds=3600)
    service.change(enrolled, password_ticket=stored, enrollment_ticket=stored)
    tokens, challenge = service.session(enrolled), service.challenge(enrolled)
    service.clock.advance(30)
    reply = change(service, admin_token, "enrolled", status="disabled")
    assert (reply.status, reply.body["status"]) == (200, "disabled")
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.log_in(enrolled).code == "invalid_credentials"
    body = {"account": "acme", "login_name": "enrolled", "ticket": text, "new_password": "another long phrase"}
    assert service.post("/password", body).code == "ticket_invalid"
    held = service.record(enrolled)
    assert (held.challenges, held.password_ticket, held.enrollment_ticket) == ({}, None, None)
    assert held.is_bound
    (event,) = service.events("status_changed")
    assert event["detail"] == {"old": {"status": "active"}, "new": {"status": "disabled"}}
    # active again: the same phone opens, but nothing of before does
    assert change(service, admin_token, "enrolled", status="active").status == 200
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200


def test_promotion_wants_a_bound_authenticator(service: Service, admin_token: str, enrolled: Person) -> None:
    for enrollment in (Enrollment.OPEN, Enrollment.TICKETED):
        service.person("plain", enrollment=enrollment)
        assert change(service, admin_token, "plain", role="admin").code == "conflict"
    tokens = service.session(enrolled)
    assert change(service, admin_token, "enrolled", role="admin").body["role"] == "admin"
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    service.clock.advance(30)
    tokens = service.session(enrolled)
    assert service.get("/admin/summary", token=tokens["account_token"]).status == 200
    assert change(service, admin_token, "enrolled", role="agent").body["role"] == "agent"
    assert service.get("/admin/summary", token=tokens["account_token"]).code == "invalid_token"
    assert [each["detail"] for each in service.events("role_changed")] == [
        {"old": {"role": "agent"}, "new": {"role": "admin"}},
        {"old": {"role": "admin"}, "new": {"role": "agent"}},
    ]


def test_several_changes_are_one_write_with_an_event_each(service: Service, admin_token: str, enrolled: Person) -> None:
    wanted = {"status": "disabled", "role": "admin", "email": "a@example.com"}
    assert change(service, admin_token, "enrolled", **wanted).status == 200
    recorded = service.events("status_changed", "role_changed", "profile_changed")
    assert {each["event"] for each in recorded} == {"status_changed", "role_changed", "profile_changed"}
    assert len({each["request_id"] for each in recorded}) == 1


def test_an_invitation_is_redeemed_not_switched_on(service: Service, admin_token: str) -> None:
    service.post(LIST, {"login_name": "kim", "role": "agent"}, token=admin_token)
    assert change(service, admin_token, "kim", status="active").code == "conflict"
    assert change(service, admin_token, "kim", status="disabled").status == 200
    assert change(service, admin_token, "kim", status="active").code == "conflict"  # there is no password


# --- delete


def test_who_is_deleted_is_gone_and_the_audit_stays(service: Service, admin_token: str, enrolled: Person) -> None:
    tokens, challenge = service.session(enrolled), service.challenge(enrolled)
    service.clock.advance(30)
    assert service.call("DELETE", f"{LIST}/enrolled", token=admin_token).status == 204
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.log_in(enrolled).code == "invalid_credentials"
    assert service.get(f"{LIST}/enrolled", token=admin_token).code == "not_found"
    assert service.call("DELETE", f"{LIST}/enrolled", token=admin_token).code == "not_found"
    assert [each["login_name"] for each in service.get(LIST, token=admin_token).body["subscribers"]] == ["boss"]
    told = service.get("/admin/audit?login_name=enrolled", token=admin_token).body["events"]
    assert [each["event"] for each in told] == ["deleted", "verify"]
    assert told[0]["subject"] == {"sub": enrolled.sub, "login_name": "enrolled"}


def test_a_name_that_was_deleted_is_invited_again_as_somebody_else(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    tokens = service.session(enrolled)
    service.call("DELETE", f"{LIST}/enrolled", token=admin_token)
    invited = service.post(LIST, {"login_name": "Enrolled", "role": "agent"}, token=admin_token)
    assert invited.status == 201
    body = {"account": "acme", "login_name": "enrolled", "ticket": invited.body["ticket"], "new_password": PASSWORD}
    assert service.post("/password", body).status == 204
    held = service.record(enrolled)
    assert held.sub != enrolled.sub
    assert (held.role, held.authenticators, held.recovery_codes) == (Role.AGENT, {}, frozenset())
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    reply, _ = service.bind(enrolled)
    assert reply.status == 200
    own = service.get("/me/events", token=reply.body["account_token"]).body["events"]
    assert {each["subject"]["sub"] for each in own} == {held.sub}
    assert canonical_login_name("Enrolled") == held.login_name
