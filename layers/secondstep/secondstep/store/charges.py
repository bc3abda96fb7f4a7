"""Charging for a guess: one conditional write before any key or hash is used, that answers what the check needs.

`recent`, `day` and `recovery_recent` are maps charge id → time, never rewritten as a whole. A charge adds one entry
to each, and the accept removes its own, so they hold only failures. Where entries have left their window, one repair
takes their place: the same write removes them by name, on condition that they are still there.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from secondstep.challenge import Presented, is_open
from secondstep.errors import (
    AuthenticatorDisabled,
    ChallengeInvalid,
    InvalidToken,
    TooManyAttempts,
    Unavailable,
)
from secondstep.session import Session
from secondstep.store.conditions import ITEM_EXISTS, alive, challenge_is_open
from secondstep.store.database import Database, Refused
from secondstep.store.expression import Clause, Path, Write, absent, all_exist, below, fewer_than
from secondstep.store.layout import (
    C_TRIES,
    DAY,
    RECENT,
    RECOVERY_RECENT,
    RUN,
    challenge_path,
    subscriber_key,
    subscriber_record,
)
from secondstep.subscriber import Purpose, Subscriber, new_id
from secondstep.throttle import (
    CODES_DAY,
    CODES_RECENT,
    MOST_IN_A_ROW,
    Window,
)
from secondstep.throttle import (
    RECOVERY_RECENT as RECOVERY_WINDOW,
)

_REPAIRS = 3


class Charge(NamedTuple):
    """A guess that was paid for: its id, and the subscriber as the paying write left it."""

    id: str
    subscriber: Subscriber


class Budget(NamedTuple):
    """Which windows a guess is charged to, and whether it counts in the row that disables the authenticators."""

    windows: Mapping[str, Window]
    counts_in_a_row: bool

    def charges(self, attribute: str, held: Subscriber) -> Mapping[str, int]:
        """Return the charges that an item holds in one of the windows."""
        return {RECENT: held.recent, DAY: held.day, RECOVERY_RECENT: held.recovery_recent}[attribute]

    def paths(self, charge_id: str) -> list[Path]:
        """Return where a charge lies."""
        return [(attribute, charge_id) for attribute in self.windows]

    def expired(self, held: Subscriber, now: int) -> dict[str, list[str]]:
        """Return, for each window, the charges that have left it."""
        return {name: window.expired(self.charges(name, held), now) for name, window in self.windows.items()}

    def refuse_drained(self, held: Subscriber, now: int) -> None:
        """Raise what the item says: disabled, or drained until a true time."""
        if self.counts_in_a_row and held.run >= MOST_IN_A_ROW:
            raise AuthenticatorDisabled
        waits = [window.retry_after(self.charges(name, held), now) for name, window in self.windows.items()]
        if any(waits):
            raise TooManyAttempts(retry_after=max(waits))


CODES = Budget({RECENT: CODES_RECENT, DAY: CODES_DAY}, counts_in_a_row=True)
RECOVERY_CODES = Budget({RECOVERY_RECENT: RECOVERY_WINDOW}, counts_in_a_row=False)


class Gate(NamedTuple):
    """Who may guess at all: the clauses, what a guess spends besides, and the refusal they mean."""

    clauses: list[Clause]
    spends: Path | None
    refuse: Callable[[Subscriber | None], None]


def behind_challenge(presented: Presented, purposes: frozenset[Purpose], now: int) -> Gate:
    """Let pass whoever holds an open challenge of one of these purposes; each guess costs one of its tries."""

    def refuse(held: Subscriber | None) -> None:
        challenge = held.challenges.get(presented.key) if held else None
        if held is None or not held.is_active or not is_open(challenge, purposes, epoch=held.epoch, now=now):
            raise ChallengeInvalid

    clauses = [ITEM_EXISTS, *challenge_is_open(presented.key, purposes, now)]
    return Gate(clauses, challenge_path(presented.key, C_TRIES), refuse)


def behind_session(session: Session, now: int) -> Gate:
    """Let pass the living session of an active subscriber; it spends a try of its own."""

    def refuse(held: Subscriber | None) -> None:
        if not session.belongs_to(held, now):
            raise InvalidToken

    return Gate(alive(sub=session.sub, epoch=session.epoch), None, refuse)


class Charges:
    """The writes that pay for a guess (promise 1)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charge(self, subscriber_hash: str, gate: Gate, budget: Budget, now: int) -> Charge:
        """Pay for one guess, or raise why not; what is read first is the gate, then the budgets.

        One UpdateItem, atomically: the challenge's try, an entry in each window, the count in a row. A refusal
        that shows this charge's own id is the SDK's repeat of a write that had won.
        """
        charge_id = new_id()
        expired: dict[str, list[str]] = {name: [] for name in budget.windows}
        for _ in range(_REPAIRS + 1):
            write = _paying(subscriber_hash, gate, budget, charge_id, expired, now)
            try:
                return Charge(charge_id, subscriber_record(self._database.update(write)))
            except Refused as refused:
                held = subscriber_record(refused.item) if refused.item else None
            if held and any(charge_id in budget.charges(name, held) for name in budget.windows):
                return Charge(charge_id, held)
            gate.refuse(held)
            if held:
                budget.refuse_drained(held, now)
                expired = budget.expired(held, now)
        raise Unavailable  # others repaired the same windows each time; nothing was charged


def _paying(
    subscriber_hash: str,
    gate: Gate,
    budget: Budget,
    charge_id: str,
    expired: Mapping[str, list[str]],
    now: int,
) -> Write:
    """Return the write that pays, and that removes the expired charges of each window by name."""
    write = Write(subscriber_key(subscriber_hash)).require(*gate.clauses)
    if gate.spends:
        write.add(gate.spends, -1)
    if budget.counts_in_a_row:
        write.require(below((RUN,), MOST_IN_A_ROW)).add((RUN,), 1)
    for attribute, window in budget.windows.items():
        gone = expired[attribute]
        write.require(absent(attribute, charge_id))  # the SDK's repeat of a charge that had won must not pay twice
        write.require(fewer_than((attribute,), window.limit + len(gone)), *all_exist((attribute,), gone))
        write.set((attribute, charge_id), now).remove(*((attribute, each) for each in gone))
    return write
