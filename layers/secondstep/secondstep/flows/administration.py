"""What an account admin does about a subscriber of the account: change, unlock, help with a password, delete.

The account comes from the admin's token alone, so a name of another account is not there (404). Nobody acts on
themselves (compared by `sub`), and every write checks the actor in its own transaction: so two admins cannot remove
each other, and one always remains.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import UNSET

from secondstep import describing
from secondstep import ticket as tickets
from secondstep.acting import (
    PRIVILEGE_MAX_AGE_SECONDS,
    WRITE_MAX_AGE_SECONDS,
    Acting,
    ActingOperator,
)
from secondstep.audit import PROFILE_FIELDS, Event, EventName, Outcome, Person, event_by, what_changed
from secondstep.context import RequestContext
from secondstep.errors import Conflict, Forbidden, InvalidToken, NotFound
from secondstep.shapes import ChangeSubscriberRequest, SubscriberAnswer, TicketAnswer, given_fields
from secondstep.store import Store
from secondstep.store.administration import Actor, ActorRefused, ByOperator
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import Identity, Role, Status, Subscriber, new_epoch

_LOOKS = 3  # for an admin who remains: more than three who fall away in one moment is no accident


def read(login_name: str, actor: Acting, *, store: Store, context: RequestContext) -> SubscriberAnswer:
    """Return one subscriber of the admin's account; NotFound for anybody else."""
    subject, password_tat = store.directory.subscriber(Identity(actor.account, login_name))
    if subject is None:
        raise NotFound
    return describing.subscriber(subject, password_tat=password_tat, now=context.now)


def change(
    login_name: str,
    wanted: ChangeSubscriberRequest,
    actor: Acting,
    *,
    store: Store,
    context: RequestContext,
) -> SubscriberAnswer:
    """Change status, role or contact data: one transaction with an event for each kind of change.

    A change of status or role changes the epoch, so every session and challenge ends with it. Raises StepUpRequired,
    Forbidden (oneself), NotFound, Conflict (a rule, or a lost race), InvalidToken.
    """
    max_age = WRITE_MAX_AGE_SECONDS if wanted.role is UNSET else PRIVILEGE_MAX_AGE_SECONDS
    before, password_tat = _subject(login_name, max_age, actor, store, context)
    after = _changed(before, wanted)
    _refuse_broken_rules(before, after)
    events = _events_of_change(before, after, actor, context)
    if events:
        stays_admin = after.is_active_admin or not before.is_active_admin
        write = _leaving_nobody if stays_admin else _leaving_an_admin
        write(lambda standing: store.administration.change(before, after, standing, *events), before, actor, store)
    return describing.subscriber(after, password_tat=password_tat, now=context.now)


def _changed(before: Subscriber, wanted: ChangeSubscriberRequest) -> Subscriber:
    fields = given_fields(wanted)
    if "status" in fields:
        fields["status"] = Status(fields["status"])
    if "role" in fields:
        fields["role"] = Role(fields["role"])
    after = msgspec.structs.replace(before, **fields)
    ends_sessions = (after.status, after.role) != (before.status, before.role)
    return msgspec.structs.replace(after, epoch=new_epoch()) if ends_sessions else after


def _refuse_broken_rules(before: Subscriber, after: Subscriber) -> None:
    if after.role is Role.ADMIN and before.role is not Role.ADMIN and not before.is_bound:
        raise Conflict("An admin needs a bound authenticator. Let the subscriber enroll first.")
    if before.status is Status.INVITED and after.status is Status.ACTIVE:
        raise Conflict("The invitation has not been redeemed yet.")
    if before.status is Status.DISABLED and after.status is Status.ACTIVE and before.password_hash is None:
        raise Conflict("There is no password yet. Delete the subscriber and invite again.")


_KINDS_OF_CHANGE = {
    EventName.STATUS_CHANGED: ("status",),
    EventName.ROLE_CHANGED: ("role",),
    EventName.PROFILE_CHANGED: PROFILE_FIELDS,
}


def _events_of_change(before: Subscriber, after: Subscriber, actor: Acting, context: RequestContext) -> list[Event]:
    """Return one event for each kind of change, with the old and the new value."""
    details = {kind: what_changed(before, after, names) for kind, names in _KINDS_OF_CHANGE.items()}
    return [_event(before, kind, actor, context, detail=detail) for kind, detail in details.items() if detail]


def delete(login_name: str, actor: Acting, *, store: Store, context: RequestContext) -> None:
    """Remove a subscriber and what it holds; the audit stays. Its sessions have no subscriber any more, so are dead."""
    subject, _ = _subject(login_name, WRITE_MAX_AGE_SECONDS, actor, store, context)
    event = _event(subject, EventName.DELETED, actor, context)
    write = _leaving_an_admin if subject.is_active_admin else _leaving_nobody
    write(lambda standing: store.administration.delete(subject, standing, event), subject, actor, store)


def reset_password(
    login_name: str, reason: str, actor: Acting, *, store: Store, context: RequestContext
) -> TicketAnswer:
    """Answer a ticket for `/password`, shown once; the authenticators are not touched (ASVS 5.0 6.4.3)."""
    subject, _ = _subject(login_name, WRITE_MAX_AGE_SECONDS, actor, store, context)
    if subject.status is Status.DISABLED:
        raise Conflict("The subscriber is disabled.")
    text, ticket = tickets.issue(now=context.now, ttl_seconds=tickets.AFTER_RESET_SECONDS)
    event = _event(subject, EventName.PASSWORD_RESET, actor, context, reason=reason)
    _write(lambda: store.administration.give_password_ticket(subject, ticket, actor.standing, event))
    return TicketAnswer(ticket=text, expires_at=ticket.expires_at)


def unlock(login_name: str, actor: Acting, *, store: Store, context: RequestContext) -> SubscriberAnswer:
    """Clear the budgets and set a disabled authenticator active again; removes nothing."""
    subject, _ = _subject(login_name, WRITE_MAX_AGE_SECONDS, actor, store, context)
    event = _event(subject, EventName.UNLOCKED, actor, context)
    _write(lambda: store.administration.unlock(subject, actor.standing, event, context.now))
    unlocked = msgspec.structs.replace(subject, run=0, recent={}, day={}, recovery_recent={})
    return describing.subscriber(unlocked, password_tat=0, now=context.now)


def _subject(
    login_name: str, max_age: int, actor: Acting, store: Store, context: RequestContext
) -> tuple[Subscriber, int]:
    """Return the subscriber that is acted on, of the account and not the admin, and its password budget's `tat`."""
    actor.require_recent(max_age, context.now)
    subject, password_tat = store.directory.subscriber(Identity(actor.account, login_name))
    if subject is None:
        raise NotFound
    if actor.is_oneself(subject.sub):
        raise Forbidden("Nobody does this to themselves. Ask another admin of the account.")
    return subject, password_tat


def _leaving_nobody(write: Callable[[Actor], None], _: Subscriber, actor: Acting, __: Store) -> None:
    """Write what takes no admin from the account."""
    _write(lambda: write(actor.standing))


def _leaving_an_admin(write: Callable[[Actor], None], subject: Subscriber, actor: Acting, store: Store) -> None:
    """Write what takes an admin from the account; another one must stand in the same transaction.

    An admin who acts is that one. Beside the operator one is looked for, and looked for again where it falls away in
    the same moment. Raises Conflict for the last one.
    """
    if not isinstance(actor, ActingOperator):
        _write(lambda: write(actor.standing))
        return
    for _ in range(_LOOKS):
        remaining = store.directory.another_active_admin(subject)
        if remaining is None:
            raise Conflict("This is the account's last active admin. Make another one first.")
        try:
            _lost_or_gone(lambda: write(ByOperator(remaining)))  # noqa: B023 - run at once
        except ActorRefused:
            continue
        else:
            return
    raise Conflict("The account's admins are being changed. Look again.")


def _write(write: Callable[[], None]) -> None:
    try:
        _lost_or_gone(write)
    except ActorRefused as refused:
        raise InvalidToken from refused


def _lost_or_gone(write: Callable[[], None]) -> None:
    try:
        write()
    except Stale as stale:
        if stale.current is None:
            raise NotFound from stale
        raise Conflict("The subscriber is being changed. Look again.") from stale


def _event(
    subject: Subscriber,
    name: EventName,
    actor: Acting,
    context: RequestContext,
    *,
    reason: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> Event:
    person = Person.of(subject)
    return event_by(actor.person, person, actor.account, name, Outcome.SUCCESS, context, reason=reason, detail=detail)
