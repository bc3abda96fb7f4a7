"""Rotate the signing keys: a new key is published a day before it signs, the old one until its tokens have expired."""

from secondstep.audit import signing_key_rotated
from secondstep.context import RequestContext
from secondstep.keys import ANNOUNCED_SECONDS, Rotation, retires_at
from secondstep.store import Store
from secondstep.store.signing_keys import SealedSigningKey


def rotate(*, store: Store, rotation: Rotation, context: RequestContext) -> str:
    """Make the next signing key and return its `kid`; the very first one signs at once.

    One read, one Encrypt, one transaction: the new key, its predecessors' ends, and the audit event. Where a next
    key is waiting already, nothing is made: a repeated schedule or deployment event does no harm.
    """
    keys = store.signing_keys.read()
    waiting = [key for key in keys if key.signs_from > context.now]
    if waiting:
        return waiting[0].kid
    signs_from = context.now + ANNOUNCED_SECONDS if keys else context.now
    return _make(keys, signs_from, store, rotation, context)


def ensure_first(*, store: Store, rotation: Rotation, context: RequestContext) -> str:
    """Make a signing key if there is none (the deployment's first), and return the one that signs."""
    keys = store.signing_keys.read()
    return keys[0].kid if keys else _make(keys, context.now, store, rotation, context)


def _make(
    keys: list[SealedSigningKey], signs_from: int, store: Store, rotation: Rotation, context: RequestContext
) -> str:
    new = rotation.make(made_at=context.now, signs_from=signs_from)
    retired = [key.kid for key in keys if key.retires_at is not None and key.retires_at <= context.now]
    ending = {key.kid: retires_at(signs_from) for key in keys if key.retires_at is None}
    event = signing_key_rotated(new.kid, context)
    if store.signing_keys.rotate(new, retiring=ending, retired=retired, event=event):
        return new.kid
    return store.signing_keys.read()[0].kid
