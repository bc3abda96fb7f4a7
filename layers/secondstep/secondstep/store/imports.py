"""What an operator moves into an account, or out of it: whole subscribers, made once, never changed.

Beside them an import leaves the account's password schemes (so that an unknown name costs what a real one does) and
one note for each TOTP seed (so that no seed is ever bound to two people).
"""

import hmac
import secrets
from typing import Any, NamedTuple

from secondstep.audit import Event
from secondstep.authenticators.password import Schemes
from secondstep.authenticators.totp import Secret
from secondstep.aws import Item
from secondstep.errors import Unavailable
from secondstep.store.administration import AlreadyExists
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import NewItem, Write, equals
from secondstep.store.layout import (
    CREATED_AT,
    SCHEMES_FOREIGN,
    SEED_AUTHENTICATOR,
    SEED_OF,
    account_key,
    event_item,
    schemes_item,
    schemes_key,
    schemes_record,
    seed_key,
    subscriber_item,
    subscriber_key,
    subscriber_record,
)
from secondstep.subscriber import Subscriber

_REPLANS = 20  # more than there are imports at once


class SeedTaken(Exception):
    """A seed of the subscriber has been imported into this account before, for somebody who still holds it."""


class SeedNote(NamedTuple):
    """A seed's fingerprint, and the authenticator that it was sealed for."""

    fingerprint: str
    authenticator_id: str


class Imports:
    """Reads and writes of the operator's import and export."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exists(self, account: str) -> bool:
        """Tell whether there is an account of this id."""
        return self._database.get(account_key(account)) is not None

    def create_account(self, account: str, policy: dict[str, Any], event: Event, now: int) -> None:
        """One transaction: an account with its policy, without anybody in it; AlreadyExists where there is one."""
        item = account_key(account) | {"policy": policy, "version": 1, CREATED_AT: now}
        try:
            self._database.commit(self._database.created(NewItem(item)), self._recorded(event))
        except Refused as refused:
            raise AlreadyExists(None) from refused

    def schemes(self, account: str) -> Schemes:
        """Return the account's password schemes, as they stand; without a secret before the first import."""
        return schemes_record(self._database.get(schemes_key(account)))

    def announce(self, account: str, foreign: frozenset[str]) -> Schemes:
        """Add schemes to the account's before the first subscriber has one; return what stands then.

        The secret is made by the first import and never changed. Atomic against other imports.
        """
        for _ in range(_REPLANS):
            held = self.schemes(account)
            wanted = Schemes(held.key or secrets.token_bytes(32), held.foreign | foreign)
            if wanted == held or self._announced(account, held, wanted):
                return wanted
        raise Unavailable

    def keep_only(self, account: str, present: frozenset[str]) -> bool:
        """Forget the schemes that nobody has any more; False where an import announced another one meanwhile."""
        held = self.schemes(account)
        wanted = Schemes(held.key, held.foreign & present)
        return wanted == held or self._announced(account, held, wanted)

    def _announced(self, account: str, held: Schemes, wanted: Schemes) -> bool:
        """Write the schemes, unless somebody else did meanwhile."""
        try:
            if held.key:
                write = Write(schemes_key(account))
                write.require(equals((SCHEMES_FOREIGN,), sorted(held.foreign)))
                self._database.update(write.set((SCHEMES_FOREIGN,), sorted(wanted.foreign)))
            else:
                self._database.commit(self._database.created(NewItem(schemes_item(account, wanted))))
        except Refused:
            return False
        return True

    def is_taken(self, account: str, fingerprint: str) -> bool:
        """Tell whether a seed belongs to somebody of the account who was imported with it and still holds it."""
        return self._holder(self._database.get(seed_key(account, fingerprint)))

    def create(self, subscriber: Subscriber, seeds: list[SeedNote], event: Event) -> None:
        """One transaction: the subscriber, the notes of its seeds and the audit event; all or nothing.

        AlreadyExists where the name does, SeedTaken where a seed is somebody's. A note whose holder is gone, or has
        another authenticator now, is taken over.
        """
        notes = [self._new_note(subscriber, each) for each in seeds]
        for _ in range(_REPLANS):
            made = self._database.created(NewItem(subscriber_item(subscriber)))
            try:
                self._database.commit(made, self._recorded(event), *notes)
            except Refused as refused:
                if refused.part < 2:
                    raise AlreadyExists(subscriber_record(refused.item) if refused.item else None) from refused
                if self._holder(refused.item):
                    raise SeedTaken from refused
                place = refused.part - 2
                notes[place] = self._note_taken_over(subscriber, seeds[place], refused.item or {})
            else:
                return
        raise Unavailable

    def _new_note(self, subscriber: Subscriber, seed: SeedNote) -> Part:
        item = seed_key(subscriber.account, seed.fingerprint) | {
            SEED_OF: subscriber.identity.hash,
            SEED_AUTHENTICATOR: seed.authenticator_id,
        }
        return self._database.created(NewItem(item))

    def _note_taken_over(self, subscriber: Subscriber, seed: SeedNote, held: Item) -> Part:
        write = Write(seed_key(subscriber.account, seed.fingerprint))
        write.require(equals((SEED_OF,), held.get(SEED_OF, "")))
        write.require(equals((SEED_AUTHENTICATOR,), held.get(SEED_AUTHENTICATOR, "")))
        write.set((SEED_OF,), subscriber.identity.hash).set((SEED_AUTHENTICATOR,), seed.authenticator_id)
        return self._database.changed(write)

    def _holder(self, note: Item | None) -> bool:
        """Tell whether a note's subscriber still has the authenticator that the seed was sealed for."""
        if note is None:
            return False
        item = self._database.get(subscriber_key(note[SEED_OF]))
        return item is not None and note[SEED_AUTHENTICATOR] in subscriber_record(item).authenticators

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def fingerprint(secret: Secret, schemes: Schemes) -> str:
    """Return what a seed is known by in an account: an HMAC under the account's own secret, 128 bits."""
    return hmac.digest(schemes.key, b"seed\n" + secret.raw, "sha256")[:16].hex()
