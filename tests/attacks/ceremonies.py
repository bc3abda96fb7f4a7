"""The ceremonies of the API: how each is begun, what has happened when it has, and how its person goes on."""

import secrets
from collections.abc import Callable
from typing import NamedTuple

from secondstep import contract
from secondstep.store.codec import encode_item
from secondstep.store.layout import summary_key
from secondstep.subscriber import Status
from tests import service as states
from tests.attacks import outcomes, successes
from tests.attacks.outcomes import Attempt
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import NEW_PASSWORD, SUCCESSES, Success
from tests.service import ACCOUNT, Reply, Service

type Happened = Callable[[Service, Attempt], list[bool]]
type GoOn = Callable[[Service, Attempt], Reply]


def _is_error(reply: Reply) -> bool:
    return reply.status >= 400


class Ceremony(NamedTuple):
    """How to start it, what has happened when it has (all of it or nothing), and how its person goes on."""

    make: Callable[[Service], Attempt]
    happened: Happened
    go_on: GoOn
    assert_refused: Callable[..., None] = assert_is_problem  # the answer, and the codes of which it must have one
    is_refused: Callable[[Reply], bool] = _is_error


# --- how the person goes on


def _again(service: Service, it: Attempt) -> Reply:
    return it.send(service)


def _next_login(service: Service, it: Attempt) -> Reply:
    service.clock.advance(60)
    return service.verify(service.challenge(it.person), service.code(it.person))


def _enroll_again(service: Service, it: Attempt) -> Reply:
    return service.enroll(it.person)


def _confirm_or_log_in(service: Service, it: Attempt) -> Reply:
    return _next_login(service, it) if service.record(it.person).is_bound else it.send(service)


def _ticket_or_new_password(service: Service, it: Attempt) -> Reply:
    if service.record(it.person).status is Status.ACTIVE:
        return service.log_in(it.person, NEW_PASSWORD)
    return it.send(service)


def _next_step_up(service: Service, it: Attempt) -> Reply:
    service.clock.advance(60)
    return service.post("/step-up", {"code": service.code(it.person)}, token=it.token)


def _still_in(service: Service, it: Attempt) -> Reply:
    return service.get("/me", token=it.token)


def _again_or_still_in(happened: Happened) -> GoOn:
    """Send it again where it has not happened; where it has, this very session goes on."""

    def go_on(service: Service, it: Attempt) -> Reply:
        return _still_in(service, it) if all(happened(service, it)) else _again(service, it)

    return go_on


def _again_or_gone(service: Service, it: Attempt) -> Reply:
    reply = it.send(service)
    return Reply(204, {}, {}) if reply.code == "not_found" and all(outcomes.deleted(service, it)) else reply


def _out(service: Service, it: Attempt) -> Reply:
    reply = it.send(service)
    assert outcomes.sessions(service, it.person) == []
    return Reply(204, {}, {}) if reply.status == 401 else reply


# --- further beginnings


def _login_without_factor(service: Service) -> Success:
    service.account(mfa_required=False)
    person = service.person(successes.fresh_name())
    body = {"account": ACCOUNT, "login_name": person.login_name, "password": states.PASSWORD}
    return Success(contract.LOGIN, person, body)


def _step_up_by_password(service: Service) -> Success:
    person = _login_without_factor(service).person
    token = successes.sign_in(service, person, ("pwd",)).account_token
    return Success(contract.STEP_UP, person, {"password": states.PASSWORD}, token)


def _add_first(service: Service) -> Success:
    """Begin the first binding from within a session of the password alone."""
    it = _step_up_by_password(service)
    return Success(contract.ADD_AUTHENTICATOR, it.person, {"name": "Phone"}, it.token)


def _remove_last(service: Service) -> Success:
    service.account(mfa_required=False)
    it = successes.rename_authenticator(service)
    return it._replace(route=contract.REMOVE_AUTHENTICATOR, body={})


def _summary(service: Service) -> Success:
    table = service.services.settings.state_table
    service._dynamodb.delete_item(TableName=table, Key=encode_item(summary_key(ACCOUNT)))
    return successes.summary(service)


def _logo(service: Service) -> Success:
    return successes.set_logo(service)._replace(picture=successes.picture_of(200 + secrets.randbelow(30_000)))


CEREMONIES: dict[str, Ceremony] = {
    "login": Ceremony(SUCCESSES[contract.LOGIN], outcomes.logged_in, _again),
    "login without a factor": Ceremony(_login_without_factor, outcomes.without_factor, _again),
    "enroll": Ceremony(SUCCESSES[contract.ENROLL], outcomes.waits, _enroll_again),
    "confirm": Ceremony(successes.confirmation, outcomes.confirmed, _confirm_or_log_in),
    "verify": Ceremony(successes.verification, outcomes.verified, _next_login),
    "recover": Ceremony(successes.recovery, outcomes.recovered, _next_login),
    "set the password": Ceremony(SUCCESSES[contract.PASSWORD], outcomes.password_set, _ticket_or_new_password),
    "refresh": Ceremony(SUCCESSES[contract.REFRESH], outcomes.rotated, _again),
    "step up": Ceremony(successes.step_up, outcomes.stepped_up, _next_step_up),
    "step up by recovery code": Ceremony(successes.step_up_by_recovery_code, outcomes.stepped_up, _next_step_up),
    "step up by password": Ceremony(_step_up_by_password, outcomes.stepped_up_by_password, _again),
    "me": Ceremony(successes.me, outcomes.nothing, _again),
    "change the profile": Ceremony(successes.change_profile, outcomes.profile_changed, _again),
    "add": Ceremony(successes.add_authenticator, outcomes.waits, _again),
    "add the first one": Ceremony(_add_first, outcomes.waits, _again),
    "confirm what was added": Ceremony(successes.confirm_added, outcomes.added, _again_or_still_in(outcomes.added)),
    "rename": Ceremony(successes.rename_authenticator, outcomes.renamed, _again),
    "remove": Ceremony(successes.remove_authenticator, outcomes.removed, _again_or_still_in(outcomes.removed)),
    "remove the last one": Ceremony(_remove_last, outcomes.last_removed, _again_or_still_in(outcomes.last_removed)),
    "renew recovery codes": Ceremony(successes.renew_recovery_codes, outcomes.codes_renewed, _again),
    "change the password": Ceremony(
        successes.change_password, outcomes.password_changed, _again_or_still_in(outcomes.password_changed)
    ),
    "list sessions": Ceremony(successes.list_sessions, outcomes.nothing, _again),
    "end another session": Ceremony(
        successes.end_session, outcomes.other_session_ended, _again_or_still_in(outcomes.other_session_ended)
    ),
    "read own events": Ceremony(successes.own_events, outcomes.nothing, _again),
    "log out": Ceremony(successes.logout, outcomes.logged_out, _out),
    "log out by refresh token": Ceremony(successes.logout_by_refresh_token, outcomes.logged_out, _out),
    "list": Ceremony(successes.list_subscribers, outcomes.nothing, _again),
    "count": Ceremony(_summary, outcomes.counted, _again),
    "invite": Ceremony(SUCCESSES[contract.INVITE], outcomes.invited, _again),
    "read": Ceremony(successes.read_subscriber, outcomes.nothing, _again),
    "disable": Ceremony(successes.change_subscriber, outcomes.disabled, _again),
    "promote": Ceremony(successes.promote, outcomes.promoted, _again),
    "delete": Ceremony(successes.delete_subscriber, outcomes.deleted, _again_or_gone),
    "reset": Ceremony(successes.reset, outcomes.reset, _again),
    "reset the password": Ceremony(successes.reset_password, outcomes.ticket_given, _again),
    "unlock": Ceremony(successes.unlock, outcomes.unlocked, _again),
    "read the policy": Ceremony(successes.read_policy, outcomes.nothing, _again),
    "replace the policy": Ceremony(successes.replace_policy, outcomes.policy_replaced, _again),
    "set the logo": Ceremony(_logo, outcomes.logo_set, _again),
    "read the keys": Ceremony(SUCCESSES[contract.JWKS], outcomes.nothing, _again),
    "read the audit": Ceremony(successes.audit, outcomes.nothing, _again),
}
