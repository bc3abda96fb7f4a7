"""What has happened to somebody, seen from the item, the session and the audit: all of it, or nothing.

Each function returns a list of what belongs together; a test fails where some of it is so and some is not.
"""

from typing import Any, Protocol

from secondstep.authenticators import password, recovery_codes
from secondstep.contract import Route
from secondstep.store.codec import decode_item
from secondstep.subscriber import Enrollment, Identity, Role, Status
from tests.attacks.successes import NEW_PASSWORD
from tests.service import ACCOUNT, Person, Reply, Service


class Attempt(Protocol):
    """A request that will succeed, and whose it is."""

    @property
    def route(self) -> Route: ...
    @property
    def person(self) -> Person: ...
    @property
    def body(self) -> dict[str, Any]: ...
    @property
    def token(self) -> str | None: ...
    @property
    def picture(self) -> bytes: ...

    def send(self, service: Service) -> Reply:
        """Send it."""
        ...


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


def events(service: Service, identity: Identity) -> list[str]:
    found = _partition(service, service.services.settings.audit_table, identity)
    return [f"{event['event']} {event['outcome']}" for event in found]


def _succeeded(service: Service, person: Person, name: str) -> bool:
    return f"{name} success" in events(service, person.identity)


def sessions(service: Service, person: Person) -> list[dict[str, Any]]:
    found = _partition(service, service.services.settings.state_table, person.identity)
    return [item for item in found if item["sk"].startswith("SESSION#")]


# --- the way in


def logged_in(service: Service, it: Attempt) -> list[bool]:
    return [bool(service.record(it.person).challenges)]


def waits(service: Service, it: Attempt) -> list[bool]:
    return [any(each.pending for each in service.record(it.person).challenges.values())]


def verified(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    [authenticator] = record.authenticators.values()
    burned = authenticator.last_step > authenticator.created_at // 30
    return [
        burned,
        not record.challenges,
        record.last_login_at is not None,
        len(sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "verify"),
    ]


def confirmed(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    return [
        record.is_bound,
        len(record.authenticators) == 1,
        len(record.recovery_codes) == 10,
        not record.challenges,
        len(sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "enrolled"),
    ]


def recovered(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    return [
        len(record.recovery_codes) == 9,
        not record.challenges,
        len(sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "recovery_code_used"),
    ]


def without_factor(service: Service, it: Attempt) -> list[bool]:
    return [
        service.record(it.person).last_login_at is not None,
        len(sessions(service, it.person)) == 1,
        _succeeded(service, it.person, "login"),
    ]


def password_set(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    return [
        record.status is Status.ACTIVE,
        record.password_ticket is None,
        record.password_hash is not None,
        _succeeded(service, it.person, "password_set"),
    ]


def rotated(service: Service, it: Attempt) -> list[bool]:
    [session] = sessions(service, it.person)
    return [session["rn"] == 1, "rp" in session]


def stepped_up(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    if it.body.get("recovery_code"):
        proven = len(record.recovery_codes) == 9
    else:
        proven = max(each.last_used_at for each in record.authenticators.values()) >= service.now() - 5
    return [proven, _succeeded(service, it.person, "step_up")]


def stepped_up_by_password(service: Service, it: Attempt) -> list[bool]:
    return [_succeeded(service, it.person, "step_up")]


def logged_out(service: Service, it: Attempt) -> list[bool]:
    return [not sessions(service, it.person), _succeeded(service, it.person, "logout")]


def invited(service: Service, it: Attempt) -> list[bool]:
    invited = Identity(ACCOUNT, it.body["login_name"])
    exists = bool(_partition(service, service.services.settings.state_table, invited))
    return [exists, "invited success" in events(service, invited)]


def reset(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    return [
        record.enrollment is Enrollment.TICKETED,
        not record.authenticators,
        not record.recovery_codes,
        record.enrollment_ticket is not None,
        _succeeded(service, it.person, "reset"),
    ]


def nothing(_: Service, __: Attempt) -> list[bool]:
    return [False]


# --- one's own account


def profile_changed(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    changed = [getattr(record, name) == it.body[name] for name in ("email", "display_name", "locale")]
    return [*changed, _succeeded(service, it.person, "profile_changed")]


def language_kept(service: Service, it: Attempt) -> list[bool]:
    return [service.record(it.person).locale is not None, _succeeded(service, it.person, "profile_changed")]


def added(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    added = [len(record.authenticators) == 2, not record.challenges]
    return [*added, _succeeded(service, it.person, "authenticator_added")]


def renamed(service: Service, it: Attempt) -> list[bool]:
    [held] = service.record(it.person).authenticators.values()
    return [held.name == it.body["name"], _succeeded(service, it.person, "authenticator_renamed")]


def removed(service: Service, it: Attempt) -> list[bool]:
    gone = len(service.record(it.person).authenticators) == 1
    return [gone, _succeeded(service, it.person, "authenticator_removed")]


def codes_renewed(service: Service, it: Attempt) -> list[bool]:
    record, characters = service.record(it.person), recovery_codes.parse(it.person.recovery_codes[0])
    is_dead = recovery_codes.match(characters or "", record.sub, record.recovery_codes) is None
    return [is_dead, _succeeded(service, it.person, "recovery_codes_renewed")]


def password_changed(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    return [password.match(NEW_PASSWORD, record.password_hash), _succeeded(service, it.person, "password_changed")]


def other_session_ended(service: Service, it: Attempt) -> list[bool]:
    return [len(sessions(service, it.person)) == 1, _succeeded(service, it.person, "session_ended")]


# --- administration


def is_disabled(service: Service, it: Attempt) -> list[bool]:
    return [service.record(it.person).status is Status.DISABLED, _succeeded(service, it.person, "status_changed")]


def disabled(service: Service, it: Attempt) -> list[bool]:
    return [*is_disabled(service, it), *profile_changed(service, it)]


def promoted(service: Service, it: Attempt) -> list[bool]:
    return [service.record(it.person).role is Role.ADMIN, _succeeded(service, it.person, "role_changed")]


def deleted(service: Service, it: Attempt) -> list[bool]:
    left = _partition(service, service.services.settings.state_table, it.person.identity)
    return [not left, _succeeded(service, it.person, "deleted")]


def ticket_given(service: Service, it: Attempt) -> list[bool]:
    given = service.record(it.person).password_ticket is not None
    return [given, _succeeded(service, it.person, "password_reset")]


def unlocked(service: Service, it: Attempt) -> list[bool]:
    return [service.record(it.person).run == 0, _succeeded(service, it.person, "unlocked")]


def counted(service: Service, _: Attempt) -> list[bool]:
    return [bool(_account_item(service, "SUMMARY"))]


def policy_replaced(service: Service, it: Attempt) -> list[bool]:
    stored, text = _account_item(service, "POLICY"), it.body["help_text"]
    told = [event["detail"]["new"].get("help_text") == text for event in _account_events(service)]
    return [stored["policy"].get("help_text") == text, any(told)]


def logo_set(service: Service, it: Attempt) -> list[bool]:
    told = [f" {len(it.picture)} bytes" in str(event["detail"]) for event in _account_events(service)]
    return [_account_item(service, "LOGO").get("png") == it.picture, any(told)]


def last_removed(service: Service, it: Attempt) -> list[bool]:
    record = service.record(it.person)
    gone = [not record.authenticators, not record.recovery_codes, record.enrollment is Enrollment.OPEN]
    return [*gone, _succeeded(service, it.person, "authenticator_removed")]
