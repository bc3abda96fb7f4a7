"""The subscriber's own ceremonies: open a challenge, wait with a secret, accept a code, bind, set a password.

Each is one conditional write, or one transaction together with the session and the audit event that it causes
(promises 2, 3, 4, 7). All carry the epoch that was read, so a reset beats everything in flight.
"""

from secondstep.audit import Event
from secondstep.authenticators.password import Schemes
from secondstep.aws import Item
from secondstep.challenge import Presented
from secondstep.errors import Unavailable
from secondstep.session import Session
from secondstep.store.charges import CODES, RECOVERY_CODES, Charge
from secondstep.store.conditions import (
    IS_ACTIVE,
    ITEM_EXISTS,
    challenge_is_open,
    challenge_stands,
    epoch_is,
)
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import (
    Clause,
    NewItem,
    Write,
    above,
    below,
    contains,
    differs,
    equals,
    exists,
    fewer_than,
)
from secondstep.store.layout import (
    A_STEP,
    A_USED,
    C_AHEAD,
    C_CHARGE,
    C_TRIES,
    CHALLENGES,
    ENROLLMENT,
    ENROLLMENT_TICKET,
    EPOCH,
    LAST_LOGIN_AT,
    PASSWORD_HASH,
    PASSWORD_TICKET,
    RUN,
    STATUS,
    T_EXPIRES,
    T_HASH,
    TAT,
    address_budget_key,
    ahead_map,
    authenticator_map,
    authenticator_path,
    challenge_map,
    challenge_path,
    event_item,
    schemes_key,
    schemes_record,
    session_item,
    subscriber_item,
    subscriber_key,
    subscriber_record,
    ticket_map,
)
from secondstep.store.layout import (
    RECOVERY_CODES as CODE_SET,
)
from secondstep.subscriber import (
    Ahead,
    Authenticator,
    Challenge,
    Enrollment,
    Identity,
    Purpose,
    Role,
    Status,
    Subscriber,
    Ticket,
    new_id,
)
from secondstep.throttle import OPEN_CHALLENGES

_PLANS = 6  # of 32 logins of one name at once three plans lost up to a fifth, six lost none (DynamoDB Local)

DECOY_ITEM = subscriber_item(
    Subscriber(
        account="decoy",
        login_name="nobody@example.com",
        sub="AAAAAAAAAAAAAAAA",
        role=Role.AGENT,
        status=Status.DISABLED,
        enrollment=Enrollment.BOUND,
        epoch=bytes(8),
        created_at=0,
        password_hash="-" * 97,
        authenticators={
            "AAAAAAAAAAAAAAAA": Authenticator(
                id="AAAAAAAAAAAAAAAA",
                name="Authenticator",
                sealed_secret=bytes(180),
                created_at=0,
                last_step=0,
                last_used_at=0,
            )
        },
        recovery_codes=frozenset(bytes([each]) * 16 for each in range(10)),
    )
)


class Stale(Exception):
    """The write lost: the subscriber is not any more as it was read; `current` is what stands (None: deleted)."""

    def __init__(self, current: Subscriber | None) -> None:
        super().__init__("stale")
        self.current = current


class Ceremonies:
    """Reads and writes of one subscriber's item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, subscriber_hash: str) -> Subscriber | None:
        """Return the subscriber as it is now (consistent read), or None."""
        return _record(self._database.get(subscriber_key(subscriber_hash)))

    def read_claimant(self, identity: Identity, source: str | None) -> tuple[Subscriber | None, int, Schemes]:
        """Return the subscriber, if any, the `tat` of the address' budget, and the account's password schemes.

        One consistent call, of the same keys for every name and account, real or not.
        """
        of_address = [address_budget_key(source)] if source else []
        keys = [subscriber_key(identity.hash), schemes_key(identity.account), *of_address]
        found, schemes, budget = [*self._database.get_many(keys), None][:3]
        if found is None:
            subscriber_record(DECOY_ITEM)  # a miss decodes as much as a hit (promise 9)
        return _record(found), int((budget or {}).get(TAT, 0)), schemes_record(schemes)

    def open_challenge(self, subscriber: Subscriber, challenge: Challenge, now: int) -> None:
        """Put a challenge on the item, evicting dead ones and the oldest; Stale where the epoch has changed.

        A sixth open challenge evicts the oldest. Racing logins evict what each of them read, so a few more than
        five may stand for a moment; the guesses are bounded by the subscriber's budgets all the same. Who meets
        others gives way, longer each time, and plans anew by what stands; Unavailable after six meetings.
        """
        current = subscriber
        for meetings in range(_PLANS):
            if meetings:
                self._database.give_way(meetings)
            try:
                self._database.update(_opening(current, challenge, now))
            except Refused as refused:
                held = _record(refused.item)
                if held and challenge.key in held.challenges:
                    return  # the SDK's repeat of a write that had won
                if held is None or held.epoch != subscriber.epoch or not held.is_active:
                    raise Stale(held) from refused
                current = held
            else:
                return
        raise Unavailable

    def rehash(self, subscriber: Subscriber, password_hash: str) -> Subscriber:
        """Store a hash with today's parameters, unless the password was changed meanwhile; return what stands."""
        write = Write(subscriber_key(subscriber.identity.hash))
        write.require(ITEM_EXISTS, epoch_is(subscriber.epoch))
        write.require(equals((PASSWORD_HASH,), subscriber.password_hash)).set((PASSWORD_HASH,), password_hash)
        try:
            return subscriber_record(self._database.update(write))
        except Refused as refused:
            held = _record(refused.item)
        # In the same epoch only a rehash of this very password can have come first: another login's, or the SDK's.
        is_rehashed = held is not None and (held.sub, held.epoch) == (subscriber.sub, subscriber.epoch)
        return held if held is not None and is_rehashed else subscriber

    def charge_ticket(self, presented: Presented, purposes: frozenset[Purpose], now: int) -> bool:
        """Take a try for a wrong enrollment ticket; False where the challenge had none left to take."""
        mark, charge_id = challenge_path(presented.key, C_CHARGE), new_id()
        write = Write(subscriber_key(presented.subscriber_hash))
        write.require(ITEM_EXISTS, *challenge_is_open(presented.key, purposes, now), differs(mark, charge_id))
        write.add(challenge_path(presented.key, C_TRIES), -1).set(mark, charge_id)
        try:
            self._database.update(write)
        except Refused as refused:
            held = (refused.item or {}).get(CHALLENGES, {}).get(presented.key, {})
            return bool(held.get(C_CHARGE) == charge_id)  # the SDK's repeat of a write that had won
        return True

    def wait_for_proof(
        self,
        subscriber: Subscriber,
        before: Presented,
        purposes: frozenset[Purpose],
        after: Challenge,
        now: int,
    ) -> None:
        """Put a `confirm` challenge with its pending secret in the place of the one presented; Stale if that is gone.

        What is bound stays as it is: the secret waits inside its own challenge (promise 3). The tries are the ones
        that were read, so a try spent meanwhile refuses the write.
        """
        write = Write(subscriber_key(before.subscriber_hash)).require(ITEM_EXISTS, epoch_is(subscriber.epoch))
        write.require(*challenge_is_open(before.key, purposes, now), not_bound())
        write.require(equals(challenge_path(before.key, C_TRIES), after.tries_left))
        write.require(*ticket_is_live(after.pending.ticket_hash if after.pending else None, now))
        write.remove(challenge_path(before.key)).set(challenge_path(after.key), challenge_map(after))
        try:
            self._database.update(write)
        except Refused as refused:
            held = _record(refused.item)
            if held and after.key in held.challenges:
                return  # the SDK's repeat of a write that had won
            raise Stale(held) from refused

    def accept_code(
        self,
        charge: Charge,
        spent: Presented,
        authenticator: Authenticator,
        step: int,
        session: Session,
        event: Event,
        now: int,
    ) -> None:
        """One transaction: burn the step, spend the challenge, return the charge, make the session, record it."""
        write = self.code_burned(charge, authenticator, step, now)
        write.require(*challenge_stands(spent.key, now)).remove(challenge_path(spent.key))
        write.set((LAST_LOGIN_AT,), now)
        self._commit(write, self._created(session), self._recorded(event))

    def code_burned(self, charge: Charge, authenticator: Authenticator, step: int, now: int) -> Write:
        """Return the write that accepts a time step: it must rise (RFC 6238 section 5.2)."""
        last_step = authenticator_path(authenticator.id, A_STEP)
        write = _accepting(charge.subscriber).require(below(last_step, step)).set(last_step, step)
        write.set(authenticator_path(authenticator.id, A_USED), now).set((RUN,), 0)
        return write.remove(*CODES.paths(charge.id))

    def accept_recovery_code(
        self, charge: Charge, spent: Presented, code_hash: bytes, session: Session, event: Event, now: int
    ) -> None:
        """One transaction: remove the code from the set, spend the challenge, make the session, record it."""
        write = self.recovery_code_removed(charge, code_hash)
        write.require(*challenge_stands(spent.key, now)).remove(challenge_path(spent.key))
        write.set((LAST_LOGIN_AT,), now)
        self._commit(write, self._created(session), self._recorded(event))

    def recovery_code_removed(self, charge: Charge, code_hash: bytes) -> Write:
        """Return the write that accepts a recovery code; it leaves the count of wrong codes in a row alone."""
        write = _accepting(charge.subscriber).require(contains((CODE_SET,), code_hash))
        return write.take_from_set((CODE_SET,), code_hash).remove(*RECOVERY_CODES.paths(charge.id))

    def unbound(self, subscriber: Subscriber) -> Write:
        """Return the check that a password was proof enough: nothing is bound, nothing changed since the read."""
        return _accepting(subscriber).require(not_bound())

    def bind(
        self,
        charge: Charge,
        spent: Presented,
        authenticator: Authenticator,
        recovery_codes: frozenset[bytes],
        session: Session,
        event: Event,
        now: int,
    ) -> None:
        """One transaction: bind the first authenticator with its step burned, spend challenge and ticket.

        A new epoch (the session's) ends every other challenge and session, and a password ticket that waits is void:
        it was given where no factor stood beside the password. Only this write leaves `ticketed`.
        """
        challenge = charge.subscriber.challenges[spent.key]
        ticket_hash = challenge.pending.ticket_hash if challenge.pending else None
        write = _accepting(charge.subscriber).require(*challenge_stands(spent.key, now), not_bound())
        write.require(*ticket_is_live(ticket_hash, now))
        write.set((ENROLLMENT,), Enrollment.BOUND.value).set((EPOCH,), session.epoch)
        write.set(authenticator_path(authenticator.id), authenticator_map(authenticator))
        write.set((CODE_SET,), recovery_codes).set((RUN,), 0).set((LAST_LOGIN_AT,), now)
        write.set((CHALLENGES,), {}).remove((ENROLLMENT_TICKET,), (PASSWORD_TICKET,), *CODES.paths(charge.id))
        self._commit(write, self._created(session), self._recorded(event))

    def log_in_without_factor(self, subscriber: Subscriber, session: Session, event: Event, now: int) -> None:
        """One transaction: the session of a login whose policy asks for no second factor, and its record."""
        write = _accepting(subscriber).require(equals((ENROLLMENT,), Enrollment.OPEN.value))
        write.set((LAST_LOGIN_AT,), now)
        self._commit(write, self._created(session), self._recorded(event))

    def give_password_ticket(self, subscriber: Subscriber, ticket: Ticket) -> None:
        """Put a password ticket on the item of who has just proven the password, and has no factor to prove besides.

        One write, of the same value however often the SDK repeats it. It takes the place of a ticket that waits.
        """
        write = _accepting(subscriber).require(equals((ENROLLMENT,), Enrollment.OPEN.value))
        try:
            self._database.update(write.set((PASSWORD_TICKET,), ticket_map(ticket)))
        except Refused as refused:
            raise Stale(_record(refused.item)) from refused

    def record_wrong_code(self, spent: Presented, ahead: Ahead | None, *events: Event) -> None:
        """Append the events of a wrong code, together with the future step that it belongs to, if any."""
        if ahead is None:
            return self.record(*events)
        write = Write(subscriber_key(spent.subscriber_hash)).require(exists(*challenge_path(spent.key)))
        write.set(challenge_path(spent.key, C_AHEAD), ahead_map(ahead))
        try:
            self._database.commit(self._database.changed(write), *(self._recorded(each) for each in events))
        except Refused:
            self.record(*events)
        return None

    def set_password(self, subscriber: Subscriber, password_hash: str, epoch: bytes, event: Event, now: int) -> None:
        """One transaction: redeem the password ticket for a new password, end every session and challenge."""
        ticket = subscriber.password_ticket
        write = Write(subscriber_key(subscriber.identity.hash)).require(ITEM_EXISTS, epoch_is(subscriber.epoch))
        write.require(differs((STATUS,), Status.DISABLED.value))
        write.require(equals((PASSWORD_TICKET, T_HASH), ticket.hash if ticket else b""))
        write.require(above((PASSWORD_TICKET, T_EXPIRES), now))
        write.set((PASSWORD_HASH,), password_hash).set((STATUS,), Status.ACTIVE.value)
        write.set((EPOCH,), epoch).set((CHALLENGES,), {}).remove((PASSWORD_TICKET,))
        self._commit(write, self._recorded(event))

    def record(self, *events: Event) -> None:
        """Append audit events, all or none; the reply leaves after the record (promise 7)."""
        if len(events) == 1:
            self._database.append(NewItem(event_item(events[0])))
        else:
            self._database.commit(*(self._recorded(each) for each in events))

    def _commit(self, write: Write, *parts: Part) -> None:
        try:
            self._database.commit(self._database.changed(write), *parts)
        except Refused as refused:
            raise Stale(_record(refused.item) if refused.part == 0 else None) from refused

    def _created(self, session: Session) -> Part:
        return self._database.created(NewItem(session_item(session)))

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def not_bound() -> Clause:
    """No authenticator is bound: a first binding never replaces one."""
    return differs((ENROLLMENT,), Enrollment.BOUND.value)


def _accepting(subscriber: Subscriber) -> Write:
    write = Write(subscriber_key(subscriber.identity.hash))
    return write.require(ITEM_EXISTS, epoch_is(subscriber.epoch), IS_ACTIVE)


def ticket_is_live(ticket_hash: bytes | None, now: int) -> list[Clause]:
    """The enrollment ticket that was shown still opens the door; without one the door must be `open`."""
    if ticket_hash is None:
        return [equals((ENROLLMENT,), Enrollment.OPEN.value)]
    return [
        equals((ENROLLMENT_TICKET, T_HASH), ticket_hash),
        above((ENROLLMENT_TICKET, T_EXPIRES), now),
    ]


def _opening(current: Subscriber, challenge: Challenge, now: int) -> Write:
    """Return the write that opens a challenge; what it evicts it names, it never rewrites the map."""
    dead = [each.key for each in current.challenges.values() if _is_dead(each, current.epoch, now)]
    alive = sorted((each for each in current.challenges.values() if each.key not in dead), key=lambda c: c.opened_at)
    evicted = [*dead, *(each.key for each in alive[: max(0, len(alive) - OPEN_CHALLENGES + 1)])]
    write = Write(subscriber_key(current.identity.hash))
    write.require(ITEM_EXISTS, epoch_is(current.epoch), IS_ACTIVE)
    write.require(equals((ENROLLMENT,), current.enrollment.value))
    write.require(fewer_than((CHALLENGES,), OPEN_CHALLENGES + len(evicted)))
    write.set(challenge_path(challenge.key), challenge_map(challenge))
    return write.remove(*(challenge_path(key) for key in evicted))


def _is_dead(challenge: Challenge, epoch: bytes, now: int) -> bool:
    return challenge.epoch != epoch or now >= challenge.expires_at or challenge.tries_left <= 0


def _record(item: Item | None) -> Subscriber | None:
    return subscriber_record(item) if item else None
