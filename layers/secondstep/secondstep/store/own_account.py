"""What a subscriber changes about its own account, in the name of a living session.

Each is one transaction of the change, its audit event and the session: one that was ended meanwhile changes nothing
any more. Where the change makes a new epoch, every other session and challenge dies with the old one, and the session
it was made in is stamped with the new one in the same transaction (promise 4).
"""

from secondstep.audit import Event
from secondstep.challenge import Presented
from secondstep.session import Session
from secondstep.store.ceremonies import Stale, not_bound, ticket_is_live
from secondstep.store.charges import CODES, Charge
from secondstep.store.conditions import alive, challenge_stands, epoch_is
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import NewItem, Write, above, equals, exists, fewer_than
from secondstep.store.layout import (
    A_NAME,
    AUTHENTICATORS,
    CHALLENGES,
    ENROLLMENT,
    ENROLLMENT_TICKET,
    EPOCH,
    PASSWORD_HASH,
    PASSWORD_TICKET,
    RUN,
    S_EXPIRES,
    authenticator_map,
    authenticator_path,
    challenge_path,
    event_item,
    session_key,
    subscriber_key,
    subscriber_record,
)
from secondstep.store.layout import (
    RECOVERY_CODES as CODE_SET,
)
from secondstep.store.profile import write_profile
from secondstep.subscriber import Authenticator, Enrollment, Subscriber


class OwnAccount:
    """Writes of a subscriber on itself; Stale where session or subscriber are not any more as they were read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change_profile(self, session: Session, before: Subscriber, after: Subscriber, event: Event, now: int) -> None:
        """One transaction: the contact data that differs in `after`, over what was read."""
        self._commit(write_profile(_by(session), before, after), _still_there(session, now), event)

    def rename(self, session: Session, authenticator_id: str, name: str, event: Event, now: int) -> None:
        """One transaction: another name for a bound authenticator."""
        write = _by(session).require(exists(*authenticator_path(authenticator_id)))
        self._commit(write.set(authenticator_path(authenticator_id, A_NAME), name), _still_there(session, now), event)

    def add(
        self,
        session: Session,
        charge: Charge,
        spent: Presented,
        authenticator: Authenticator,
        most: int,
        event: Event,
        now: int,
    ) -> None:
        """One transaction: a further authenticator with its step burned, the challenge spent, the charge returned.

        The epoch stays: whatever was bound, logged in or begun before goes on. Of the count in a row only this code's
        own one is taken back: it says nothing about the authenticators that were bound before.
        """
        write = _by(session).require(*challenge_stands(spent.key, now), fewer_than((AUTHENTICATORS,), most))
        write.require(equals((ENROLLMENT,), Enrollment.BOUND.value))
        write.set(authenticator_path(authenticator.id), authenticator_map(authenticator))
        write.add((RUN,), -1).remove(challenge_path(spent.key), *CODES.paths(charge.id))
        self._commit(write, _still_there(session, now), event)

    def add_first(
        self,
        session: Session,
        charge: Charge,
        spent: Presented,
        authenticator: Authenticator,
        epoch: bytes,
        event: Event,
        now: int,
    ) -> None:
        """One transaction: the first binding, from within a session; ticket and challenge spent, a new epoch."""
        pending = charge.subscriber.challenges[spent.key].pending
        write = _by(session).require(*challenge_stands(spent.key, now), not_bound())
        write.require(*ticket_is_live(pending.ticket_hash if pending else None, now))
        write.set((ENROLLMENT,), Enrollment.BOUND.value).set((EPOCH,), epoch).set((RUN,), 0).set((CHALLENGES,), {})
        write.set(authenticator_path(authenticator.id), authenticator_map(authenticator))
        write.remove((ENROLLMENT_TICKET,), (PASSWORD_TICKET,), *CODES.paths(charge.id))
        self._commit(write, _stamped(session, epoch, now), event)

    def remove(self, session: Session, authenticator_id: str, epoch: bytes, event: Event, now: int) -> None:
        """One transaction: one of several authenticators is gone; a new epoch.

        That another one stays needs no clause: every removal changes the epoch that this one was read in.
        """
        write = _by(session).require(exists(*authenticator_path(authenticator_id)))
        write.remove(authenticator_path(authenticator_id)).set((EPOCH,), epoch).set((CHALLENGES,), {})
        self._commit(write, _stamped(session, epoch, now), event)

    def remove_last(
        self,
        session: Session,
        authenticator_id: str,
        enrollment: Enrollment,
        epoch: bytes,
        event: Event,
        now: int,
    ) -> None:
        """One transaction: the last authenticator is gone, and with it the recovery codes and the count in a row.

        A new epoch. The windows stay: they slide by themselves.
        """
        write = _by(session).require(exists(*authenticator_path(authenticator_id)), fewer_than((AUTHENTICATORS,), 2))
        write.remove(authenticator_path(authenticator_id), (CODE_SET,))
        write.set((ENROLLMENT,), enrollment.value).set((EPOCH,), epoch).set((CHALLENGES,), {}).set((RUN,), 0)
        self._commit(write, _stamped(session, epoch, now), event)

    def renew_recovery_codes(self, session: Session, hashes: frozenset[bytes], event: Event, now: int) -> None:
        """One transaction: a new set in the place of the old one, for who has an authenticator bound."""
        write = _by(session).require(equals((ENROLLMENT,), Enrollment.BOUND.value)).set((CODE_SET,), hashes)
        self._commit(write, _still_there(session, now), event)

    def change_password(self, session: Session, password_hash: str, epoch: bytes, event: Event, now: int) -> None:
        """One transaction: a new password and epoch; a password ticket that still waits is void with the old one."""
        write = _by(session).set((PASSWORD_HASH,), password_hash).set((EPOCH,), epoch).set((CHALLENGES,), {})
        self._commit(write.remove((PASSWORD_TICKET,)), _stamped(session, epoch, now), event)

    def end_session(self, session: Session, ended: Session, event: Event, now: int) -> bool:
        """One transaction: another session of the same subscriber is removed; False where it is gone already."""
        gone = Write(session_key(ended.subscriber_hash, ended.sid)).require(epoch_is(ended.epoch))
        parts = [self._database.removed(gone), self._database.checked(_by(session))]
        try:
            self._database.commit(*parts, self._database.changed(_still_there(session, now)), self._recorded(event))
        except Refused as refused:
            if refused.part == 0:
                return False
            raise Stale(None) from refused
        return True

    def _commit(self, write: Write, of_session: Write, event: Event) -> None:
        parts = [self._database.changed(write), self._database.changed(of_session), self._recorded(event)]
        try:
            self._database.commit(*parts)
        except Refused as refused:
            held = subscriber_record(refused.item) if refused.part == 0 and refused.item else None
            raise Stale(held) from refused

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def _by(session: Session) -> Write:
    """Return a write on the subscriber of a session: the same person, active, in the session's epoch."""
    return Write(subscriber_key(session.subscriber_hash)).require(*alive(sub=session.sub, epoch=session.epoch))


def _still_there(session: Session, now: int) -> Write:
    """Return the check that the session was not ended."""
    return Write(session_key(session.subscriber_hash, session.sid)).require(
        epoch_is(session.epoch), above((S_EXPIRES,), now)
    )


def _stamped(session: Session, epoch: bytes, now: int) -> Write:
    """Return the write by which this session outlives the change of epoch that it causes."""
    return _still_there(session, now).set((EPOCH,), epoch)
