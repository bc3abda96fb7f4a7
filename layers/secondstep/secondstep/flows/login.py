"""Log in: the password, and what comes after it.

Unknown account, unknown name, wrong password and disabled subscriber make the same calls in the same order and get
one answer (promise 9). Nothing about a factor or a policy is read or told before the password is right.
"""

from collections.abc import Callable
from typing import Literal

from secondstep import claim
from secondstep import ticket as tickets
from secondstep.account import Policy
from secondstep.audit import EventName, Outcome, event_about
from secondstep.authenticators import password
from secondstep.challenge import LIFETIME_SECONDS, open_challenge
from secondstep.context import RequestContext
from secondstep.errors import Conflict, InvalidCredentials
from secondstep.issuing import new_session
from secondstep.session import PASSWORD_ONLY, Carrier, Login
from secondstep.shapes import AuthenticatorChoice, EnrollNext, PasswordNext, VerifyNext
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import Enrollment, Identity, Purpose, Subscriber
from secondstep.throttle import MOST_IN_A_ROW

type Answer = VerifyNext | EnrollNext | PasswordNext | Login
type Ready = Callable[[], object]  # what an answer with a session needs must be at hand before the session is written
_LONGER_PASSWORD_SECONDS = 15 * 60

type Method = Literal["totp", "recovery_code"]


def log_in(
    identity: Identity,
    presented_password: str,
    *,
    store: Store,
    carrier: Carrier,
    ready: Ready,
    context: RequestContext,
) -> Answer:
    """Check the password, then open a challenge, or a session where the policy asks for no second factor.

    Reads and charges in one round trip, writes the challenge in a second. Raises InvalidCredentials,
    TooManyAttempts, Conflict (the subscriber changed meanwhile), Unavailable.
    """
    subscriber = _prove_password(identity, presented_password, store, context)
    try:
        return _next_step(subscriber, presented_password, store, carrier, ready, context)
    except Stale as stale:
        current = stale.current
    if current is None or not current.is_active or current.password_hash != subscriber.password_hash:
        raise InvalidCredentials
    try:  # an enrollment or a reset came in between; the password still is the one that was proven
        return _next_step(current, presented_password, store, carrier, ready, context)
    except Stale as stale:
        raise Conflict("The subscriber is being changed. Log in again.") from stale


def _prove_password(identity: Identity, presented: str, store: Store, context: RequestContext) -> Subscriber:
    """Charge the name, then hash once, whether or not the name exists; a refusal charges the address."""
    charge, known, schemes = claim.pay(identity, store=store, context=context)
    decoy = schemes.decoy_for(identity.login_name)
    is_right = password.match(presented, known.password_hash if known else None, decoy_hash=decoy)
    if known is None or not is_right or not known.is_active:
        claim.record_refusal(identity, EventName.LOGIN, store=store, context=context)
        raise InvalidCredentials
    store.passwords.give_back(charge, context.now)
    if known.password_hash and password.needs_rehash(known.password_hash):
        return store.subscribers.rehash(known, password.hash_password(presented))
    return known


def _next_step(
    subscriber: Subscriber, proven_password: str, store: Store, carrier: Carrier, ready: Ready, context: RequestContext
) -> Answer:
    """Bound is always asked, ticketed must enroll, open is the policy's to decide."""
    if subscriber.is_bound:
        return _ask_for_code(subscriber, store, context)
    if subscriber.enrollment is not Enrollment.OPEN:
        return _ask_to_enroll(subscriber, store, context)
    policy = store.accounts.policy(subscriber.account, context.now)
    if policy.mfa_required:
        return _ask_to_enroll(subscriber, store, context)
    if password.is_too_short(proven_password, policy.shortest_password):
        return _ask_for_longer_password(subscriber, store, context)
    return _log_in_without_factor(subscriber, policy, store, carrier, ready, context)


def _ask_for_code(subscriber: Subscriber, store: Store, context: RequestContext) -> VerifyNext:
    return VerifyNext(
        challenge=_open(subscriber, Purpose.VERIFY, store, context),
        methods=_methods(subscriber),
        authenticators=[AuthenticatorChoice(each.id, each.name) for each in subscriber.last_used_first()],
        expires_in=LIFETIME_SECONDS[Purpose.VERIFY],
    )


def _methods(subscriber: Subscriber) -> list[Method]:
    """Return what works now: no code while the authenticators are disabled, no recovery code once all are used."""
    works: dict[Method, bool] = {
        "totp": subscriber.run < MOST_IN_A_ROW,
        "recovery_code": bool(subscriber.recovery_codes),
    }
    return [method for method, does in works.items() if does]


def _ask_to_enroll(subscriber: Subscriber, store: Store, context: RequestContext) -> EnrollNext:
    return EnrollNext(
        challenge=_open(subscriber, Purpose.ENROLL, store, context),
        methods=[],
        ticket_required=subscriber.enrollment is Enrollment.TICKETED,
        expires_in=LIFETIME_SECONDS[Purpose.ENROLL],
    )


def _open(subscriber: Subscriber, purpose: Purpose, store: Store, context: RequestContext) -> str:
    token, challenge = open_challenge(subscriber.identity.hash, purpose, epoch=subscriber.epoch, now=context.now)
    store.subscribers.open_challenge(subscriber, challenge, context.now)
    return token


def _ask_for_longer_password(subscriber: Subscriber, store: Store, context: RequestContext) -> PasswordNext:
    """Answer a ticket for `/password`: what was long enough beside a second factor is not long enough alone.

    A ticket that an admin has given is left alone, and wanted: who merely knows the old password must not void it.
    """
    waiting = subscriber.password_ticket
    if waiting and waiting.is_live(context.now + _LONGER_PASSWORD_SECONDS):
        return PasswordNext(ticket=None, expires_in=waiting.expires_at - context.now)
    text, ticket = tickets.issue(now=context.now, ttl_seconds=_LONGER_PASSWORD_SECONDS)
    store.subscribers.give_password_ticket(subscriber, ticket)
    return PasswordNext(ticket=text, expires_in=_LONGER_PASSWORD_SECONDS)


def _log_in_without_factor(
    subscriber: Subscriber, policy: Policy, store: Store, carrier: Carrier, ready: Ready, context: RequestContext
) -> Login:
    ready()
    secret, session = new_session(subscriber, PASSWORD_ONLY, policy, carrier, context)
    event = event_about(subscriber, EventName.LOGIN, Outcome.SUCCESS, context)
    store.subscribers.log_in_without_factor(subscriber, session, event, context.now)
    return Login(subscriber, session, secret, recovery_codes_left=0)
