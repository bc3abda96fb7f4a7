"""Rotate the signing keys: a new key is published a day before it signs, the old one until its tokens have expired.

In an emergency, when a private key may be known to somebody else, a key is retired: from then on it is not published,
verifies nothing and signs nothing, and another one signs at once.
"""

from collections.abc import Sequence

import msgspec

from secondstep.audit import Operator, signing_key_rotated
from secondstep.context import RequestContext
from secondstep.errors import Conflict, NotFound
from secondstep.keys import ANNOUNCED_SECONDS, Rotation, retires_at
from secondstep.store import Store
from secondstep.store.signing_keys import SealedSigningKey

_ATTEMPTS = 3  # of a retirement that meets another change of the same keys

type Keys = Sequence[SealedSigningKey]


def rotate(
    *, store: Store, rotation: Rotation, context: RequestContext, actor: Operator | None = None
) -> SealedSigningKey:
    """Make the next signing key and return it; it signs at once where none else can.

    One read, one Encrypt, one transaction: the new key, its predecessors' ends, and the audit event. Where a next
    key is waiting already, nothing is made: a repeated schedule or deployment event does no harm.
    """
    keys = store.signing_keys.read()
    if waiting := _waiting(keys, context.now):
        return waiting
    is_first = _signer(keys, context.now) is None
    signs_from = context.now if is_first else context.now + ANNOUNCED_SECONDS
    new = rotation.make(made_at=context.now, signs_from=signs_from)
    is_made = store.signing_keys.rotate(
        new,
        retiring={key.kid: retires_at(signs_from) for key in keys if key.retires_at is None},
        retired=[key.kid for key in keys if key.is_retired(context.now)],
        event=signing_key_rotated(new.kid, context, actor=actor),
    )
    return new if is_made else _newest(store.signing_keys.read(), context.now)


def ensure_first(*, store: Store, rotation: Rotation, context: RequestContext) -> SealedSigningKey:
    """Make a signing key if there is none (the deployment's first), and return the one that signs."""
    signer = _signer(store.signing_keys.read(), context.now)
    return signer or rotate(store=store, rotation=rotation, context=context)


def retire(
    kid: str, *, store: Store, rotation: Rotation, context: RequestContext, actor: Operator | None = None
) -> SealedSigningKey:
    """End a key now, and return the one that signs from now on.

    Whoever reads the keys from here on refuses its tokens; environments that hold it in memory have to be made
    anew (docs/operations.md). One transaction: its end, its successor, the audit event. A key that is retired
    already stays as it is (a lost reply, asked again). NotFound: there is no such key.
    """
    for _ in range(_ATTEMPTS):
        keys = store.signing_keys.read()
        leaving = next((key for key in keys if key.kid == kid), None)
        if leaving is None:
            raise NotFound("There is no such signing key.")
        if leaving.is_retired(context.now):
            return _signer(keys, context.now) or _newest(keys, context.now)
        was, shall_be = _successor(keys, leaving, rotation, context)
        is_retired = store.signing_keys.retire(
            leaving,
            at=context.now,
            made=shall_be if was is None else None,
            changed=(was, shall_be) if was not in (None, shall_be) else None,
            event=signing_key_rotated(shall_be.kid, context, retired=kid, actor=actor),
        )
        if is_retired:
            return shall_be
    raise Conflict("Another rotation is under way. Try again.")


def _successor(
    keys: Keys, leaving: SealedSigningKey, rotation: Rotation, context: RequestContext
) -> tuple[SealedSigningKey | None, SealedSigningKey]:
    """Return the key that signs once another one has left: as it is (None: it is new), and as it shall be.

    The next key, where one is waiting, is known to the relying parties already, so it is better than a new one.
    """
    signer, waiting = _signer(keys, context.now), _waiting(keys, context.now)
    if signer and leaving not in (signer, waiting):
        return signer, signer
    if signer is leaving and waiting:
        return waiting, msgspec.structs.replace(waiting, signs_from=context.now)
    if signer and signer is not leaving:  # what was to follow it is gone: it goes on until it has a successor
        return signer, msgspec.structs.replace(signer, retires_at=None)
    return None, rotation.make(made_at=context.now, signs_from=context.now)


def _signer(keys: Keys, now: int) -> SealedSigningKey | None:
    """Return the key that signs: the latest whose time has come and not gone."""
    return next((key for key in keys if key.signs_from <= now and not key.is_retired(now)), None)


def _waiting(keys: Keys, now: int) -> SealedSigningKey | None:
    """Return the key that is published and does not sign yet."""
    return next((key for key in keys if key.signs_from > now and not key.is_retired(now)), None)


def _newest(keys: Keys, now: int) -> SealedSigningKey:
    """Return the key that signs last of those that may sign; another rotation has just made sure that there is one."""
    return _waiting(keys, now) or _signer(keys, now) or keys[0]
