"""What a claimant says before anything is proven: paid for, read, and refused in one way for every name.

Unknown account, unknown name, wrong secret and disabled subscriber make the same calls in the same order, and are
recorded alike (promise 9).
"""

from typing import NamedTuple

from secondstep.audit import EventName, refusal_before_password
from secondstep.authenticators.password import Schemes
from secondstep.context import RequestContext
from secondstep.errors import TooManyAttempts, Unavailable
from secondstep.store import Store
from secondstep.store.passwords import PasswordCharge
from secondstep.subscriber import Identity, Subscriber
from secondstep.throttle import ADDRESS_PACE


class Claim(NamedTuple):
    """A name that was charged for one try, the subscriber behind it, if there is one, and the account's schemes."""

    charge: PasswordCharge
    subscriber: Subscriber | None
    schemes: Schemes


def pay(identity: Identity, *, store: Store, context: RequestContext) -> Claim:
    """Charge the name and read subscriber and address budget, in one round trip, before any hash is computed.

    Raises TooManyAttempts where the name or the source address has used up its budget, Unavailable.
    """
    charge, (found, address_tat, schemes) = store.together(
        lambda: store.passwords.charge_name(identity.hash, context.now),
        lambda: store.subscribers.read_claimant(identity, context.charged_address),
    )
    wait = ADDRESS_PACE.retry_after(address_tat, context.now)
    if wait:
        raise TooManyAttempts(retry_after=wait)
    is_the_one = found is not None and found.identity == identity
    return Claim(charge, found if is_the_one else None, schemes)


def record_refusal(identity: Identity, event: EventName, *, store: Store, context: RequestContext) -> None:
    """Charge the address beside the audit event; the event's own failure is ignored, for it decides nothing."""
    refusal = refusal_before_password(identity.hash, event, context)

    def record() -> None:
        try:
            store.subscribers.record(refusal)
        except Unavailable:
            return

    def charge() -> None:
        if context.charged_address:
            store.passwords.charge_address(context.charged_address, context.now)

    store.together(charge, record)
