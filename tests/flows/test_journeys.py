"""What people come for, from end to end: answers, stored items and audit events together."""

import jwt
import pytest

from secondstep.account import EnrollmentTicket
from secondstep.authenticators import password
from secondstep.subscriber import Enrollment, Role, Status
from tests.service import PASSWORD, Person, Service, secret_of


def _named(service: Service, login_name: str) -> Person:
    """Return a subscriber that the service made itself."""
    from secondstep.authenticators.totp import new_secret
    from secondstep.subscriber import Identity

    return Person(Identity("acme", login_name), "", new_secret(), [])


def test_a_first_login_enrolls_and_later_ones_ask_for_the_code_only(service: Service, agent: Person) -> None:
    """M1 to M5 of the manual: credentials, QR page once, six digits on every login."""
    first = service.log_in(agent)
    assert first.status == 200
    assert first.body["next"] == "enroll"
    assert first.body == {
        "next": "enroll",
        "challenge": first.body["challenge"],
        "methods": [],
        "ticket_required": False,
        "expires_in": 900,
    }
    enrolled = service.post("/enroll", {"challenge": first.body["challenge"], "name": "Kim's phone"}).body
    secret = secret_of(enrolled["secret"])
    done = service.verify(enrolled["challenge"], service.code_of(secret))
    assert done.status == 200
    assert len(done.body["recovery_codes"]) == done.body["recovery_codes_left"] == 10
    record = service.record(agent)
    assert record.enrollment is Enrollment.BOUND
    assert [each.name for each in record.authenticators.values()] == ["Kim's phone"]
    assert record.challenges == {}
    assert len(service.sessions(agent)) == 1
    [event] = service.events("enrolled")
    assert (event["outcome"], event["subject"]["login_name"]) == ("success", "agent")

    service.clock.advance(30)
    second = service.log_in(agent)
    assert second.body["next"] == "verify"
    assert second.body["methods"] == ["totp", "recovery_code"]
    assert [each["name"] for each in second.body["authenticators"]] == ["Kim's phone"]
    assert "secret" not in second.body
    again = service.verify(second.body["challenge"], service.code_of(secret))
    assert again.status == 200
    assert "recovery_codes" not in again.body
    assert [each["outcome"] for each in service.events("verify")] == ["success"]


def test_the_token_says_who_how_and_for_whom(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "acme"
    assert claims["iss"] == "https://login.example.test"
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["acr"] == "aal2"
    assert claims["exp"] - claims["iat"] == 900 == tokens["expires_in"]
    assert claims["login_name"] == "enrolled"
    assert claims["role"] == "agent"
    assert claims["client_id"] == "secondstep"
    own = jwt.decode(tokens["account_token"], options={"verify_signature": False})
    assert own["aud"] == own["iss"]


def test_a_lost_phone_is_a_recovery_code_away(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    body = {"challenge": challenge, "recovery_code": enrolled.recovery_codes[3].lower().replace("-", " ")}
    reply = service.post("/verify", body)
    assert reply.status == 200
    assert reply.body["recovery_codes_left"] == 9
    claims = jwt.decode(reply.body["access_token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["pwd", "mfa"], "aal2")
    assert len(service.record(enrolled).recovery_codes) == 9
    [event] = service.events("recovery_code_used")
    assert (event["outcome"], event["detail"]) == ("success", {"left": 9})


def test_an_admin_resets_and_the_ticket_opens_the_next_enrollment(
    service: Service, enrolled: Person, admin_token: str
) -> None:
    """M7 and M8: and whoever merely knows the password cannot enroll first."""
    reset = service.reset(admin_token, "enrolled", "lost phone")
    assert reset.status == 200
    assert reset.body["expires_at"] == service.now() + 24 * 3600
    record = service.record(enrolled)
    assert (record.enrollment, record.authenticators) == (Enrollment.TICKETED, {})
    assert record.recovery_codes == frozenset()
    login = service.log_in(enrolled).body
    assert (login["next"], login["ticket_required"]) == ("enroll", True)
    assert service.post("/enroll", {"challenge": login["challenge"]}).code == "ticket_invalid"
    reply, _ = service.bind(enrolled, ticket=reset.body["ticket"])
    assert reply.status == 200
    assert service.record(enrolled).enrollment is Enrollment.BOUND
    [event] = service.events("reset")
    assert event["reason"] == "lost phone"
    assert event["actor"]["login_name"] == "boss"
    assert event["subject"] == {"sub": enrolled.sub, "login_name": "enrolled"}


def test_a_policy_without_tickets_gives_the_manuals_plain_reset(
    service: Service, enrolled: Person, admin_token: str
) -> None:
    service.account(enrollment_ticket=EnrollmentTicket.NEVER)
    assert service.reset(admin_token, "enrolled").body == {"ticket": None, "expires_at": None}
    reply, _ = service.bind(enrolled)
    assert reply.status == 200


def test_an_admin_always_needs_a_ticket_after_a_reset(service: Service, admin_token: str) -> None:
    service.account(enrollment_ticket=EnrollmentTicket.NEVER)
    other = service.bound_admin("second")
    assert service.reset(admin_token, "second").body["ticket"] is not None
    assert service.record(other).enrollment is Enrollment.TICKETED


def test_an_invitation_leads_to_a_session(service: Service, admin_token: str) -> None:
    wanted = {"login_name": "Kim@Example.com", "role": "agent", "email": "kim@example.com", "locale": "de-CH"}
    invited = service.post("/admin/subscribers", wanted, token=admin_token)
    assert invited.status == 201
    kim = _named(service, "kim@example.com")
    assert service.record(kim).status is Status.INVITED
    assert service.log_in(kim).code == "invalid_credentials"
    body = {
        "account": "acme",
        "login_name": "KIM@example.com",
        "ticket": invited.body["ticket"],
        "new_password": PASSWORD,
    }
    assert service.post("/password", body).status == 204
    assert service.record(kim).status is Status.ACTIVE
    assert service.post("/password", body).code == "ticket_invalid"
    reply, _ = service.bind(kim)
    assert reply.status == 200
    me = service.get("/me", token=reply.body["access_token"]).body
    assert (me["login_name"], me["email"], me["locale"]) == ("kim@example.com", "kim@example.com", "de-CH")
    assert service.record(kim).enrollment_ticket is None
    recorded = [(each["event"], each["outcome"]) for each in service.events("invited", "password_set", "enrolled")]
    assert recorded == [
        ("invited", "success"),
        ("password_set", "success"),
        ("password_set", "failure"),
        ("enrolled", "success"),
    ]


def test_an_invited_admin_is_ticketed_and_stays_so_when_invited_again_as_an_agent(
    service: Service, admin_token: str
) -> None:
    first = service.post("/admin/subscribers", {"login_name": "kim", "role": "admin"}, token=admin_token)
    again = service.post("/admin/subscribers", {"login_name": "kim", "role": "agent"}, token=admin_token)
    assert (first.status, again.status) == (201, 201)
    record = service.record(_named(service, "kim"))
    assert (record.role, record.enrollment) == (Role.AGENT, Enrollment.TICKETED)
    body = {"account": "acme", "login_name": "kim", "new_password": PASSWORD}
    assert service.post("/password", {**body, "ticket": first.body["ticket"]}).code == "ticket_invalid"
    assert service.post("/password", {**body, "ticket": again.body["ticket"]}).status == 204


@pytest.mark.parametrize("name", ["boss", "enrolled"])
def test_a_taken_name_cannot_be_invited(service: Service, enrolled: Person, admin_token: str, name: str) -> None:
    before = service.state()
    reply = service.post("/admin/subscribers", {"login_name": name, "role": "agent"}, token=admin_token)
    assert reply.code == "conflict"
    assert service.state() == before


def test_a_policy_without_mfa_gives_an_open_subscriber_a_session_of_level_one(service: Service, agent: Person) -> None:
    service.account(mfa_required=False)
    reply = service.log_in(agent)
    assert reply.body["next"] == "done"
    claims = jwt.decode(reply.body["access_token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["pwd"], "aal1")
    assert [each["outcome"] for each in service.events("login")] == ["success"]
    stepped = service.post("/step-up", {"password": PASSWORD}, token=reply.body["account_token"])
    assert stepped.status == 200
    assert "refresh_token" not in stepped.body


@pytest.mark.parametrize("enrollment", [Enrollment.TICKETED, Enrollment.BOUND])
def test_a_policy_without_mfa_opens_nothing_for_who_is_bound_or_ticketed(
    service: Service, enrolled: Person, enrollment: Enrollment
) -> None:
    service.account(mfa_required=False)
    service.change(enrolled, enrollment=enrollment)
    assert service.log_in(enrolled).body["next"] in ("verify", "enroll")


def test_turning_mfa_on_shows_at_the_next_refresh(service: Service, agent: Person) -> None:
    service.account(mfa_required=False)
    tokens = service.log_in(agent).body
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).status == 200
    tokens = service.log_in(agent).body
    service.account(mfa_required=True)
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"


def test_a_missing_account_item_means_mfa_is_required(service: Service, agent: Person) -> None:
    service.cloud.client("dynamodb")
    service.put({"pk": "ACCOUNT#acme", "sk": "POLICY", "policy": {"mfa_required": "no"}})
    service.services.store.accounts._policies.clear()
    assert service.log_in(agent).body["next"] == "enroll"


def test_a_step_up_renews_auth_time_in_its_own_tokens_only(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    service.clock.advance(600)
    stepped = service.post("/step-up", {"code": service.code(enrolled)}, token=tokens["account_token"])
    assert stepped.status == 200
    claims = jwt.decode(stepped.body["account_token"], options={"verify_signature": False})
    assert claims["auth_time"] == service.now()
    refreshed = service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).body
    claims = jwt.decode(refreshed["account_token"], options={"verify_signature": False})
    assert claims["auth_time"] == service.now() - 600
    assert [each["outcome"] for each in service.events("step_up")] == ["success"]


def test_logging_out_ends_the_session_for_every_live_check(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    assert service.post("/logout", token=tokens["account_token"]).status == 204
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    assert service.sessions(enrolled) == []
    assert [each["outcome"] for each in service.events("logout")] == ["success"]


def test_logging_out_by_refresh_token_needs_no_bearer(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    assert service.post("/logout", {"refresh_token": tokens["refresh_token"]}).status == 204
    assert service.sessions(enrolled) == []
    reply = service.post("/logout", {"refresh_token": tokens["refresh_token"]})
    assert reply.code == "invalid_token"


@pytest.mark.hashing
def test_a_hash_of_lower_cost_is_renewed_by_the_next_login(service: Service, enrolled: Person) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    service.change(enrolled, password_hash=weak)
    assert service.log_in(enrolled).status == 200
    renewed = service.record(enrolled).password_hash
    assert renewed is not None
    assert renewed != weak
    assert not password.needs_rehash(renewed)
    assert service.log_in(enrolled).status == 200


def test_any_of_several_authenticators_opens_and_the_last_used_comes_first(service: Service) -> None:
    person = service.bound_person("several", authenticators=2)
    first, second = service.record(person).last_used_first()
    secret = service.services.seal_key.open(second.sealed_secret, service.record(person), second.id)
    reply = service.verify(service.challenge(person), service.code_of(secret))
    assert reply.status == 200
    assert [each.id for each in service.record(person).last_used_first()] == [second.id, first.id]
    chosen = service.verify(service.challenge(person), service.code(person), authenticator=second.id)
    assert chosen.code == "invalid_code"


def test_a_refused_password_leaves_the_account_as_it_was(service: Service, admin_token: str) -> None:
    invited = service.post("/admin/subscribers", {"login_name": "kim", "role": "agent"}, token=admin_token).body
    body = {"account": "acme", "login_name": "kim", "ticket": invited["ticket"]}
    for weak, reason in (("short", "too_short"), ("x" * 129, "too_long"), ("password1", "too_common")):
        reply = service.post("/password", {**body, "new_password": weak})
        assert (reply.code, reply.body["reason"]) == ("password_refused", reason)
    for spoken in ("acmesupport", "Acme2026", "kim-acme-1"):
        assert service.post("/password", {**body, "new_password": spoken}).code == "password_refused"
    assert service.post("/password", {**body, "new_password": PASSWORD}).status == 204


def test_a_longer_password_is_wanted_where_it_stands_alone(service: Service, admin_token: str) -> None:
    service.account(mfa_required=False)
    invited = service.post("/admin/subscribers", {"login_name": "kim", "role": "agent"}, token=admin_token).body
    body = {"account": "acme", "login_name": "kim", "ticket": invited["ticket"]}
    assert service.post("/password", {**body, "new_password": "fourteen chars"}).code == "password_refused"
    assert service.post("/password", {**body, "new_password": "fifteen charss!"}).status == 204
