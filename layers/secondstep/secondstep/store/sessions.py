"""Sessions: read live beside their subscriber, rotated, stepped up, ended; each change is one transaction.

A session lives while its epoch and `sub` equal the subscriber's, so a reset ends all of them by one write elsewhere;
every change here checks that in its own transaction (promise 4).
"""

from typing import NamedTuple

from secondstep.audit import Event
from secondstep.errors import InvalidToken, Unavailable
from secondstep.session import REPEAT_SECONDS, Carrier, Session, Standing
from secondstep.store.conditions import IS_ADMIN, alive, epoch_is
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import NewItem, Query, Write, above, begins_with, below, both, differs, equals, exists
from secondstep.store.layout import (
    S_AMR,
    S_AUTH_TIME,
    S_CHARGE,
    S_CURRENT,
    S_EXPIRES,
    S_FAILURES,
    S_PREVIOUS,
    S_ROTATED_AT,
    S_ROTATIONS,
    S_USED,
    SESSION_PREFIX,
    event_item,
    session_key,
    session_record,
    subscriber_key,
    subscriber_record,
)
from secondstep.subscriber import Subscriber, new_id
from secondstep.throttle import STEP_UP_FAILURES

_RACES = 3


class Found(NamedTuple):
    """What one consistent read found: a session, its subscriber, and a third subscriber where one was asked for."""

    session: Session | None
    subscriber: Subscriber | None
    subject: Subscriber | None = None


class SessionStale(Exception):
    """The session is not any more as it was read; `current` is what stands (None: ended, or its subscriber changed)."""

    def __init__(self, current: Session | None) -> None:
        super().__init__("session stale")
        self.current = current


class Sessions:
    """Reads and writes of session items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, subscriber_hash: str, sid: str, *, subject_hash: str | None = None) -> Found:
        """Return session and subscriber, and for an admin route the subject, in one consistent call."""
        keys = [session_key(subscriber_hash, sid), subscriber_key(subscriber_hash)]
        if subject_hash and subject_hash != subscriber_hash:  # one call may not name a key twice
            keys.append(subscriber_key(subject_hash))
        session, *people = self._database.get_many(keys)
        records = [subscriber_record(item) if item else None for item in people]
        subject = records[-1] if subject_hash else None
        return Found(session_record(session) if session else None, records[0], subject)

    def of(self, subscriber_hash: str) -> list[Session]:
        """Return all that is stored of a subscriber's sessions, ended ones too (consistent; TTL keeps them few)."""
        pk = equals(("pk",), subscriber_key(subscriber_hash)["pk"])
        key = both(pk, begins_with(("sk",), SESSION_PREFIX))
        query, found = Query(self._database.state, key, limit=200, consistent=True), list[Session]()
        while True:
            items, last = self._database.page(query)
            found += [session_record(item) for item in items]
            if last is None:
                return found
            query = query._replace(after=last)

    def find(self, subscriber_hash: str, sid: str) -> Session | None:
        """Return one session as it is now (consistent read), or None."""
        item = self._database.get(session_key(subscriber_hash, sid))
        return session_record(item) if item else None

    def note_use(self, session: Session, now: int) -> None:
        """Write when a session was used; one that has ended or changed meanwhile is left alone."""
        write = Write(session_key(session.subscriber_hash, session.sid)).require(epoch_is(session.epoch))
        try:
            self._database.update(write.set((S_USED,), now))
        except Refused:
            return

    def rotate(self, session: Session, *, successor_hash: bytes, now: int) -> None:
        """One transaction: the successor takes the place of the current refresh token, if nobody else rotated it."""
        write = self._continuing(session, now).require(equals((S_CURRENT,), session.current_hash))
        write.set((S_PREVIOUS,), session.current_hash).set((S_CURRENT,), successor_hash)
        write.set((S_ROTATED_AT,), now).add((S_ROTATIONS,), 1)
        self._commit(write, session)

    def repeat(self, session: Session, *, presented_hash: bytes, now: int) -> None:
        """One transaction: the token before the current one is shown again within ten seconds; nothing rotates."""
        write = self._continuing(session, now).require(equals((S_PREVIOUS,), presented_hash))
        write.require(above((S_ROTATED_AT,), now - REPEAT_SECONDS - 1))
        self._commit(write, session)

    def end(self, session: Session, *events: Event) -> None:
        """One transaction: remove the session and record why; one that has ended already is no error.

        One that was stamped with a new epoch meanwhile (its owner has just changed the password in it) ends as well.
        """
        current: Session | None = session
        for _ in range(_RACES):
            if current is None:
                return
            gone = Write(session_key(session.subscriber_hash, session.sid)).require(epoch_is(current.epoch))
            try:
                self._database.commit(self._database.removed(gone), *(self._recorded(each) for each in events))
            except Refused as refused:
                if refused.part > 0:  # the record was refused, so the session was not ended
                    raise Unavailable from refused
                current = session_record(refused.item) if refused.item else None
            else:
                return
        raise Unavailable

    def charge_step_up(self, session: Session, now: int) -> Session:
        """Pay for one step-up attempt of this session; InvalidToken after five wrong ones in a row.

        A refusal that shows this charge's own id is the SDK's repeat of a write that had won.
        """
        charge_id = new_id()
        write = Write(session_key(session.subscriber_hash, session.sid))
        write.require(epoch_is(session.epoch), above((S_EXPIRES,), now), below((S_FAILURES,), STEP_UP_FAILURES))
        write.require(differs((S_CHARGE,), charge_id)).set((S_CHARGE,), charge_id)
        try:
            return session_record(self._database.update(write.add((S_FAILURES,), 1)))
        except Refused as refused:
            if refused.item and refused.item.get(S_CHARGE) == charge_id:
                return session_record(refused.item)
            raise InvalidToken from refused

    def give_back_step_up(self, session: Session) -> None:
        """Take back what an attempt has paid that turned out to be right; nothing where the session has ended."""
        write = Write(session_key(session.subscriber_hash, session.sid)).require(epoch_is(session.epoch))
        write.require(above((S_FAILURES,), 0), exists(S_CHARGE)).add((S_FAILURES,), -1).remove((S_CHARGE,))
        try:
            self._database.update(write)
        except Refused:
            return

    def accept_step_up(self, session: Session, accepting: Write, amr: tuple[str, ...], event: Event, now: int) -> None:
        """One transaction: what proves the factor, the session's failures cleared, and the record.

        A browser's session is proven anew itself: it has no token that could say so.
        """
        cleared = self._continuing(session, now).set((S_FAILURES,), 0)
        if session.carrier is Carrier.BROWSER:
            cleared.set((S_AUTH_TIME,), now).set((S_AMR,), list(amr))
        try:
            self._database.commit(
                self._database.changed(accepting), self._database.changed(cleared), self._recorded(event)
            )
        except Refused as refused:
            raise SessionStale(None) from refused

    def still_admin(self, actor: Standing) -> list[Part]:
        """Return the checks on an actor: an active admin with this epoch, and a session that was not ended."""
        not_ended = Write(session_key(actor.subscriber_hash, actor.sid)).require(epoch_is(actor.epoch))
        return [
            self._database.checked(_still_alive(actor).require(IS_ADMIN)),
            self._database.checked(not_ended),
        ]

    def _continuing(self, session: Session, now: int) -> Write:
        write = Write(session_key(session.subscriber_hash, session.sid))
        return write.require(epoch_is(session.epoch), above((S_EXPIRES,), now)).set((S_USED,), now)

    def _commit(self, write: Write, session: Session) -> None:
        alive_part = self._database.checked(_still_alive(session.standing))
        try:
            self._database.commit(self._database.changed(write), alive_part)
        except Refused as refused:
            lost = refused.part == 0 and refused.item
            raise SessionStale(session_record(refused.item) if lost and refused.item else None) from refused

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def _still_alive(standing: Standing) -> Write:
    """Return the check that a session's subscriber is active, the same person, in the same epoch."""
    return Write(subscriber_key(standing.subscriber_hash)).require(*alive(sub=standing.sub, epoch=standing.epoch))
