"""One named event per outcome. The store appends it: in the transaction of what it records, or right after a refusal.

An event never holds a secret, a code, a ticket, a token or text that was typed before the password was proven.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from secondstep.context import RequestContext
from secondstep.subscriber import Identity, Subscriber, new_id

PROFILE_FIELDS = ("email", "display_name", "locale")
SHARDS = 8  # an account's index is spread, so that one busy account is not one hot partition


class EventName(StrEnum):
    """The events of docs/api.md; further ones may come, none is ever renamed."""

    LOGIN = "login"
    VERIFY = "verify"
    ENROLLED = "enrolled"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    AUTHENTICATOR_RENAMED = "authenticator_renamed"
    AUTHENTICATOR_DISABLED = "authenticator_disabled"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    STEP_UP = "step_up"
    REFRESH_REUSE = "refresh_reuse"
    LOGOUT = "logout"
    SESSION_ENDED = "session_ended"
    AUTHORIZED = "authorized"
    PASSWORD_SET = "password_set"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    INVITED = "invited"
    RESET = "reset"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    UNLOCKED = "unlocked"
    STATUS_CHANGED = "status_changed"
    ROLE_CHANGED = "role_changed"
    PROFILE_CHANGED = "profile_changed"
    DELETED = "deleted"
    POLICY_CHANGED = "policy_changed"
    IMPORTED = "imported"
    EXPORTED = "exported"
    RESTORED = "restored"
    SIGNING_KEY_ROTATED = "signing_key_rotated"


class Outcome(StrEnum):
    """How it went."""

    SUCCESS = "success"
    FAILURE = "failure"


class Person(msgspec.Struct, frozen=True):
    """A subscriber, as an event names it."""

    sub: str
    login_name: str

    def as_map(self) -> dict[str, str]:
        """Return the stored and shown form."""
        return {"sub": self.sub, "login_name": self.login_name}

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Person":
        """Name a subscriber."""
        return cls(subscriber.sub, subscriber.login_name)


class Operator(msgspec.Struct, frozen=True):
    """Whoever runs the deployment, by ARN."""

    arn: str

    def as_map(self) -> dict[str, str]:
        """Return the stored and shown form."""
        return {"operator": self.arn}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What is appended to the Audit table; `at` in epoch seconds.

    One that was read may bear a name of a later release, as it is stored: after a way back, or while a deployment runs.
    """

    id: str
    at: int
    milliseconds: int
    event: EventName | str
    outcome: Outcome
    account: str | None
    subscriber_hash: str | None
    subject: Person | None
    actor: Person | Operator | None
    source: str
    request_id: str
    reason: str | None = None
    detail: Mapping[str, Any] | None = None

    @property
    def shard(self) -> int:
        """Return the shard of the account's index; the id is random, so the shards fill evenly."""
        return sum(self.id.encode()) % SHARDS


def event_about(
    subscriber: Subscriber,
    event: EventName,
    outcome: Outcome,
    context: RequestContext,
    *,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of a subscriber's own act."""
    person = Person.of(subscriber)
    return event_by(person, person, subscriber.account, event, outcome, context, detail=detail)


def event_by(
    actor: Person | Operator,
    subject: Person,
    account: str,
    event: EventName,
    outcome: Outcome,
    context: RequestContext,
    *,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of what somebody did to a subscriber."""
    return _event(
        event,
        outcome,
        context,
        account=account,
        subscriber_hash=Identity(account, subject.login_name).hash,
        subject=subject,
        actor=actor,
        reason=reason,
        detail=detail,
    )


def account_event(
    actor: Person | Operator,
    account: str,
    event: EventName,
    outcome: Outcome,
    context: RequestContext,
    *,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of what somebody did to an account as a whole; it has no subject."""
    return _event(event, outcome, context, account=account, actor=actor, detail=detail)


def refusal_before_password(subscriber_hash: str, event: EventName, context: RequestContext) -> Event:
    """Return the event of a refused password or password ticket.

    Its subject is the hash alone, for a name that exists and one that does not: the text that was typed may be a
    password, and the account's index must not fill with what anybody on the network can cause.
    """
    return _event(event, Outcome.FAILURE, context, subscriber_hash=subscriber_hash)


def signing_key_rotated(
    kid: str, context: RequestContext, *, retired: str | None = None, actor: Operator | None = None
) -> Event:
    """Return the event of a new signing key, or of the one that signs in place of a retired one.

    It belongs to the deployment, not to an account.
    """
    detail = {"kid": kid} | ({"retired": retired} if retired else {})
    return _event(EventName.SIGNING_KEY_ROTATED, Outcome.SUCCESS, context, actor=actor, detail=detail)


def what_changed(before: Subscriber, after: Subscriber, names: Iterable[str]) -> dict[str, dict[str, str]] | None:
    """Return the old and the new values of those fields that differ, as an event's detail; None where none does."""
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return {"old": _texts(before, changed), "new": _texts(after, changed)} if changed else None


def _texts(subscriber: Subscriber, names: Iterable[str]) -> dict[str, str]:
    values = {name: getattr(subscriber, name) for name in names}
    return {name: str(value) for name, value in values.items() if value is not None}


def _event(
    event: EventName,
    outcome: Outcome,
    context: RequestContext,
    *,
    account: str | None = None,
    subscriber_hash: str | None = None,
    subject: Person | None = None,
    actor: Person | Operator | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    return Event(
        id=new_id(),
        at=context.now,
        milliseconds=context.milliseconds,
        event=event,
        outcome=outcome,
        account=account,
        subscriber_hash=subscriber_hash,
        subject=subject,
        actor=actor,
        source=context.source,
        request_id=context.request_id,
        reason=reason,
        detail=detail,
    )
