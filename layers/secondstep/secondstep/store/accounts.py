"""Accounts and their policy; what the account's admin and the operator write about other people.

Each is one transaction with its audit event and, for an admin, the check that the actor still is an active admin
with this session's epoch: so an admin who is demoted while a request is in flight changes nothing any more.
"""

import msgspec

from secondstep.account import Policy
from secondstep.audit import Event
from secondstep.session import Standing
from secondstep.store.ceremonies import Stale
from secondstep.store.conditions import ITEM_EXISTS, epoch_is, sub_is
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import NewItem, Write, equals
from secondstep.store.layout import (
    ACCOUNT,
    AUTHENTICATORS,
    CHALLENGES,
    CREATED_AT,
    DAY,
    DISPLAY_NAME,
    EMAIL,
    ENROLLMENT,
    ENROLLMENT_TICKET,
    EPOCH,
    LOCALE,
    LOGIN_NAME,
    PASSWORD_TICKET,
    RECENT,
    RECOVERY_CODES,
    RECOVERY_RECENT,
    ROLE,
    RUN,
    STATUS,
    account_key,
    event_item,
    subscriber_item,
    subscriber_key,
    subscriber_record,
    ticket_map,
)
from secondstep.store.sessions import Sessions
from secondstep.subscriber import Enrollment, Identity, Role, Status, Subscriber, Ticket

_POLICY_SECONDS = 60
_POLICY, _VERSION = "policy", "version"


class ActorRefused(Exception):
    """The actor is not an active admin with this session's epoch any more; nothing was written."""


class AlreadyExists(Exception):
    """The name or account exists; `current` is the subscriber that holds the name."""

    def __init__(self, current: Subscriber | None) -> None:
        super().__init__("already exists")
        self.current = current


class Accounts:
    """Reads and writes of account items, and of subscribers by somebody else."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._policies: dict[str, tuple[int, Policy]] = {}

    def policy(self, account: str, now: int) -> Policy:
        """Return the account's policy, at most 60 s old; a missing or unreadable one is the safe default."""
        cached = self._policies.get(account)
        if cached and 0 <= now - cached[0] < _POLICY_SECONDS:
            return cached[1]
        item = self._database.get(account_key(account)) or {}
        policy = _policy(item.get(_POLICY, {}))
        self._policies[account] = (now, policy)
        return policy

    def create(self, account: str, policy: Policy, first_admin: Subscriber, event: Event, now: int) -> None:
        """One transaction: an account and its first admin; AlreadyExists where the account does."""
        item = account_key(account) | {
            _POLICY: msgspec.to_builtins(policy, str_keys=True),
            _VERSION: 1,
            CREATED_AT: now,
        }
        made = [
            self._database.created(NewItem(item)),
            self._database.created(NewItem(subscriber_item(first_admin))),
        ]
        try:
            self._database.commit(*made, self._recorded(event))
        except Refused as refused:
            raise AlreadyExists(None) from refused

    def invite(self, invited: Subscriber, actor: Standing, event: Event) -> None:
        """One transaction: a new subscriber with its tickets; AlreadyExists shows who holds the name."""
        made = self._database.created(NewItem(subscriber_item(invited)))
        try:
            self._commit(made, actor, event)
        except Stale as stale:
            raise AlreadyExists(stale.current) from stale

    def invite_again(
        self, before: Subscriber, invited: Subscriber, enrollment: Enrollment, actor: Standing, event: Event
    ) -> None:
        """One transaction: new tickets and a new epoch for a name that is still invited; the old ticket dies."""
        write = Write(subscriber_key(before.identity.hash)).require(ITEM_EXISTS, epoch_is(before.epoch))
        write.require(equals((STATUS,), Status.INVITED.value)).set((EPOCH,), invited.epoch)
        write.set((ROLE,), invited.role.value).set((ENROLLMENT,), enrollment.value)
        write.set((CHALLENGES,), {})
        write.set((PASSWORD_TICKET,), ticket_map(invited.password_ticket))
        write.set((ENROLLMENT_TICKET,), ticket_map(invited.enrollment_ticket))
        for attribute, value in (
            (EMAIL, invited.email),
            (DISPLAY_NAME, invited.display_name),
            (LOCALE, invited.locale),
        ):
            write.set_or_remove((attribute,), value)
        self._commit(self._database.changed(write), actor, event)

    def reset(
        self,
        subject: Identity,
        subject_sub: str,
        subject_role: Role,
        enrollment: Enrollment,
        ticket: Ticket | None,
        epoch: bytes,
        actor: Standing,
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

    def _commit(self, change: Part, actor: Standing, event: Event) -> None:
        try:
            self._database.commit(change, *self._sessions.still_admin(actor), self._recorded(event))
        except Refused as refused:
            if refused.part > 0:
                raise ActorRefused from refused
            raise Stale(subscriber_record(refused.item) if refused.item else None) from refused

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def _policy(stored: object) -> Policy:
    try:
        return msgspec.convert(stored, Policy)
    except msgspec.ValidationError:
        return Policy()  # fail closed: MFA required (attack A26)
