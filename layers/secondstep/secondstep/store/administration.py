"""What an account admin, or the operator, writes about other people.

Each is one transaction with its audit event and, for an admin, the check that the actor still is an active admin
with this session's epoch: so an admin who is demoted while a request is in flight changes nothing any more.
"""

from typing import NamedTuple

from secondstep.audit import Event
from secondstep.session import Standing
from secondstep.store.ceremonies import Stale
from secondstep.store.conditions import IS_ACTIVE, IS_ADMIN, ITEM_EXISTS, epoch_is, sub_is
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import Clause, NewItem, Write, equals
from secondstep.store.layout import (
    ACCOUNT,
    AUTHENTICATORS,
    CHALLENGES,
    DAY,
    DISPLAY_NAME,
    EMAIL,
    ENROLLMENT,
    ENROLLMENT_TICKET,
    EPOCH,
    LOCALE,
    LOGIN_NAME,
    PASSWORD_TICKET,
    PURGE_AT,
    RECENT,
    RECOVERY_CODES,
    RECOVERY_RECENT,
    ROLE,
    RUN,
    STATUS,
    TAT,
    event_item,
    name_budget_key,
    subscriber_item,
    subscriber_key,
    subscriber_record,
    ticket_map,
)
from secondstep.store.profile import write_profile
from secondstep.store.sessions import Sessions
from secondstep.subscriber import Enrollment, Identity, Role, Status, Subscriber, Ticket


class ByOperator(NamedTuple):
    """The operator of the deployment: whose right to write is AWS's own to check.

    Where an admin is taken from an account, `remaining_admin` is another one that must stand when it is written.
    """

    remaining_admin: Subscriber | None = None


type Actor = Standing | ByOperator


class ActorRefused(Exception):
    """The actor is not an active admin with this session's epoch any more; nothing was written."""


class AlreadyExists(Exception):
    """The name or account exists; `current` is the subscriber that holds the name."""

    def __init__(self, current: Subscriber | None) -> None:
        super().__init__("already exists")
        self.current = current


class Administration:
    """Writes on a subscriber by somebody else; Stale shows what stands where the subscriber changed meanwhile."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    def invite(self, invited: Subscriber, actor: Actor, event: Event) -> None:
        """One transaction: a new subscriber with its tickets; AlreadyExists shows who holds the name."""
        made = self._database.created(NewItem(subscriber_item(invited)))
        try:
            self._commit(made, actor, event)
        except Stale as stale:
            raise AlreadyExists(stale.current) from stale

    def invite_again(
        self, before: Subscriber, invited: Subscriber, enrollment: Enrollment, actor: Actor, event: Event
    ) -> None:
        """One transaction: new tickets and a new epoch for a name that is still invited; the old ticket dies."""
        write = Write(subscriber_key(before.identity.hash)).require(ITEM_EXISTS, epoch_is(before.epoch))
        write.require(equals((STATUS,), Status.INVITED.value)).set((EPOCH,), invited.epoch)
        write.set((ROLE,), invited.role.value).set((ENROLLMENT,), enrollment.value)
        write.set((CHALLENGES,), {})
        write.set((PASSWORD_TICKET,), ticket_map(invited.password_ticket))
        write.set((ENROLLMENT_TICKET,), ticket_map(invited.enrollment_ticket))
        write.set_or_remove((EMAIL,), invited.email).set_or_remove((LOCALE,), invited.locale)
        write.set_or_remove((DISPLAY_NAME,), invited.display_name)
        self._commit(self._database.changed(write), actor, event)

    def reset(
        self,
        subject: Identity,
        subject_sub: str,
        subject_role: Role,
        enrollment: Enrollment,
        ticket: Ticket | None,
        epoch: bytes,
        actor: Actor,
        event: Event,
    ) -> None:
        """One transaction: the reset. A new epoch ends what is in flight; only the enrollment ticket is left.

        Removed: authenticators, recovery codes, challenges, both tickets, the code budgets and the count in a row,
        all of which belonged to the authenticators that are gone. The password and its budget stay.
        """
        write = Write(subscriber_key(subject.hash)).require(ITEM_EXISTS, sub_is(subject_sub))
        write.require(equals((ACCOUNT,), subject.account), equals((LOGIN_NAME,), subject.login_name))
        write.require(equals((ROLE,), subject_role.value))
        write.set((ENROLLMENT,), enrollment.value).set((EPOCH,), epoch).set((RUN,), 0)
        for emptied in (AUTHENTICATORS, CHALLENGES, RECENT, DAY, RECOVERY_RECENT):
            write.set((emptied,), {})
        write.remove((RECOVERY_CODES,), (PASSWORD_TICKET,))
        write.set_or_remove((ENROLLMENT_TICKET,), ticket_map(ticket))
        self._commit(self._database.changed(write), actor, event)

    def give_password_ticket(self, subject: Subscriber, ticket: Ticket, actor: Actor, event: Event) -> None:
        """One transaction: a ticket for a new password; for who has never been in it opens the enrollment as well.

        The authenticators are not touched, and the old password works until the ticket is redeemed.
        """
        write = _as_read(subject).set((PASSWORD_TICKET,), ticket_map(ticket))
        if not subject.has_ever_logged_in and not subject.is_bound:
            write.set((ENROLLMENT_TICKET,), ticket_map(ticket))
        self._commit(self._database.changed(write), actor, event)

    def unlock(self, subject: Subscriber, actor: Actor, event: Event, now: int) -> None:
        """One transaction: the code budgets and the count in a row are cleared, so the authenticators work again.

        The name's password budget is set back in the same transaction. Nothing is removed.
        """
        write = _as_read(subject).set((RUN,), 0)
        for emptied in (RECENT, DAY, RECOVERY_RECENT):
            write.set((emptied,), {})
        refilled = Write(name_budget_key(subject.identity.hash)).set((TAT,), 0).set((PURGE_AT,), now)
        self._commit(self._database.changed(write), actor, event, self._database.changed(refilled))

    def change(self, before: Subscriber, after: Subscriber, actor: Actor, event: Event, *further_events: Event) -> None:
        """One transaction: status, role and profile as in `after`; its epoch is new where status or role changed.

        Disabling empties both tickets and drops the challenges; a changed epoch ends every session.
        """
        write = _as_read(before).set((STATUS,), after.status.value).set((ROLE,), after.role.value)
        write_profile(write, before, after)
        if after.epoch != before.epoch:
            write.set((EPOCH,), after.epoch).set((CHALLENGES,), {})
        if after.status is Status.DISABLED:
            write.remove((PASSWORD_TICKET,), (ENROLLMENT_TICKET,))
        more = [self._recorded(each) for each in further_events]
        self._commit(self._database.changed(write), actor, event, *more)

    def delete(self, subject: Subscriber, actor: Actor, event: Event) -> None:
        """One transaction: the subscriber with all that it holds is gone; its sessions die with its epoch."""
        self._commit(self._database.removed(_as_read(subject)), actor, event)

    def _commit(self, change: Part, actor: Actor, event: Event, *more: Part) -> None:
        try:
            self._database.commit(change, *self._still_may(actor), self._recorded(event), *more)
        except Refused as refused:
            if refused.part > 0:
                raise ActorRefused from refused
            raise Stale(subscriber_record(refused.item) if refused.item else None) from refused

    def _still_may(self, actor: Actor) -> list[Part]:
        if isinstance(actor, Standing):
            return self._sessions.still_admin(actor)
        return [self._database.checked(_remains_admin(actor.remaining_admin))] if actor.remaining_admin else []

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def _remains_admin(admin: Subscriber) -> Write:
    clauses = [ITEM_EXISTS, sub_is(admin.sub), IS_ACTIVE, IS_ADMIN]
    return Write(subscriber_key(admin.identity.hash)).require(*clauses)


def _as_read(subject: Subscriber) -> Write:
    """Return a write that wins only if nothing that matters has changed since the subscriber was read."""
    clauses: list[Clause] = [
        ITEM_EXISTS,
        sub_is(subject.sub),
        epoch_is(subject.epoch),
        equals((STATUS,), subject.status.value),
        equals((ROLE,), subject.role.value),
    ]
    return Write(subscriber_key(subject.identity.hash)).require(*clauses)
