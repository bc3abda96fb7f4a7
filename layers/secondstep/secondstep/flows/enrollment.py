"""Enroll: a secret that waits inside its own challenge, until a code proves that the app has it.

What is bound works until then; ticket, challenge and binding change in one write (promise 3).
"""

from secondstep import challenge as challenges
from secondstep import describing
from secondstep import ticket as tickets
from secondstep.account import Policy
from secondstep.audit import EventName, Outcome, event_about
from secondstep.authenticators import recovery_codes, totp
from secondstep.challenge import Presented
from secondstep.context import RequestContext
from secondstep.errors import ChallengeInvalid, Conflict, ServiceError, TicketInvalid
from secondstep.evaluation import prove_pending
from secondstep.explanation import Judged, explain
from secondstep.issuing import new_session
from secondstep.keys import SealKey
from secondstep.session import PASSWORD_AND_CODE, Carrier, Login
from secondstep.shapes import EnrollAnswer
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.store.charges import Charge
from secondstep.subscriber import (
    Authenticator,
    Challenge,
    Enrollment,
    Pending,
    Purpose,
    Subscriber,
    new_epoch,
    new_id,
)
from secondstep.throttle import SECRETS_PER_ENROLLMENT

_GOOD_HERE = frozenset({Purpose.ENROLL, Purpose.CONFIRM})
_BOUND_MEANWHILE = "An authenticator is bound already. Log in with its code."


def begin(
    challenge_token: str,
    presented_ticket: str | None,
    name: str,
    *,
    store: Store,
    seal_key: SealKey,
    context: RequestContext,
) -> EnrollAnswer:
    """Make a secret, seal it into the `confirm` challenge that takes the place of the one presented.

    One read, one Encrypt, one conditional write. Raises ChallengeInvalid, TicketInvalid (which costs a try),
    Conflict (bound meanwhile), Unavailable.
    """
    presented = challenges.parse(challenge_token)
    subscriber = store.subscribers.read(presented.subscriber_hash)
    held = _held_challenge(subscriber, presented, context.now)
    if subscriber is None or held is None:
        raise ChallengeInvalid
    ticket_hash = _prove_ticket(subscriber, held, presented, presented_ticket, store, context)
    policy = store.accounts.policy(subscriber.account, context.now)
    secret, authenticator_id = totp.new_secret(), new_id()
    pending = Pending(
        authenticator_id=authenticator_id,
        name=name,
        sealed_secret=seal_key.seal(secret, subscriber, authenticator_id),
        made=(held.pending.made if held.pending else 0) + 1,
        ticket_hash=ticket_hash,
    )
    token, after = challenges.succeed(presented.subscriber_hash, held, pending)
    try:
        store.subscribers.wait_for_proof(subscriber, presented, _GOOD_HERE, after, context.now)
    except Stale as stale:
        raise _lost_to(stale.current, ticket_hash, context.now) from stale
    return describing.entry(token, secret, subscriber, policy, expires_in=after.expires_at - context.now)


def _held_challenge(subscriber: Subscriber | None, presented: Presented, now: int) -> Challenge | None:
    """Return the challenge if it may make one more secret."""
    if subscriber is None or not subscriber.is_active:
        return None
    held = subscriber.challenges.get(presented.key)
    if not challenges.is_open(held, _GOOD_HERE, epoch=subscriber.epoch, now=now):
        return None
    spent = held.pending.made if held and held.pending else 0
    return held if spent < SECRETS_PER_ENROLLMENT else None


def _prove_ticket(
    subscriber: Subscriber,
    held: Challenge,
    presented: Presented,
    presented_ticket: str | None,
    store: Store,
    context: RequestContext,
) -> bytes | None:
    """Return the hash of the ticket that opens this enrollment, or None where none is needed or given.

    A `confirm` challenge has proven its ticket already. A wrong ticket costs a try.
    """
    if presented_ticket is None and held.pending:
        return held.pending.ticket_hash
    if presented_ticket is None and subscriber.enrollment is not Enrollment.TICKETED:
        return None
    stored = subscriber.enrollment_ticket
    if stored and tickets.match(presented_ticket, stored, now=context.now):
        return stored.hash
    if not store.subscribers.charge_ticket(presented, _GOOD_HERE, context.now):
        raise ChallengeInvalid
    detail = {"why": "ticket"}
    store.subscribers.record(event_about(subscriber, EventName.ENROLLED, Outcome.FAILURE, context, detail=detail))
    raise TicketInvalid


def confirm(
    charge: Charge,
    spent: Presented,
    presented_code: str,
    *,
    store: Store,
    seal_key: SealKey,
    carrier: Carrier,
    context: RequestContext,
) -> Login:
    """Bind the authenticator whose secret waits in a charged `confirm` challenge, if the code is right.

    One Decrypt, one transaction: binding, ticket, challenge, epoch, recovery codes, session and audit event.
    """
    policy = store.accounts.policy(charge.subscriber.account, context.now)
    found = prove_pending(presented_code, charge, spent, policy, seal_key=seal_key, context=context)
    if isinstance(found, Judged):
        raise _refusal(charge, spent, found, store, context)
    return _bind(charge, spent, found, policy, store, carrier, context)


def _refusal(charge: Charge, spent: Presented, judged: Judged, store: Store, context: RequestContext) -> ServiceError:
    challenge = charge.subscriber.challenges[spent.key]
    found = explain([judged], challenge.ahead, tries_left=challenge.tries_left, now=context.now)
    event = event_about(charge.subscriber, EventName.ENROLLED, Outcome.FAILURE, context, detail={"why": found.why})
    store.subscribers.record_wrong_code(spent, found.ahead, event)
    return found.refusal


def _bind(
    charge: Charge,
    spent: Presented,
    authenticator: Authenticator,
    policy: Policy,
    store: Store,
    carrier: Carrier,
    context: RequestContext,
) -> Login:
    subscriber = charge.subscriber
    codes, code_hashes = recovery_codes.issue(subscriber.sub)
    secret, session = new_session(subscriber, PASSWORD_AND_CODE, policy, carrier, context, epoch=new_epoch())
    event = event_about(
        subscriber, EventName.ENROLLED, Outcome.SUCCESS, context, detail={"authenticator": authenticator.id}
    )
    try:
        store.subscribers.bind(charge, spent, authenticator, code_hashes, session, event, context.now)
    except Stale as stale:
        pending = subscriber.challenges[spent.key].pending
        raise _lost_to(stale.current, pending.ticket_hash if pending else None, context.now) from stale
    return Login(subscriber, session, secret, codes, len(codes))


def _lost_to(current: Subscriber | None, ticket_hash: bytes | None, now: int) -> ServiceError:
    """Return why an enrollment whose challenge was proven in this very request did not happen."""
    if current and current.is_bound:
        return Conflict(_BOUND_MEANWHILE)
    stored = current.enrollment_ticket if current else None
    if ticket_hash and stored and stored.hash == ticket_hash and not stored.is_live(now):
        return TicketInvalid()
    return ChallengeInvalid()
