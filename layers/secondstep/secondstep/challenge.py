"""The challenge token: what a claimant holds between the first and the second factor.

`<subscriber hash>.<32 random bytes>`: the first half finds the item, the second is stored only as its hash. It is
opaque and random, never a signed token, so no other kind of token can be taken for one (RFC 8725 section 3.12).
"""

import base64
import hashlib
import re
import secrets

import msgspec

from secondstep.errors import ChallengeInvalid
from secondstep.subscriber import Challenge, Pending, Purpose
from secondstep.throttle import TRIES_PER_CHALLENGE

LIFETIME_SECONDS = {Purpose.VERIFY: 300, Purpose.ENROLL: 900, Purpose.CONFIRM: 900, Purpose.ADD: 900}

_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


class Presented(msgspec.Struct, frozen=True):
    """A challenge token as it was presented: whose item, and under which key the challenge lies there."""

    subscriber_hash: str
    key: str


def open_challenge(
    subscriber_hash: str, purpose: Purpose, *, epoch: bytes, now: int, pending: Pending | None = None
) -> tuple[str, Challenge]:
    """Return a new token and the challenge that the store keeps of it."""
    token = f"{subscriber_hash}.{secrets.token_urlsafe(32)}"
    challenge = Challenge(
        key=parse(token).key,
        purpose=purpose,
        epoch=epoch,
        opened_at=now,
        expires_at=now + LIFETIME_SECONDS[purpose],
        tries_left=TRIES_PER_CHALLENGE,
        pending=pending,
    )
    return token, challenge


def succeed(subscriber_hash: str, before: Challenge, pending: Pending) -> tuple[str, Challenge]:
    """Return the `confirm` challenge that takes the place of another, with its remaining time and tries."""
    token, fresh = open_challenge(subscriber_hash, Purpose.CONFIRM, epoch=before.epoch, now=before.opened_at)
    kept = msgspec.structs.replace(fresh, expires_at=before.expires_at, tries_left=before.tries_left, pending=pending)
    return token, kept


def parse(token: str) -> Presented:
    """Return whose challenge a token names; ChallengeInvalid for anything that we never issued."""
    found = _TOKEN.fullmatch(token)
    if not found:
        raise ChallengeInvalid
    return Presented(found[1], _key(found[2]))


def _key(secret: str) -> str:
    """Return the first 128 bits of the secret's SHA-256: 256 random bits need no slow hash."""
    digest = hashlib.sha256(secret.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_open(challenge: Challenge | None, purposes: frozenset[Purpose], *, epoch: bytes, now: int) -> bool:
    """Tell whether a stored challenge is good for one of these purposes at this moment."""
    return (
        challenge is not None
        and challenge.purpose in purposes
        and challenge.epoch == epoch
        and now < challenge.expires_at
        and challenge.tries_left > 0
    )
