"""The sealed signing keys. Only the rotation function's role may write them."""

import msgspec

from secondstep.audit import Event
from secondstep.aws import Item
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import Clause, NewItem, Write, absent, equals, exists
from secondstep.store.layout import SIGNING_KEYS, event_item, signing_key_key


class SealedSigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """An RSA key pair: the private half sealed by KMS, the public half as a JWK; times in epoch seconds."""

    kid: str
    sealed_private_key: bytes
    public_jwk: dict[str, str]
    made_at: int
    signs_from: int
    retires_at: int | None = None

    def is_retired(self, now: int) -> bool:
        """Tell whether it neither signs nor verifies any more."""
        return self.retires_at is not None and now >= self.retires_at


class SigningKeys:
    """Reads and writes of the signing keys' partition."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> list[SealedSigningKey]:
        """Return all keys, the one that signs latest first."""
        keys = [_record(item) for item in self._database.partition(SIGNING_KEYS)]
        return sorted(keys, key=lambda key: (key.signs_from, key.made_at, key.kid), reverse=True)

    def rotate(self, new: SealedSigningKey, *, retiring: dict[str, int], retired: list[str], event: Event) -> bool:
        """One transaction: add a key, give its predecessors their end, remove the ones past it, record it.

        False where another rotation came first: then nothing was written.
        """
        parts = [self._database.created(NewItem(_item(new)))]
        for kid, retires_at in retiring.items():
            # A key that was retired meanwhile, because somebody may know it, never gets a later end again.
            has_no_end_yet = absent("retires_at")
            ending = Write(signing_key_key(kid)).require(exists("pk"), has_no_end_yet)
            parts.append(self._database.changed(ending.set(("retires_at",), retires_at)))
        gone = [Write(signing_key_key(kid)).require(exists("pk")) for kid in retired]
        parts.extend(self._database.removed(each) for each in gone)
        return self._is_committed(*parts, event=event)

    def retire(
        self,
        leaving: SealedSigningKey,
        *,
        at: int,
        made: SealedSigningKey | None,
        changed: tuple[SealedSigningKey, SealedSigningKey] | None,
        event: Event,
    ) -> bool:
        """One transaction: end a key now, make or change the one that signs in its place (was, shall be), record it.

        False where one of them is not as it was read any more: then nothing was written.
        """
        parts = [self._database.changed(_unchanged(leaving).set(("retires_at",), at))]
        if made:
            parts.append(self._database.created(NewItem(_item(made))))
        if changed:
            was, shall_be = changed
            write = _unchanged(was).set(("signs_from",), shall_be.signs_from)
            parts.append(self._database.changed(write.set_or_remove(("retires_at",), shall_be.retires_at)))
        return self._is_committed(*parts, event=event)

    def _is_committed(self, *parts: Part, event: Event) -> bool:
        try:
            self._database.commit(*parts, self._database.recorded(NewItem(event_item(event))))
        except Refused:
            return False  # another rotation has changed the same keys at this moment
        return True


def _unchanged(key: SealedSigningKey) -> Write:
    """Return a write of a key, on condition that its times are as they were read."""
    has_its_end: Clause = absent("retires_at") if key.retires_at is None else equals(("retires_at",), key.retires_at)
    return Write(signing_key_key(key.kid)).require(exists("pk"), equals(("signs_from",), key.signs_from), has_its_end)


def _item(key: SealedSigningKey) -> Item:
    return signing_key_key(key.kid) | {
        "sealed": key.sealed_private_key,
        "jwk": key.public_jwk,
        "made_at": key.made_at,
        "signs_from": key.signs_from,
        "retires_at": key.retires_at,
    }


def _record(item: Item) -> SealedSigningKey:
    return SealedSigningKey(
        kid=item["sk"],
        sealed_private_key=item["sealed"],
        public_jwk=item["jwk"],
        made_at=item["made_at"],
        signs_from=item["signs_from"],
        retires_at=item.get("retires_at"),
    )
