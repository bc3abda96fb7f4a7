"""A subscriber's own account: contact data, several authenticators, recovery codes, password, sessions, events."""

from functools import partial
from typing import Any

import pytest

from secondstep.account import EnrollmentTicket
from secondstep.authenticators.password import hash_password
from secondstep.authenticators.totp import Secret
from secondstep.subscriber import Enrollment, Role, Status
from tests.service import PASSWORD, Person, Reply, Service, race, secret_of

LONG_PASSWORD = "a lamp beside the window"


@pytest.fixture
def token(service: Service, enrolled: Person) -> str:
    """Return the account token of somebody who has just logged in with both steps."""
    return str(service.session(enrolled)["account_token"])


def begin(service: Service, token: str, name: str = "Tablet", **more: str) -> Reply:
    return service.post("/me/authenticators", {"name": name, **more}, token=token)


def add(service: Service, token: str, name: str = "Tablet") -> tuple[Reply, Secret]:
    """Add an authenticator with the first code of its secret."""
    begun = begin(service, token, name).body
    secret = secret_of(begun["secret"])
    body = {"challenge": begun["challenge"], "code": service.code_of(secret)}
    return service.post("/verify", body, token=token), secret


def authenticators(service: Service, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get("/me", token=token).body["authenticators"]
    return found


def only_authenticator(service: Service, token: str) -> str:
    (held,) = authenticators(service, token)
    return str(held["id"])


# --- contact data


def test_contact_data_is_changed_and_the_event_has_old_and_new(service: Service, enrolled: Person, token: str) -> None:
    service.change(enrolled, email="old@example.com", display_name="Ann")
    wanted = {"display_name": None, "locale": "de-AT", "email": "new@example.com"}
    reply = service.call("PATCH", "/me", wanted, token=token)
    assert reply.status == 200
    assert {name: reply.body[name] for name in wanted} == wanted
    held = service.record(enrolled)
    assert (held.display_name, held.locale, held.email) == (None, "de-AT", "new@example.com")
    (event,) = service.events("profile_changed")
    assert event["detail"] == {
        "old": {"email": "old@example.com", "display_name": "Ann"},
        "new": {"email": "new@example.com", "locale": "de-AT"},
    }


def test_what_does_not_change_anything_records_nothing(service: Service, enrolled: Person, token: str) -> None:
    before = service.item(enrolled)
    assert service.call("PATCH", "/me", {}, token=token).status == 200
    assert service.call("PATCH", "/me", {"locale": None}, token=token).status == 200
    assert service.item(enrolled) == before
    assert service.events("profile_changed") == []


def test_another_address_wants_fresh_proof_another_name_does_not(service: Service, token: str) -> None:
    service.clock.advance(301)
    assert service.call("PATCH", "/me", {"display_name": "Ann"}, token=token).status == 200
    refused = service.call("PATCH", "/me", {"email": "x@example.com"}, token=token)
    assert (refused.status, refused.code, refused.body["max_age"]) == (401, "step_up_required", 300)


# --- several authenticators


def test_a_second_authenticator_works_beside_the_first(service: Service, enrolled: Person, token: str) -> None:
    before = service.record(enrolled)
    reply, secret = add(service, token)
    assert reply.status == 200
    assert set(reply.body) == {"authenticator", "recovery_codes_left"}
    assert (reply.body["authenticator"]["name"], reply.body["recovery_codes_left"]) == ("Tablet", 10)
    after = service.record(enrolled)
    assert (after.epoch, after.recovery_codes) == (before.epoch, before.recovery_codes)
    assert {each["name"] for each in authenticators(service, token)} == {"Authenticator", "Tablet"}
    service.clock.advance(30)
    assert service.verify(service.challenge(enrolled), service.code_of(secret)).status == 200
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200
    (event,) = service.events("authenticator_added")
    assert event["detail"] == {"authenticator": reply.body["authenticator"]["id"], "name": "Tablet"}
    assert event["outcome"] == "success"


def test_a_second_entry_bears_its_name_in_the_app(service: Service, token: str) -> None:
    assert begin(service, token).body["label"] == "Acme Support:enrolled (Tablet)"


def test_the_code_that_added_an_authenticator_is_burned(service: Service, enrolled: Person, token: str) -> None:
    reply, secret = add(service, token)
    assert reply.status == 200
    assert service.verify(service.challenge(enrolled), service.code_of(secret)).body["hint"] == "replayed"


def test_adding_makes_no_session_and_returns_its_charge(service: Service, enrolled: Person, token: str) -> None:
    sessions = service.sessions(enrolled)
    add(service, token)
    held = service.record(enrolled)
    assert service.sessions(enrolled) == sessions
    assert (held.recent, held.day, held.challenges) == ({}, {}, {})


def test_a_wrong_code_binds_nothing_and_counts(service: Service, enrolled: Person, token: str) -> None:
    begun = begin(service, token).body
    body = {"challenge": begun["challenge"], "code": service.wrong_code(enrolled)}
    reply = service.post("/verify", body, token=token)
    assert (reply.code, reply.body["tries_left"]) == ("invalid_code", 4)
    held = service.record(enrolled)
    assert (len(held.authenticators), len(held.recent), held.run) == (1, 1, 1)
    (event,) = service.events("authenticator_added")
    assert (event["outcome"], event["detail"]) == ("failure", {"why": "wrong"})


def test_no_more_than_the_account_allows(service: Service, enrolled: Person, token: str) -> None:
    service.account(max_authenticators=2)
    first, second = begin(service, token, "Two").body, begin(service, token, "Three").body
    for begun, status in ((first, 200), (second, 409)):
        body = {"challenge": begun["challenge"], "code": service.code_of(secret_of(begun["secret"]))}
        assert service.post("/verify", body, token=token).status == status
    assert begin(service, token, "Four").code == "conflict"
    assert len(service.record(enrolled).authenticators) == 2


def test_a_first_authenticator_from_within_a_session(service: Service) -> None:
    service.account(mfa_required=False)
    person = service.person("open")
    tokens = service.log_in(person).body
    reply, secret = add(service, tokens["account_token"], "Phone")
    assert (reply.status, reply.body["recovery_codes_left"]) == (200, 0)
    assert service.record(person).enrollment is Enrollment.BOUND
    assert [each["detail"]["name"] for each in service.events("enrolled")] == ["Phone"]
    # the session goes on, but without a factor it can neither be refreshed nor change anything
    assert service.get("/me", token=tokens["account_token"]).status == 200
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    assert service.post("/me/recovery-codes", token=tokens["account_token"]).code == "step_up_required"
    service.clock.advance(30)
    body = {"code": service.code_of(secret)}
    stepped_up = service.post("/step-up", body, token=tokens["account_token"]).body["account_token"]
    assert len(service.post("/me/recovery-codes", token=stepped_up).body["recovery_codes"]) == 10


def test_renaming_is_told_and_recorded(service: Service, enrolled: Person, token: str) -> None:
    held = only_authenticator(service, token)
    reply = service.call("PATCH", f"/me/authenticators/{held}", {"name": "Work phone"}, token=token)
    assert (reply.status, reply.body["id"], reply.body["name"]) == (200, held, "Work phone")
    assert service.record(enrolled).authenticators[held].name == "Work phone"
    (event,) = service.events("authenticator_renamed")
    assert event["detail"] == {"authenticator": held, "old": "Authenticator", "new": "Work phone"}


def test_removing_one_of_two_ends_every_other_session(service: Service, enrolled: Person, token: str) -> None:
    other = service.session(enrolled)
    service.clock.advance(30)
    _, secret = add(service, token)
    first = next(each["id"] for each in authenticators(service, token) if each["name"] == "Authenticator")
    assert service.call("DELETE", f"/me/authenticators/{first}", token=token).status == 204
    assert [each["name"] for each in authenticators(service, token)] == ["Tablet"]
    assert service.get("/me", token=other["account_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": other["refresh_token"]}).code == "invalid_token"
    service.clock.advance(30)
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "invalid_code"
    assert service.verify(service.challenge(enrolled), service.code_of(secret)).status == 200
    (event,) = service.events("authenticator_removed")
    assert event["detail"] == {"authenticator": first, "name": "Authenticator"}


def test_the_last_authenticator_stays_while_a_factor_is_wanted(service: Service, enrolled: Person, token: str) -> None:
    before = service.item(enrolled)
    reply = service.call("DELETE", f"/me/authenticators/{only_authenticator(service, token)}", token=token)
    assert (reply.status, reply.code) == (409, "conflict")
    assert service.item(enrolled) == before


def test_the_last_authenticator_of_an_admin_stays(service: Service, admin: Person, admin_token: str) -> None:
    service.account(mfa_required=False)
    held = only_authenticator(service, admin_token)
    assert service.call("DELETE", f"/me/authenticators/{held}", token=admin_token).code == "conflict"


@pytest.mark.parametrize(
    ("ticket", "after"), [("never", Enrollment.OPEN), ("after_reset", Enrollment.OPEN), ("always", Enrollment.TICKETED)]
)
def test_the_last_authenticator_takes_the_recovery_codes_with_it(
    service: Service, enrolled: Person, token: str, ticket: str, after: Enrollment
) -> None:
    service.account(mfa_required=False, enrollment_ticket=EnrollmentTicket(ticket))
    held = only_authenticator(service, token)
    assert service.call("DELETE", f"/me/authenticators/{held}", token=token).status == 204
    record = service.record(enrolled)
    assert (record.authenticators, record.recovery_codes, record.enrollment) == ({}, frozenset(), after)
    assert service.get("/me", token=token).body["authenticators"] == []


# --- recovery codes


def test_new_recovery_codes_take_the_place_of_the_old(service: Service, enrolled: Person, token: str) -> None:
    reply = service.post("/me/recovery-codes", token=token)
    assert (reply.status, len(reply.body["recovery_codes"]), reply.body["recovery_codes_left"]) == (200, 10, 10)
    old = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", old).code == "invalid_code"
    new = {"challenge": service.challenge(enrolled), "recovery_code": reply.body["recovery_codes"][0]}
    assert service.post("/verify", new).status == 200
    assert [each["detail"] for each in service.events("recovery_codes_renewed")] == [{"left": 10}]


# --- password


def test_a_new_password_ends_the_other_sessions_and_every_challenge(
    service: Service, enrolled: Person, token: str
) -> None:
    other, challenge = service.session(enrolled), service.challenge(enrolled)
    body = {"current_password": PASSWORD, "new_password": LONG_PASSWORD}
    assert service.post("/me/password", body, token=token).status == 204
    assert service.get("/me", token=token).status == 200
    assert service.get("/me", token=other["account_token"]).code == "invalid_token"
    service.clock.advance(30)
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.log_in(enrolled).code == "invalid_credentials"
    assert service.log_in(enrolled, LONG_PASSWORD).status == 200
    assert [each["outcome"] for each in service.events("password_changed")] == ["success"]


def test_a_wrong_current_password_spends_the_names_budget(service: Service, enrolled: Person, token: str) -> None:
    service.clock.advance(30)  # the login's own charge has lapsed
    body = {"current_password": "wrong", "new_password": LONG_PASSWORD}
    codes = [service.post("/me/password", body, token=token).code for _ in range(11)]
    assert codes == ["invalid_credentials"] * 10 + ["too_many_attempts"]
    assert service.log_in(enrolled, LONG_PASSWORD).code == "too_many_attempts"


@pytest.mark.parametrize(
    ("new", "reason"), [("short", "too_short"), ("password1", "too_common"), ("x" * 129, "too_long")]
)
def test_a_weak_new_password_spends_nothing(
    service: Service, enrolled: Person, token: str, new: str, reason: str
) -> None:
    before = service.item(enrolled)
    for _ in range(12):
        reply = service.post("/me/password", {"current_password": PASSWORD, "new_password": new}, token=token)
        assert (reply.code, reply.body["reason"]) == ("password_refused", reason)
    assert service.item(enrolled) == before


# --- sessions


def test_sessions_are_listed_and_ended(service: Service, enrolled: Person, token: str) -> None:
    service.clock.advance(60)
    other = service.session(enrolled)
    reply = service.gateway.client().get("/me/sessions", headers={"Authorization": f"Bearer {token}"})
    listed = reply.get_json()
    assert [each["current"] for each in listed] == [False, True]
    assert set(listed[0]) == {"id", "current", "created_at", "last_used_at", "amr", "source"}
    assert service.call("DELETE", f"/me/sessions/{listed[0]['id']}", token=token).status == 204
    assert service.get("/me", token=other["account_token"]).code == "invalid_token"
    assert service.get("/me", token=token).status == 200
    assert service.call("DELETE", f"/me/sessions/{listed[0]['id']}", token=token).code == "not_found"
    assert [each["detail"] for each in service.events("session_ended")] == [{"sid": listed[0]["id"], "why": "ended"}]
    assert service.call("DELETE", f"/me/sessions/{listed[1]['id']}", token=token).status == 204
    assert service.get("/me", token=token).code == "invalid_token"


# --- own events


def test_own_events_come_newest_first_and_page_by_page(service: Service, enrolled: Person, token: str) -> None:
    for name in ("a", "b", "c"):
        service.clock.advance(1)
        service.call("PATCH", "/me", {"display_name": name}, token=token)
    service.log_in(enrolled, "wrong")  # before the password: not told under anybody's name
    first = service.get("/me/events?limit=2", token=token).body
    rest = service.get(f"/me/events?cursor={first['cursor']}", token=token).body
    seen = [each["event"] for each in [*first["events"], *rest["events"]]]
    assert seen == ["profile_changed"] * 3 + ["verify"]
    assert len(first["events"]) <= 2  # a page may be short: what was left out was looked at
    assert rest["cursor"] is None


# --- a policy without a second factor


def test_a_short_password_must_be_replaced_where_no_factor_stands_beside_it(service: Service) -> None:
    service.account(mfa_required=False)
    person = service.person("brief", status=Status.ACTIVE, role=Role.AGENT)
    short = "kelp orbit 9"
    service.change(person, password_hash=hash_password(short))
    reply = service.log_in(person, short)
    assert (reply.status, reply.body["next"], reply.body["expires_in"]) == (200, "password", 900)
    ticket = {"account": "acme", "login_name": "brief", "ticket": reply.body["ticket"]}
    assert service.post("/password", {**ticket, "new_password": "fourteen chars"}).body["reason"] == "too_short"
    assert service.post("/password", {**ticket, "new_password": LONG_PASSWORD}).status == 204
    assert service.log_in(person, LONG_PASSWORD).body["next"] == "done"
    assert service.sessions(person)


def test_a_ticket_that_an_admin_has_given_is_not_voided_by_the_old_password(service: Service, admin_token: str) -> None:
    """Who merely knows the old password must not undo the reset that is meant against them."""
    service.account(mfa_required=False)
    person = service.person("brief", password_hash=hash_password("kelp orbit 9"))
    path = "/admin/subscribers/brief/password-reset"
    ticket = service.post(path, {"reason": "stolen"}, token=admin_token).body["ticket"]
    reply = service.log_in(person, "kelp orbit 9")
    assert (reply.body["next"], reply.body["ticket"]) == ("password", None)
    body = {"account": "acme", "login_name": "brief", "ticket": ticket, "new_password": LONG_PASSWORD}
    assert service.post("/password", body).status == 204


def test_the_same_code_twice_in_one_moment_does_not_end_the_session(service: Service, enrolled: Person) -> None:
    token = str(service.session(enrolled)["account_token"])
    for _ in range(4):
        service.clock.advance(30)
        step_up = partial(service.post, "/step-up", {"code": service.code(enrolled)}, token=token)
        replies = race(step_up, step_up)
        assert sorted(reply.status for reply in replies) in ([200, 401], [200, 409])
        assert {reply.code for reply in replies} <= {"ok", "conflict", "invalid_code"}
        assert service.get("/me", token=token).status == 200
