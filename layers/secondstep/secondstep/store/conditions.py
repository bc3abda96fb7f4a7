"""The clauses that the promises are made of, each named for what it holds."""

from secondstep.store.expression import Clause, above, equals, exists, one_of, same
from secondstep.store.layout import (
    C_EPOCH,
    C_EXPIRES,
    C_PURPOSE,
    C_TRIES,
    EPOCH,
    ROLE,
    STATUS,
    SUB,
    challenge_path,
)
from secondstep.subscriber import Purpose, Role, Status

ITEM_EXISTS = exists("pk")  # an update of a deleted subscriber would make a new, empty one
IS_ACTIVE = equals((STATUS,), Status.ACTIVE.value)
IS_ADMIN = equals((ROLE,), Role.ADMIN.value)


def epoch_is(epoch: bytes) -> Clause:
    """No reset, password change or other ending came in between (promise 4)."""
    return equals((EPOCH,), epoch)


def sub_is(sub: str) -> Clause:
    """The name was not deleted and given to somebody else."""
    return equals((SUB,), sub)


def alive(*, sub: str, epoch: bytes) -> list[Clause]:
    """The subscriber is the same person, active, in the same epoch."""
    return [ITEM_EXISTS, sub_is(sub), epoch_is(epoch), IS_ACTIVE]


def challenge_is_open(key: str, purposes: frozenset[Purpose], now: int) -> list[Clause]:
    """The challenge is known, of this purpose and of the item's epoch, not expired, and has a try left.

    Expiry is in the condition: TTL only cleans up, days late (promise 6).
    """
    return [
        IS_ACTIVE,
        exists(*challenge_path(key)),
        one_of(challenge_path(key, C_PURPOSE), sorted(each.value for each in purposes)),
        same(challenge_path(key, C_EPOCH), (EPOCH,)),
        above(challenge_path(key, C_EXPIRES), now),
        above(challenge_path(key, C_TRIES), 0),
    ]


def challenge_stands(key: str, now: int) -> list[Clause]:
    """The challenge that was charged is still there: nobody else has spent it, and no reset dropped it."""
    return [exists(*challenge_path(key)), above(challenge_path(key, C_EXPIRES), now)]
