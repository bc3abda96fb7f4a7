"""Attacks A47 and A50, faults F01 to F19: every call of every ceremony fails in every way, one at a time.

A token is only ever answered when what it stands on is durable; item, session and audit tell one story; and whoever
was hit goes on afterwards with what the phone shows next.
"""

import json
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from secondstep import contract
from secondstep.authenticators import password, recovery_codes
from secondstep.aws import (
    Answer,
    AwsRefused,
    AwsUnavailable,
    ConditionFailed,
    Reason,
    TransactionCancelled,
)
from secondstep.contract import EVERYWHERE
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.layout import summary_key
from secondstep.subscriber import Enrollment, Identity, Role, Status
from tests import service as states
from tests.attacks import successes
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import NEW_PASSWORD, SUCCESSES, Success
from tests.recording import Called, Fault
from tests.service import ACCOUNT, Person, Reply, Service

SESSION_SECRETS = {"access_token", "account_token", "refresh_token", "recovery_codes", "secret", "challenge", "ticket"}


type Happened = Callable[[Service, Success], list[bool]]
type GoOn = Callable[[Service, Success], Reply]


class Ceremony(NamedTuple):
    """How to start it, what has happened when it has (all of it or nothing), and how its person goes on."""

    make: Callable[[Service], Success]
    happened: Happened
    go_on: GoOn


def _under(service: Service, table: str, pk: str) -> list[dict[str, Any]]:
    """Return what lies under one key; a scan would read everybody whom the test has struck before."""
    found = service._dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
    )
    return [decode_item(item) for item in found["Items"]]


def _partition(service: Service, table: str, identity: Identity) -> list[dict[str, Any]]:
    return _under(service, table, f"SUBSCRIBER#{identity.hash}")


def _account_item(service: Service, sort_key: str) -> dict[str, Any]:
    """Return one of the account's items, empty where it is not there."""
    found = _under(service, service.services.settings.state_table, f"ACCOUNT#{ACCOUNT}")
    return next((item for item in found if item["sk"] == sort_key), {})


def _account_events(service: Service) -> list[dict[str, Any]]:
    return _under(service, service.services.settings.audit_table, f"ACCOUNT#{ACCOUNT}")


def _events(service: Service, identity: Identity) -> list[str]:
    found = _partition(service, service.services.settings.audit_table, identity)
    return [f"{event['event']} {event['outcome']}" for event in found]


def _succeeded(service: Service, person: Person, name: str) -> bool:
    return f"{name} success" in _events(service, person.identity)


def _sessions(service: Service, person: Person) -> list[dict[str, Any]]:
    found = _partition(service, service.services.settings.state_table, person.identity)
    return [item for item in found if item["sk"].startswith("SESSION#")]


# --- what has happened, seen from the item, the session and the audit


def _logged_in(service: Service, it: Success) -> list[bool]:
    return [bool(service.record(it.person).challenges)]


def _waits(service: Service, it: Success) -> list[bool]:
    return [any(each.pending for each in service.record(it.person).challenges.values())]


def _verified(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    [authenticator] = record.authenticators.values()
    burned = authenticator.last_step > authenticator.created_at // 30
    return [
        burned,
        not record.challenges,
        record.last_login_at is not None,
        len(_sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "verify"),
    ]


def _confirmed(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    return [
        record.is_bound,
        len(record.authenticators) == 1,
        len(record.recovery_codes) == 10,
        not record.challenges,
        len(_sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "enrolled"),
    ]


def _recovered(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    return [
        len(record.recovery_codes) == 9,
        not record.challenges,
        len(_sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "recovery_code_used"),
    ]


def _without_factor(service: Service, it: Success) -> list[bool]:
    return [
        service.record(it.person).last_login_at is not None,
        len(_sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "login"),
    ]


def _password_set(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    return [
        record.status is Status.ACTIVE,
        record.password_ticket is None,
        record.password_hash is not None,
        _succeeded(service, it.person, "password_set"),
    ]


def _rotated(service: Service, it: Success) -> list[bool]:
    [session] = _sessions(service, it.person)
    return [session["rn"] == 1, "rp" in session]


def _stepped_up(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    if "recovery_code" in it.body:
        proven = len(record.recovery_codes) == 9
    else:
        proven = max(each.last_used_at for each in record.authenticators.values()) >= service.now() - 5
    return [proven, _succeeded(service, it.person, "step_up")]


def _stepped_up_by_password(service: Service, it: Success) -> list[bool]:
    return [_succeeded(service, it.person, "step_up")]


def _logged_out(service: Service, it: Success) -> list[bool]:
    return [not _sessions(service, it.person), _succeeded(service, it.person, "logout")]


def _invited(service: Service, it: Success) -> list[bool]:
    invited = Identity(ACCOUNT, it.body["login_name"])
    exists = bool(_partition(service, service.services.settings.state_table, invited))
    return [exists, "invited success" in _events(service, invited)]


def _reset(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    return [
        record.enrollment is Enrollment.TICKETED,
        not record.authenticators,
        not record.recovery_codes,
        record.enrollment_ticket is not None,
        _succeeded(service, it.person, "reset"),
    ]


def _nothing(_: Service, __: Success) -> list[bool]:
    return [False]


# --- one's own account


def _profile_changed(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    changed = [getattr(record, name) == it.body[name] for name in ("email", "display_name", "locale")]
    return [*changed, _succeeded(service, it.person, "profile_changed")]


def _added(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    added = [len(record.authenticators) == 2, not record.challenges]
    return [*added, _succeeded(service, it.person, "authenticator_added")]


def _renamed(service: Service, it: Success) -> list[bool]:
    [held] = service.record(it.person).authenticators.values()
    return [held.name == it.body["name"], _succeeded(service, it.person, "authenticator_renamed")]


def _removed(service: Service, it: Success) -> list[bool]:
    gone = len(service.record(it.person).authenticators) == 1
    return [gone, _succeeded(service, it.person, "authenticator_removed")]


def _codes_renewed(service: Service, it: Success) -> list[bool]:
    record, characters = service.record(it.person), recovery_codes.parse(it.person.recovery_codes[0])
    is_dead = recovery_codes.match(characters or "", record.sub, record.recovery_codes) is None
    return [is_dead, _succeeded(service, it.person, "recovery_codes_renewed")]


def _password_changed(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    return [password.match(NEW_PASSWORD, record.password_hash), _succeeded(service, it.person, "password_changed")]


def _other_session_ended(service: Service, it: Success) -> list[bool]:
    return [len(_sessions(service, it.person)) == 1, _succeeded(service, it.person, "session_ended")]


# --- administration


def _disabled(service: Service, it: Success) -> list[bool]:
    is_disabled = service.record(it.person).status is Status.DISABLED
    recorded = _succeeded(service, it.person, "status_changed")
    return [is_disabled, recorded, *_profile_changed(service, it)]


def _promoted(service: Service, it: Success) -> list[bool]:
    return [service.record(it.person).role is Role.ADMIN, _succeeded(service, it.person, "role_changed")]


def _deleted(service: Service, it: Success) -> list[bool]:
    left = _partition(service, service.services.settings.state_table, it.person.identity)
    return [not left, _succeeded(service, it.person, "deleted")]


def _ticket_given(service: Service, it: Success) -> list[bool]:
    given = service.record(it.person).password_ticket is not None
    return [given, _succeeded(service, it.person, "password_reset")]


def _unlocked(service: Service, it: Success) -> list[bool]:
    return [service.record(it.person).run == 0, _succeeded(service, it.person, "unlocked")]


def _counted(service: Service, _: Success) -> list[bool]:
    return [bool(_account_item(service, "SUMMARY"))]


def _policy_replaced(service: Service, it: Success) -> list[bool]:
    stored, text = _account_item(service, "POLICY"), it.body["help_text"]
    told = [event["detail"]["new"].get("help_text") == text for event in _account_events(service)]
    return [stored["policy"].get("help_text") == text, any(told)]


def _logo_set(service: Service, it: Success) -> list[bool]:
    told = [f" {len(it.picture)} bytes" in str(event["detail"]) for event in _account_events(service)]
    return [_account_item(service, "LOGO").get("png") == it.picture, any(told)]


# --- how the person goes on


def _again(service: Service, it: Success) -> Reply:
    return it.send(service)


def _next_login(service: Service, it: Success) -> Reply:
    service.clock.advance(60)
    return service.verify(service.challenge(it.person), service.code(it.person))


def _enroll_again(service: Service, it: Success) -> Reply:
    return service.enroll(it.person)


def _confirm_or_log_in(service: Service, it: Success) -> Reply:
    return _next_login(service, it) if service.record(it.person).is_bound else it.send(service)


def _ticket_or_new_password(service: Service, it: Success) -> Reply:
    if service.record(it.person).status is Status.ACTIVE:
        return service.log_in(it.person, NEW_PASSWORD)
    return it.send(service)


def _next_step_up(service: Service, it: Success) -> Reply:
    service.clock.advance(60)
    return service.post("/step-up", {"code": service.code(it.person)}, token=it.token)


def _still_in(service: Service, it: Success) -> Reply:
    return service.get("/me", token=it.token)


def _again_or_still_in(happened: Happened) -> GoOn:
    """Send it again where it has not happened; where it has, this very session goes on."""

    def go_on(service: Service, it: Success) -> Reply:
        return _still_in(service, it) if all(happened(service, it)) else _again(service, it)

    return go_on


def _again_or_gone(service: Service, it: Success) -> Reply:
    reply = it.send(service)
    return Reply(204, {}, {}) if reply.code == "not_found" and all(_deleted(service, it)) else reply


def _out(service: Service, it: Success) -> Reply:
    reply = it.send(service)
    assert _sessions(service, it.person) == []
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


def _last_removed(service: Service, it: Success) -> list[bool]:
    record = service.record(it.person)
    gone = [not record.authenticators, not record.recovery_codes, record.enrollment is Enrollment.OPEN]
    return [*gone, _succeeded(service, it.person, "authenticator_removed")]


def _summary(service: Service) -> Success:
    table = service.services.settings.state_table
    service._dynamodb.delete_item(TableName=table, Key=encode_item(summary_key(ACCOUNT)))
    return successes.summary(service)


def _logo(service: Service) -> Success:
    return successes.set_logo(service)._replace(picture=successes.picture_of(200 + secrets.randbelow(30_000)))


CEREMONIES: dict[str, Ceremony] = {
    "login": Ceremony(SUCCESSES[contract.LOGIN], _logged_in, _again),
    "login without a factor": Ceremony(_login_without_factor, _without_factor, _again),
    "enroll": Ceremony(SUCCESSES[contract.ENROLL], _waits, _enroll_again),
    "confirm": Ceremony(successes.confirmation, _confirmed, _confirm_or_log_in),
    "verify": Ceremony(successes.verification, _verified, _next_login),
    "recover": Ceremony(successes.recovery, _recovered, _next_login),
    "set the password": Ceremony(SUCCESSES[contract.PASSWORD], _password_set, _ticket_or_new_password),
    "refresh": Ceremony(SUCCESSES[contract.REFRESH], _rotated, _again),
    "step up": Ceremony(successes.step_up, _stepped_up, _next_step_up),
    "step up by recovery code": Ceremony(successes.step_up_by_recovery_code, _stepped_up, _next_step_up),
    "step up by password": Ceremony(_step_up_by_password, _stepped_up_by_password, _again),
    "me": Ceremony(successes.me, _nothing, _again),
    "change the profile": Ceremony(successes.change_profile, _profile_changed, _again),
    "add": Ceremony(successes.add_authenticator, _waits, _again),
    "add the first one": Ceremony(_add_first, _waits, _again),
    "confirm what was added": Ceremony(successes.confirm_added, _added, _again_or_still_in(_added)),
    "rename": Ceremony(successes.rename_authenticator, _renamed, _again),
    "remove": Ceremony(successes.remove_authenticator, _removed, _again_or_still_in(_removed)),
    "remove the last one": Ceremony(_remove_last, _last_removed, _again_or_still_in(_last_removed)),
    "renew recovery codes": Ceremony(successes.renew_recovery_codes, _codes_renewed, _again),
    "change the password": Ceremony(
        successes.change_password, _password_changed, _again_or_still_in(_password_changed)
    ),
    "list sessions": Ceremony(successes.list_sessions, _nothing, _again),
    "end another session": Ceremony(
        successes.end_session, _other_session_ended, _again_or_still_in(_other_session_ended)
    ),
    "read own events": Ceremony(successes.own_events, _nothing, _again),
    "log out": Ceremony(successes.logout, _logged_out, _out),
    "log out by refresh token": Ceremony(successes.logout_by_refresh_token, _logged_out, _out),
    "list": Ceremony(successes.list_subscribers, _nothing, _again),
    "count": Ceremony(_summary, _counted, _again),
    "invite": Ceremony(SUCCESSES[contract.INVITE], _invited, _again),
    "read": Ceremony(successes.read_subscriber, _nothing, _again),
    "disable": Ceremony(successes.change_subscriber, _disabled, _again),
    "promote": Ceremony(successes.promote, _promoted, _again),
    "delete": Ceremony(successes.delete_subscriber, _deleted, _again_or_gone),
    "reset": Ceremony(successes.reset, _reset, _again),
    "reset the password": Ceremony(successes.reset_password, _ticket_given, _again),
    "unlock": Ceremony(successes.unlock, _unlocked, _again),
    "read the policy": Ceremony(successes.read_policy, _nothing, _again),
    "replace the policy": Ceremony(successes.replace_policy, _policy_replaced, _again),
    "set the logo": Ceremony(_logo, _logo_set, _again),
    "read the audit": Ceremony(successes.audit, _nothing, _again),
}
each_ceremony = pytest.mark.parametrize("name", CEREMONIES)


def _chill(service: Service) -> None:
    """Forget what an environment remembers, so that the calls of a cold start are among those that fail."""
    service.services.store.accounts._policies.clear()
    keyring = service.services.keyring
    keyring._keys, keyring._read_at, keyring._opened = [], None, None


READS = ("get_item", "batch_get_item", "query")


class Call(NamedTuple):
    """The n-th call of an operation: calls that run beside each other have no other order."""

    operation: str
    number: int


def _calls(service: Service, ceremony: Ceremony) -> list[tuple[Call, dict[str, Any]]]:
    """Return the calls of one that succeeds, cold."""
    it = ceremony.make(service)
    _chill(service)
    service.recorder.clear()
    reply = it.send(service)
    assert reply.status == it.route.status, reply.body
    seen: dict[str, int] = {}
    found = []
    for called in service.recorder.calls:
        seen[called.operation] = seen.get(called.operation, 0) + 1
        found.append((Call(called.operation, seen[called.operation]), called.request))
    return found


class Failing:
    """A fault that hits one call; `times` it is hit (retries count)."""

    def __init__(self, call: Call, how: Fault, *, times: int = 99) -> None:
        self.hits = 0
        self.call, self._how, self._times = call, how, times
        self._seen = 0
        self.requests: list[dict[str, Any]] = []

    def __call__(self, called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation != self.call.operation:
            return send()
        self._seen += 1
        if self._seen < self.call.number or self.hits >= self._times:
            if self._seen >= self.call.number:
                self.requests.append(called.request)
            return send()
        self.hits += 1
        self.requests.append(called.request)
        return self._how(called, send)


def _throttled(_: Called, __: Callable[[], Answer]) -> Answer:
    raise AwsUnavailable("ThrottlingException")


def _lost(_: Called, send: Callable[[], Answer]) -> Answer:
    send()
    raise AwsUnavailable("ReadTimeoutError")


def _denied(_: Called, __: Callable[[], Answer]) -> Answer:
    raise AwsRefused("AccessDeniedException")


def _condition(_: Called, __: Callable[[], Answer]) -> Answer:
    raise ConditionFailed(None)


def _cancelled(parts: int, failing: int, code: str) -> Fault:
    def cancel(_: Called, __: Callable[[], Answer]) -> Answer:
        raise TransactionCancelled(tuple(Reason(code if part == failing else "None") for part in range(parts)))

    return cancel


class Struck(NamedTuple):
    """A ceremony after one of its calls has failed."""

    it: Success
    reply: Reply
    failing: Failing
    happened: list[bool]


def _strike(service: Service, ceremony: Ceremony, call: Call, how: Fault, *, times: int = 99) -> Struck:
    it = ceremony.make(service)
    _chill(service)
    failing = Failing(call, how, times=times)
    service.recorder.fault = failing
    try:
        reply = it.send(service)
    finally:
        service.recorder.fault = None
    assert failing.hits, call
    happened = ceremony.happened(service, it)
    assert len(set(happened)) == 1, ("half a state", call, happened)
    if reply.status >= 400:
        _assert_nothing_is_given_away(it, reply)
    return Struck(it, reply, failing, happened)


WORDS = ("agent", "admin", "disabled", "always")  # of the contract: a sentence may have them as well


def _assert_nothing_is_given_away(it: Success, reply: Reply) -> None:
    assert not SESSION_SECRETS & set(reply.body), reply.body
    told = json.dumps(reply.body)
    for value in (it.token, *it.body.values()):
        if isinstance(value, str) and value not in WORDS:
            assert value not in told


def _assert_goes_on(service: Service, ceremony: Ceremony, struck: Struck) -> None:
    if struck.failing.call.operation in READS:
        return  # nothing has been written by then that the next failing call does not leave as well
    reply = ceremony.go_on(service, struck.it)
    assert reply.status in (200, 201, 204), (struck.failing.call, reply.body)


def _writes(calls: list[tuple[Call, dict[str, Any]]]) -> list[Call]:
    return [call for call, _ in calls if call.operation in ("transact_write_items", "update_item")]


def _before_and_after(calls: list[tuple[Call, dict[str, Any]]]) -> list[tuple[Call, bool]]:
    """Return each call, and whether it comes after the last write: what is read there is only for the answer."""
    order, writes = [call for call, _ in calls], _writes(calls)
    last = order.index(writes[-1]) if writes else len(order)
    return [(call, place > last and call.operation in READS) for place, call in enumerate(order)]


@each_ceremony
def test_a_call_that_fails_before_its_write_gives_503_and_nothing_has_happened(service: Service, name: str) -> None:
    ceremony = CEREMONIES[name]
    for call, is_after_the_write in _before_and_after(_calls(service, ceremony)):
        struck = _strike(service, ceremony, call, _throttled)
        assert_is_problem(struck.reply, "unavailable")
        assert struck.reply.status == 503, call
        assert struck.reply.headers["Retry-After"] == "1"
        assert any(struck.happened) is is_after_the_write, call
        _assert_goes_on(service, ceremony, struck)


@each_ceremony
def test_a_reply_that_is_lost_after_the_write_gives_503_and_no_token(service: Service, name: str) -> None:
    """The outcome is unknown to us, so it is no success (promise 8); what was written stays whole."""
    ceremony = CEREMONIES[name]
    calls = _calls(service, ceremony)
    last = _writes(calls)[-1:]
    for call, _ in calls:
        if call.operation in READS:
            continue  # a read that was lost is a read that failed: the test above
        struck = _strike(service, ceremony, call, _lost)
        assert_is_problem(struck.reply, "unavailable")
        assert all(struck.happened) == (call in last), call
        _assert_goes_on(service, ceremony, struck)


@each_ceremony
def test_a_call_that_aws_refuses_is_a_defect_and_opens_nothing(service: Service, name: str) -> None:
    """A missing right or a malformed call: 500, or 503 where it is the authorizer that fails."""
    ceremony = CEREMONIES[name]
    for call, is_after_the_write in _before_and_after(_calls(service, ceremony)):
        struck = _strike(service, ceremony, call, _denied)
        firsts = (Call("batch_get_item", 1), Call("query", 1))  # the authorizer's: the session, the signing keys
        before_the_handler = struck.it.route.bearer == "admin" and call in firsts
        assert_is_problem(struck.reply, "unavailable" if before_the_handler else "internal_error")
        assert any(struck.happened) is is_after_the_write, call


@each_ceremony
def test_a_condition_that_fails_without_an_item_is_refused_as_documented(service: Service, name: str) -> None:
    """The subscriber was deleted in between: nothing is created anew, nothing is told that is not documented."""
    ceremony = CEREMONIES[name]
    for call, request in _calls(service, ceremony):
        if "ConditionExpression" not in request:
            continue
        struck = _strike(service, ceremony, call, _condition, times=1)
        if struck.reply.status >= 400:
            _assert_documented(struck)
            assert not any(struck.happened), call


@each_ceremony
def test_each_part_of_a_transaction_whose_condition_fails_refuses_the_whole(service: Service, name: str) -> None:
    ceremony = CEREMONIES[name]
    for call, request in _calls(service, ceremony):
        parts = request.get("TransactItems", [])
        for part, write in enumerate(parts):
            if name.startswith("log out") and part == 0:
                continue  # a session that is not there any more has been ended: that is no error
            if not any("ConditionExpression" in each for each in write.values()):
                continue
            how = _cancelled(len(parts), part, "ConditionalCheckFailed")
            struck = _strike(service, ceremony, call, how, times=1)
            if struck.reply.status < 400:  # tried once more against what stands now, and won
                assert all(struck.happened), (call, part)
            else:
                assert not any(struck.happened), (call, part)
                _assert_documented(struck)


def _assert_documented(struck: Struck) -> None:
    known = {refusal.code for refusal in (*struck.it.route.refusals, *EVERYWHERE)} - {"internal_error"}
    assert_is_problem(struck.reply, *known)


WITHOUT_A_TRANSACTION = {"login", "enroll", "add", "add the first one", "count"}
WITHOUT_A_TRANSACTION |= {name for name, ceremony in CEREMONIES.items() if ceremony.happened is _nothing}
CONFLICTS = [
    *((name, "TransactionConflict") for name in CEREMONIES if name not in WITHOUT_A_TRANSACTION),
    ("verify", "ThrottlingError"),
    ("verify", "ProvisionedThroughputExceeded"),
]


@pytest.mark.parametrize(("name", "code"), CONFLICTS)
def test_a_conflict_is_tried_again_with_the_same_token_and_then_is_503(service: Service, name: str, code: str) -> None:
    """botocore does not retry it; two more tries, then it is nobody's wrong code (F08)."""
    ceremony = CEREMONIES[name]
    for call, request in _calls(service, ceremony):
        parts = len(request.get("TransactItems", []))
        if not parts:
            continue
        for times in (2, 99) if name in ("verify", "confirm", "refresh") else (99,):
            struck = _strike(service, ceremony, call, _cancelled(parts, 0, code), times=times)
            tokens = {sent["ClientRequestToken"] for sent in struck.failing.requests}
            assert len(tokens) == 1
            if times < 99:
                assert struck.reply.status == struck.it.route.status, struck.reply.body
                assert len(struck.failing.requests) == times + 1
            else:
                assert_is_problem(struck.reply, "unavailable")
                assert len(struck.failing.requests) == 3
                assert not any(struck.happened)
                _assert_goes_on(service, ceremony, struck)


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"])
def test_a_transaction_refused_for_another_reason_is_a_defect_and_is_not_tried_again(
    service: Service, code: str
) -> None:
    ceremony = CEREMONIES["verify"]
    struck = _strike(service, ceremony, Call("transact_write_items", 1), _cancelled(3, 0, code))
    assert_is_problem(struck.reply, "internal_error")
    assert struck.failing.hits == 1
    assert not any(struck.happened)


def test_a_failed_condition_decides_even_beside_a_conflict(service: Service) -> None:
    def mixed(_: Called, __: Callable[[], Answer]) -> Answer:
        raise TransactionCancelled((Reason("TransactionConflict"), Reason("ConditionalCheckFailed"), Reason("None")))

    struck = _strike(service, CEREMONIES["verify"], Call("transact_write_items", 1), mixed)
    assert_is_problem(struck.reply, "challenge_invalid")
    assert struck.failing.hits == 1


def test_every_request_has_a_client_request_token_of_its_own(service: Service, enrolled: Person) -> None:
    service.recorder.clear()
    for _ in range(3):
        service.session(enrolled)
        service.clock.advance(30)
    sent = [call.request for call in service.recorder.calls if call.operation == "transact_write_items"]
    assert len({request["ClientRequestToken"] for request in sent}) == 3


# --- a refused guess stays refused


@pytest.fixture
def wrong(service: Service, enrolled: Person) -> tuple[str, str]:
    return service.challenge(enrolled), service.wrong_code(enrolled)


@pytest.mark.parametrize("how", [_throttled, _lost])
def test_a_wrong_code_that_cannot_be_recorded_is_503_and_stays_paid_for(
    service: Service, enrolled: Person, wrong: tuple[str, str], how: Fault
) -> None:
    service.recorder.fault = Failing(Call("put_item", 1), how)
    reply = service.verify(*wrong)
    service.recorder.fault = None
    assert_is_problem(reply, "unavailable")
    assert len(service.record(enrolled).recent) == 1
    assert service.verify(*wrong).body["tries_left"] == 3


@pytest.mark.parametrize("how", [_throttled, _lost])
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


@pytest.mark.parametrize("how", [_throttled, _lost, _condition])
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
    service.recorder.fault = Failing(Call("update_item", 1), _throttled)
    reply = service.log_in(enrolled)
    service.recorder.fault = None
    assert_is_problem(reply, "unavailable")
    assert hashed == []


def test_a_charge_that_fails_reaches_no_key(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    service.recorder.clear()
    service.recorder.fault = Failing(Call("update_item", 1), _throttled)
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
