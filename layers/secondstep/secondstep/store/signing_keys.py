"""The sealed signing keys. Only the rotation function's role may write them."""

import msgspec

from secondstep.audit import Event
from secondstep.aws import Item
from secondstep.store.database import Database, Refused
from secondstep.store.expression import NewItem, Write, exists
from secondstep.store.layout import SIGNING_KEYS, event_item, signing_key_key


class SealedSigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """An RSA key pair: the private half sealed by KMS, the public half as a JWK; times in epoch seconds."""

    kid: str
    sealed_private_key: bytes
    public_jwk: dict[str, str]
    made_at: int
    signs_from: int
    retires_at: int | None = None


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
            ending = Write(signing_key_key(kid)).require(exists("pk")).set(("retires_at",), retires_at)
            parts.append(self._database.changed(ending))
        gone = [Write(signing_key_key(kid)).require(exists("pk")) for kid in retired]
        parts.extend(self._database.removed(each) for each in gone)
        try:
            self._database.commit(*parts, self._database.recorded(NewItem(event_item(event))))
        except Refused:
            return False  # another rotation has changed the same keys at this moment; its new key serves as well
        return True


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
