"""Password budgets: one number for a name (real or not), one for a source address. GCRA, charged before the hash.

A name's charge is one conditional write in the usual case; an address' is read beside the subscriber and written
only on failure. Wrong passwords slow a name down, they never lock it for good, and they never touch a code budget.
"""

from typing import NamedTuple

from secondstep.aws import Item
from secondstep.errors import TooManyAttempts
from secondstep.store.database import Database, Refused
from secondstep.store.expression import Write, above, absent, at_most, differs, either
from secondstep.store.layout import (
    CHARGE,
    PURGE_AT,
    REFUND,
    TAT,
    TTL_GRACE_SECONDS,
    address_budget_key,
    name_budget_key,
)
from secondstep.subscriber import new_id
from secondstep.throttle import ADDRESS_PACE, NAME_PACE, Pace


class PasswordCharge(NamedTuple):
    """A try that was paid for; `was_ahead` tells that it did not lapse by itself at once."""

    subscriber_hash: str
    was_ahead: bool


class PasswordBudgets:
    """The budgets' items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charge_name(self, subscriber_hash: str, now: int) -> PasswordCharge:
        """Pay for one password of this name, or raise TooManyAttempts with the time that the item shows."""
        was_ahead = self._charge(name_budget_key(subscriber_hash), NAME_PACE, now)
        return PasswordCharge(subscriber_hash, was_ahead)

    def charge_address(self, source: str, now: int) -> None:
        """Pay for a failure of this address. It has happened already, so a drained budget goes into debt.

        The budget is read before and written after, so many at once may pass; all that pass are paid for, by waiting.
        """
        self._charge(address_budget_key(source), ADDRESS_PACE, now, may_owe=True)

    def give_back(self, charge: PasswordCharge, now: int) -> None:
        """Return the charge of a right password where it still counts; else it lapses by itself: no write.

        Unavailable where that is not known to be done (promise 8): the login is 503, and the charge lapses with time.
        """
        if not charge.was_ahead:
            return
        refund, refund_id = Write(name_budget_key(charge.subscriber_hash)), new_id()
        refund.require(above((TAT,), now), differs((REFUND,), refund_id))
        refund.add((TAT,), -NAME_PACE.interval).set((REFUND,), refund_id)
        try:
            self._database.update(refund)
        except Refused:
            return  # it has lapsed meanwhile, or this is the SDK's repeat of a refund that was given

    def _charge(self, key: Item, pace: Pace, now: int, *, may_owe: bool = False) -> bool:
        """Write the charge: first as if the budget were untouched, then as one more within the burst.

        Both leave this request's own charge id: where a refusal shows it, the SDK repeated a write that had won.
        """
        charge_id = new_id()
        untouched = _dated(Write(key), charge_id, now, pace)
        untouched.require(either(absent(TAT), at_most((TAT,), now))).set((TAT,), now + pace.interval)
        if self._wins(untouched, charge_id):
            return False
        one_more = _dated(Write(key), charge_id, now, pace)
        one_more.require(differs((CHARGE,), charge_id)).add((TAT,), pace.interval)
        if not may_owe:
            one_more.require(at_most((TAT,), now + pace.slack))
        try:
            self._database.update(one_more)
        except Refused as refused:
            held = refused.item or {}
            if held.get(CHARGE) == charge_id:
                return True
            raise TooManyAttempts(retry_after=pace.retry_after(held.get(TAT, now), now)) from refused
        return True

    def _wins(self, write: Write, charge_id: str) -> bool:
        try:
            self._database.update(write)
        except Refused as refused:
            return (refused.item or {}).get(CHARGE) == charge_id
        return True


def _dated(write: Write, charge_id: str, now: int, pace: Pace) -> Write:
    purge_at = now + pace.slack + pace.interval + TTL_GRACE_SECONDS
    return write.set((CHARGE,), charge_id).set((PURGE_AT,), purge_at)
