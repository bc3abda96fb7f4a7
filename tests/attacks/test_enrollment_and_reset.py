"""Binding and resetting (A28-A32, A34-A36, A42): a stolen password never becomes a new phone."""

from collections.abc import Callable

import pytest

from secondstep.account import EnrollmentTicket
from secondstep.aws import Answer
from secondstep.subscriber import Enrollment, Role, Status, new_epoch
from secondstep.ticket import issue
from tests.recording import Called
from tests.service import PASSWORD, Person, Service, secret_of


def test_a_password_thief_cannot_enroll_after_a_reset(service: Service, enrolled: Person, admin_token: str) -> None:
    """A30: and five wrong tickets end the challenge, whatever comes then."""
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    challenge = service.challenge(enrolled)
    assert service.post("/enroll", {"challenge": challenge}).code == "ticket_invalid"
    for _ in range(4):
        body = {"challenge": challenge, "ticket": "0000-0000-0000-0000"}
        assert service.post("/enroll", body).code == "ticket_invalid"
    assert service.post("/enroll", {"challenge": challenge, "ticket": ticket}).code == "challenge_invalid"
    assert service.record(enrolled).authenticators == {}
    assert len([each for each in service.events("enrolled") if each["outcome"] == "failure"]) == 5


def test_only_a_binding_leaves_ticketed(service: Service, enrolled: Person, admin_token: str) -> None:
    """Not the policy, not the ticket's expiry, not a password reset."""
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    for policy in ({"mfa_required": False}, {"enrollment_ticket": EnrollmentTicket.NEVER}):
        service.account(**policy)
        login = service.log_in(enrolled).body
        assert (login["next"], login["ticket_required"]) == ("enroll", True)
    service.clock.advance(24 * 3600)
    login = service.log_in(enrolled).body
    assert (login["next"], login["ticket_required"]) == ("enroll", True)
    assert service.post("/enroll", {"challenge": login["challenge"], "ticket": ticket}).code == "ticket_invalid"


def test_a_second_reset_kills_the_first_ticket(service: Service, enrolled: Person, admin_token: str) -> None:
    first = service.reset(admin_token, "enrolled").body["ticket"]
    second = service.reset(admin_token, "enrolled").body["ticket"]
    assert service.enroll(enrolled, ticket=first).code == "ticket_invalid"
    reply, _ = service.bind(enrolled, ticket=second)
    assert reply.status == 200
    assert service.record(enrolled).enrollment_ticket is None


def test_a_ticket_of_the_other_kind_opens_nothing(service: Service, enrolled: Person, admin_token: str) -> None:
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    body = {"account": "acme", "login_name": "enrolled", "ticket": ticket, "new_password": "another long phrase"}
    assert service.post("/password", body).code == "ticket_invalid"
    assert service.log_in(enrolled).status == 200


def test_a_ticket_of_somebody_else_opens_nothing(service: Service, enrolled: Person, admin_token: str) -> None:
    service.bound_person("other")
    service.reset(admin_token, "enrolled")
    ticket = service.reset(admin_token, "other").body["ticket"]
    assert service.enroll(enrolled, ticket=ticket).code == "ticket_invalid"


def test_a_ticket_that_expires_before_the_first_code_binds_nothing(
    service: Service, enrolled: Person, admin_token: str
) -> None:
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    service.clock.advance(24 * 3600 - 60)
    answer = service.enroll(enrolled, ticket=ticket).body
    service.clock.advance(60)
    code = service.code_of(secret_of(answer["secret"]))
    assert service.verify(answer["challenge"], code).code == "ticket_invalid"
    assert service.record(enrolled).enrollment is Enrollment.TICKETED


def test_the_code_of_an_older_secret_binds_nothing(service: Service, agent: Person) -> None:
    """A28: a new secret takes the place of the one that waited."""
    first = service.enroll(agent).body
    second = service.post("/enroll", {"challenge": first["challenge"]}).body
    assert service.verify(first["challenge"], service.code_of(secret_of(first["secret"]))).code == "challenge_invalid"
    assert service.verify(second["challenge"], service.code_of(secret_of(first["secret"]))).code == "invalid_code"
    assert service.verify(second["challenge"], service.code_of(secret_of(second["secret"]))).status == 200


def test_an_enrollment_makes_three_secrets_at_most(service: Service, agent: Person) -> None:
    answer = service.enroll(agent).body
    for _ in range(2):
        answer = service.post("/enroll", {"challenge": answer["challenge"]}).body
    assert service.post("/enroll", {"challenge": answer["challenge"]}).code == "challenge_invalid"


def test_an_abandoned_enrollment_changes_nothing(service: Service, agent: Person) -> None:
    """A29."""
    before = service.record(agent)
    service.enroll(agent)
    after = service.record(agent)
    assert (after.enrollment, after.authenticators, after.epoch) == (Enrollment.OPEN, {}, before.epoch)


def test_a_binding_ends_every_other_challenge_and_session(service: Service, agent: Person) -> None:
    service.account(mfa_required=False)
    weak = service.log_in(agent).body
    service.account(mfa_required=True)
    other = service.challenge(agent)
    reply, _ = service.bind(agent)
    assert reply.status == 200
    assert service.get("/me", token=weak["access_token"]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": weak["refresh_token"]}).code == "invalid_token"
    assert service.post("/enroll", {"challenge": other}).code == "challenge_invalid"


@pytest.mark.parametrize("caller", ["nobody", "garbage", "agent", "application", "challenge", "refresh", "ended"])
def test_only_an_admins_account_token_resets(service: Service, enrolled: Person, admin: Person, caller: str) -> None:
    """A31."""
    tokens = service.session(admin)
    victim = service.bound_person("victim")
    callers: dict[str, Callable[[], str | None]] = {
        "nobody": lambda: None,
        "garbage": lambda: "x.y.z",
        "agent": lambda: service.session(enrolled)["account_token"],
        "application": lambda: tokens["access_token"],
        "challenge": lambda: service.challenge(enrolled),
        "refresh": lambda: tokens["refresh_token"],
        "ended": lambda: tokens["account_token"],
    }
    token = callers[caller]()
    if caller == "ended":
        service.post("/logout", token=token)
    before = service.record(victim)
    reply = service.call("POST", "/admin/subscribers/victim/reset", {"reason": "mine"}, token=token)
    assert reply.code == ("forbidden" if caller == "agent" else "invalid_token")
    assert service.record(victim) == before


@pytest.mark.parametrize("change", [{"status": Status.DISABLED}, {"role": Role.AGENT}])
def test_a_demoted_or_disabled_admin_is_refused_on_the_next_call(
    service: Service, enrolled: Person, admin: Person, admin_token: str, change: dict[str, object]
) -> None:
    service.change(admin, **change)
    assert service.reset(admin_token, "enrolled").code in ("invalid_token", "forbidden")
    assert service.record(enrolled).enrollment is Enrollment.BOUND


def test_an_admin_who_is_demoted_while_the_reset_is_in_flight_changes_nothing(
    service: Service, enrolled: Person, admin: Person, admin_token: str
) -> None:
    def demote_first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            service.change(admin, role=Role.AGENT)
        return send()

    service.recorder.fault = demote_first
    assert service.reset(admin_token, "enrolled").code == "invalid_token"
    assert service.record(enrolled).enrollment is Enrollment.BOUND
    assert service.events("reset") == []


def test_a_stale_admin_is_asked_to_step_up(service: Service, enrolled: Person, admin: Person) -> None:
    tokens = service.session(admin)
    service.clock.advance(14 * 60)
    fresh = service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).body
    service.clock.advance(61)
    reply = service.reset(fresh["account_token"], "enrolled")
    assert (reply.code, reply.body["max_age"]) == ("step_up_required", 900)
    stepped = service.post("/step-up", {"code": service.code(admin)}, token=fresh["account_token"]).body
    assert service.reset(stepped["account_token"], "enrolled").status == 200


def test_an_account_ends_at_its_own_names(service: Service, admin_token: str) -> None:
    """A32: nothing in path, body or header reaches another account."""
    service.account("other")
    foreign = service.person("foreign", account="other")
    before = service.record(foreign)
    for name in ("foreign", "other%2Fforeign", "foreign%0Aacme"):
        reply = service.call(
            "POST", f"/admin/subscribers/{name}/reset", {"reason": "x"}, token=admin_token, headers={"Host": "other"}
        )
        assert reply.code in ("not_found", "invalid_request")
    assert service.record(foreign) == before


def test_nobody_resets_themselves(service: Service, admin: Person, admin_token: str) -> None:
    before = service.record(admin)
    for spelling in ("boss", "BOSS", "b%6Fss"):
        assert service.reset(admin_token, spelling).code == "forbidden"
    assert service.record(admin) == before


def test_recovery_guesses_have_their_own_window(service: Service, enrolled: Person) -> None:
    """A36."""
    codes = []
    for number in range(11):
        if number % 5 == 0:
            challenge = service.challenge(enrolled)
        body = {"challenge": challenge, "recovery_code": "0000-0000-0000-0000"}
        codes.append(service.post("/verify", body).code)
    assert codes == ["invalid_code"] * 10 + ["too_many_attempts"]
    assert service.record(enrolled).run == 0
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200


def test_a_recovery_code_is_good_once_and_for_its_owner_only(service: Service, enrolled: Person) -> None:
    """A35."""
    other = service.bound_person("other")
    stolen = {"challenge": service.challenge(other), "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", stolen).code == "invalid_code"
    for expected in ("ok", "invalid_code"):
        body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
        assert service.post("/verify", body).code == expected


def test_an_old_set_of_recovery_codes_dies_with_the_reset(service: Service, enrolled: Person, admin_token: str) -> None:
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    service.bind(enrolled, ticket=ticket)
    body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", body).code == "invalid_code"


def test_a_refresh_token_that_comes_back_later_ends_the_session(service: Service, enrolled: Person) -> None:
    first = service.session(enrolled)
    second = service.post("/refresh", {"refresh_token": first["refresh_token"]}).body
    service.clock.advance(10)
    repeated = service.post("/refresh", {"refresh_token": first["refresh_token"]})
    assert repeated.body["refresh_token"] == second["refresh_token"]
    service.clock.advance(1)
    assert service.post("/refresh", {"refresh_token": first["refresh_token"]}).code == "invalid_token"
    assert service.sessions(enrolled) == []
    assert service.post("/refresh", {"refresh_token": second["refresh_token"]}).code == "invalid_token"
    assert [each["outcome"] for each in service.events("refresh_reuse")] == ["failure"]


def test_made_up_refresh_text_changes_nothing(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    owner, sid, _ = tokens["refresh_token"].split(".")
    assert service.post("/refresh", {"refresh_token": f"{owner}.{sid}.{'A' * 43}"}).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).status == 200


def test_a_session_ends_when_it_is_idle_or_over(service: Service, enrolled: Person) -> None:
    idle = service.session(enrolled)
    service.clock.advance(3601)
    assert service.post("/refresh", {"refresh_token": idle["refresh_token"]}).code == "invalid_token"
    tokens = service.session(enrolled)
    for _ in range(14):
        service.clock.advance(50 * 60)
        reply = service.post("/refresh", {"refresh_token": tokens["refresh_token"]})
        assert reply.status == 200
        tokens = reply.body
    service.clock.advance(20 * 60)
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"


def test_five_wrong_step_ups_end_the_session(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    token = tokens["account_token"]
    for left in (4, 3, 2, 1, 0):
        reply = service.post("/step-up", {"code": service.wrong_code(enrolled)}, token=token)
        assert (reply.code, reply.body["tries_left"]) == ("invalid_code", left)
    assert service.sessions(enrolled) == []
    service.clock.advance(30)
    assert service.post("/step-up", {"code": service.code(enrolled)}, token=token).code == "invalid_token"
    assert [each["detail"]["why"] for each in service.events("session_ended")] == ["step_up"]


def test_a_new_password_ends_sessions_and_challenges(service: Service, enrolled: Person, admin_token: str) -> None:
    tokens, challenge = service.session(enrolled), service.challenge(enrolled)
    ticket = service.post(
        "/admin/subscribers/enrolled/password-reset", {"reason": "forgotten"}, token=admin_token
    ).body["ticket"]
    assert service.log_in(enrolled).status == 200
    body = {"account": "acme", "login_name": "enrolled", "ticket": ticket, "new_password": "another long phrase"}
    assert service.post("/password", body).status == 204
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.log_in(enrolled, PASSWORD).code == "invalid_credentials"
    assert service.log_in(enrolled, "another long phrase").body["next"] == "verify"


def _meanwhile(service: Service, person: Person, **changes: object) -> None:
    """Change a subscriber at the moment of the next transaction: after the charge, before the accept."""

    def change_first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            service.change(person, **changes)
        return send()

    service.recorder.fault = change_first


def test_a_challenge_of_another_epoch_is_dead(service: Service, enrolled: Person) -> None:
    """Promise 4: a change of role leaves the challenges where they are, and none of them opens any more."""
    challenge = service.challenge(enrolled)
    service.change(enrolled, epoch=new_epoch())
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.sessions(enrolled) == []


def test_an_epoch_that_changes_after_the_charge_wins_over_the_accept(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    _meanwhile(service, enrolled, epoch=new_epoch())
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.sessions(enrolled) == []


def test_a_binding_that_comes_in_between_is_never_replaced(service: Service, agent: Person) -> None:
    """Promise 3, by its own clause: even in the same epoch, with the challenge still there."""
    answer = service.enroll(agent).body
    _meanwhile(service, agent, enrollment=Enrollment.BOUND)
    reply = service.verify(answer["challenge"], service.code_of(secret_of(answer["secret"])))
    assert reply.code == "conflict"
    assert service.record(agent).authenticators == {}


def test_a_ticket_replaces_no_binding_that_comes_in_between(service: Service) -> None:
    """The same with a ticket that is still good: what is bound is refused for being bound."""
    text, stored = issue(now=service.now(), ttl_seconds=3600)
    person = service.person("ticketed", enrollment=Enrollment.TICKETED, enrollment_ticket=stored)
    answer = service.enroll(person, ticket=text).body
    _meanwhile(service, person, enrollment=Enrollment.BOUND)
    reply = service.verify(answer["challenge"], service.code_of(secret_of(answer["secret"])))
    assert reply.code == "conflict"
    assert service.record(person).authenticators == {}


def test_a_subscriber_who_is_disabled_while_a_refresh_is_in_flight_gets_no_tokens(
    service: Service, enrolled: Person
) -> None:
    tokens = service.session(enrolled)
    _meanwhile(service, enrolled, status=Status.DISABLED)
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    [session] = service.sessions(enrolled)
    assert session["rn"] == 0
