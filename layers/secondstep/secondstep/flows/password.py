"""Set a password: redeem the password ticket of an invitation or of an admin's password reset, or change one's own.

Order: shape, ticket, rules. A refused password spends nothing; a wrong ticket spends the password budgets of the
name and the address, for a name that exists and one that does not alike. The second factor is never touched.
"""

from secondstep import claim
from secondstep import ticket as tickets
from secondstep.audit import EventName, Outcome, event_about
from secondstep.authenticators import password
from secondstep.bearer import Principal, lost_race
from secondstep.context import RequestContext
from secondstep.errors import Conflict, InvalidCredentials, TicketInvalid
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import Identity, Status, Subscriber, new_epoch


def redeem(
    identity: Identity, presented_ticket: str, new_password: str, *, store: Store, context: RequestContext
) -> None:
    """Set the password in one transaction that spends the ticket, changes the epoch and records it.

    Raises TicketInvalid, PasswordRefused, TooManyAttempts, Conflict, Unavailable.
    """
    charge, known, _ = claim.pay(identity, store=store, context=context)
    is_right = tickets.match(presented_ticket, known.password_ticket if known else None, now=context.now)
    if known is None or not is_right or known.status is Status.DISABLED:
        claim.record_refusal(identity, EventName.PASSWORD_SET, store=store, context=context)
        raise TicketInvalid
    store.passwords.give_back(charge, context.now)
    _refuse_weak(new_password, known, store, context)
    event = event_about(known, EventName.PASSWORD_SET, Outcome.SUCCESS, context)
    try:
        store.subscribers.set_password(known, password.hash_password(new_password), new_epoch(), event, context.now)
    except Stale as stale:
        raise _lost_to(stale.current, presented_ticket, context.now) from stale


def change(
    principal: Principal, current_password: str, new_password: str, *, store: Store, context: RequestContext
) -> None:
    """Change the password from within a session; every other session and every challenge ends.

    The name's budget is charged before the hash is computed, and given back where the current password was right.
    One transaction with the epoch, this session and the audit event. Raises StepUpRequired, InvalidCredentials,
    PasswordRefused (it spends nothing), TooManyAttempts, InvalidToken, Unavailable.
    """
    principal.require_fresh(context.now)
    subscriber, session = principal.subscriber, principal.session
    charge = store.passwords.charge_name(session.subscriber_hash, context.now)
    if not password.match(current_password, subscriber.password_hash):
        event = event_about(subscriber, EventName.PASSWORD_CHANGED, Outcome.FAILURE, context)
        store.subscribers.record(event)
        raise InvalidCredentials("The current password is wrong.")
    store.passwords.give_back(charge, context.now)
    _refuse_weak(new_password, subscriber, store, context)
    event = event_about(subscriber, EventName.PASSWORD_CHANGED, Outcome.SUCCESS, context)
    try:
        new_hash = password.hash_password(new_password)
        store.own_account.change_password(session, new_hash, new_epoch(), event, context.now)
    except Stale as stale:
        raise lost_race(principal, store, context) from stale


def _refuse_weak(new_password: str, subscriber: Subscriber, store: Store, context: RequestContext) -> None:
    policy = store.accounts.policy(subscriber.account, context.now)
    words = {"secondstep", subscriber.account, *subscriber.login_name.split("@")}
    for name in (policy.display_name, subscriber.display_name or ""):
        words |= {name, *name.split()}
    password.refuse_weak(new_password, shortest=policy.shortest_password, own_words=words)


def _lost_to(current: Subscriber | None, presented_ticket: str, now: int) -> TicketInvalid | Conflict:
    """Return why a right ticket did not set the password: it was spent or replaced, or something else changed."""
    if current and tickets.match(presented_ticket, current.password_ticket, now=now):
        return Conflict("The subscriber is being changed. Try again.")
    return TicketInvalid()
