"""Add: a further authenticator, from within a session. It never weakens what is bound, and never makes a session.

As in an enrollment the secret waits inside its own challenge until a code proves that the app has it (promise 3); the
challenge is good for the session that opened it only.
"""

from secondstep import challenge as challenges
from secondstep import describing
from secondstep import ticket as tickets
from secondstep.account import Policy
from secondstep.audit import EventName, Outcome, event_about
from secondstep.authenticators import totp
from secondstep.bearer import Principal, lost_race
from secondstep.challenge import LIFETIME_SECONDS, Presented, is_open
from secondstep.context import RequestContext
from secondstep.errors import ChallengeInvalid, Conflict, ServiceError, TicketInvalid
from secondstep.evaluation import disabling, prove_pending
from secondstep.explanation import Judged, explain
from secondstep.keys import SealKey
from secondstep.shapes import AddedAnswer, EnrollAnswer
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.store.charges import CODES, Charge, behind_challenge
from secondstep.subscriber import Authenticator, Challenge, Enrollment, Pending, Purpose, Subscriber, new_epoch, new_id
from secondstep.throttle import SECRETS_PER_ENROLLMENT, STEP_UP_FAILURES

_GOOD_HERE = frozenset({Purpose.ADD})
_THE_MOST = "The account allows no more authenticators. Remove one first."


def begin(
    principal: Principal,
    name: str,
    presented_ticket: str | None,
    *,
    store: Store,
    seal_key: SealKey,
    context: RequestContext,
) -> EnrollAnswer:
    """Make a secret and seal it into an `add` challenge of this session.

    The bearer's read, one Encrypt, one conditional write. Raises StepUpRequired, TicketInvalid (where none is bound;
    it costs one of the session's five tries), Conflict (as many as the policy allows), InvalidToken, Unavailable.
    """
    principal.require_fresh(context.now)
    subscriber = principal.subscriber
    policy = store.accounts.policy(subscriber.account, context.now)
    if len(subscriber.authenticators) >= policy.max_authenticators:
        raise Conflict(_THE_MOST)
    made = 1 + _begun_before(principal, context.now)
    if made > SECRETS_PER_ENROLLMENT:
        raise Conflict("Three QR codes were shown already. Confirm one of them, or wait a quarter of an hour.")
    ticket_hash = None if subscriber.is_bound else _prove_ticket(principal, presented_ticket, store, context)
    secret, authenticator_id = totp.new_secret(), new_id()
    pending = Pending(
        authenticator_id=authenticator_id,
        name=name,
        sealed_secret=seal_key.seal(secret, subscriber, authenticator_id),
        made=made,
        ticket_hash=ticket_hash,
        sid=principal.session.sid,
    )
    token, challenge = challenges.open_challenge(
        principal.session.subscriber_hash, Purpose.ADD, epoch=subscriber.epoch, now=context.now, pending=pending
    )
    try:
        store.subscribers.open_challenge(subscriber, challenge, context.now)
    except Stale as stale:
        raise lost_race(principal, store, context) from stale
    named = name if subscriber.is_bound else ""
    return describing.entry(token, secret, subscriber, policy, expires_in=LIFETIME_SECONDS[Purpose.ADD], named=named)


def _prove_ticket(
    principal: Principal, presented_ticket: str | None, store: Store, context: RequestContext
) -> bytes | None:
    """Return the hash of the ticket that opens a first binding, or None where none is needed or given.

    It is paid for before it is compared, by one of the session's five tries; the fifth wrong one ends the session.
    """
    subscriber = principal.subscriber
    if presented_ticket is None and subscriber.enrollment is not Enrollment.TICKETED:
        return None
    session, stored = store.sessions.charge_step_up(principal.session, context.now), subscriber.enrollment_ticket
    if stored and tickets.match(presented_ticket, stored, now=context.now):
        store.sessions.give_back_step_up(session)
        return stored.hash
    refused = event_about(subscriber, EventName.ENROLLED, Outcome.FAILURE, context, detail={"why": "ticket"})
    if session.step_up_failures < STEP_UP_FAILURES:
        store.subscribers.record(refused)
    else:
        detail = {"sid": session.sid, "why": "ticket"}
        ended = event_about(subscriber, EventName.SESSION_ENDED, Outcome.SUCCESS, context, detail=detail)
        store.sessions.end(session, refused, ended)
    raise TicketInvalid


def _begun_before(principal: Principal, now: int) -> int:
    """Return how many secrets wait in open challenges of this session: each is an Encrypt, and may evict a login."""
    subscriber = principal.subscriber
    waiting = [each for each in subscriber.challenges.values() if _is_open(each, subscriber, now)]
    return sum(each.pending is not None and each.pending.sid == principal.session.sid for each in waiting)


def _is_open(challenge: Challenge, subscriber: Subscriber, now: int) -> bool:
    return is_open(challenge, _GOOD_HERE, epoch=subscriber.epoch, now=now)


def opened_by(principal: Principal, challenge_token: str) -> bool:
    """Tell whether a challenge is one by which this very session adds an authenticator."""
    presented = challenges.parse(challenge_token)
    challenge = principal.subscriber.challenges.get(presented.key)
    pending = challenge.pending if challenge and challenge.purpose is Purpose.ADD else None
    is_own = presented.subscriber_hash == principal.session.subscriber_hash
    return is_own and pending is not None and pending.sid == principal.session.sid


def confirm(
    principal: Principal,
    challenge_token: str,
    presented_code: str,
    *,
    store: Store,
    seal_key: SealKey,
    context: RequestContext,
) -> AddedAnswer:
    """Bind the authenticator whose secret waits in an `add` challenge of this session, if the code is right.

    The bearer's read; the charge; one Decrypt; one transaction: binding, challenge, session and audit event. Raises
    InvalidCode, ChallengeInvalid, AuthenticatorDisabled, TooManyAttempts, Conflict, Unavailable.
    """
    spent = challenges.parse(challenge_token)
    gate = behind_challenge(spent, _GOOD_HERE, context.now)
    charge = store.charges.charge(spent.subscriber_hash, gate, CODES, context.now)
    policy = store.accounts.policy(charge.subscriber.account, context.now)
    found = prove_pending(presented_code, charge, spent, policy, seal_key=seal_key, context=context)
    if isinstance(found, Judged):
        raise _refusal(charge, spent, found, store, context)
    try:
        _bind(principal, charge, spent, found, policy, store, context)
    except Stale as stale:
        raise _lost_to(stale.current, spent, policy) from stale
    return AddedAnswer(
        authenticator=describing.authenticator(found), recovery_codes_left=len(charge.subscriber.recovery_codes)
    )


def _refusal(charge: Charge, spent: Presented, judged: Judged, store: Store, context: RequestContext) -> ServiceError:
    challenge = charge.subscriber.challenges[spent.key]
    found = explain([judged], challenge.ahead, tries_left=challenge.tries_left, now=context.now)
    detail = {"why": found.why}
    event = event_about(charge.subscriber, EventName.AUTHENTICATOR_ADDED, Outcome.FAILURE, context, detail=detail)
    store.subscribers.record_wrong_code(spent, found.ahead, event, *disabling(charge, context))
    return found.refusal


def _bind(
    principal: Principal,
    charge: Charge,
    spent: Presented,
    authenticator: Authenticator,
    policy: Policy,
    store: Store,
    context: RequestContext,
) -> None:
    """Bind it beside the others, or as the first one; which of both, the epoch holds until the write."""
    session, subscriber = principal.session, charge.subscriber
    detail = {"authenticator": authenticator.id, "name": authenticator.name}
    if subscriber.is_bound:
        event = event_about(subscriber, EventName.AUTHENTICATOR_ADDED, Outcome.SUCCESS, context, detail=detail)
        most = policy.max_authenticators
        store.own_account.add(session, charge, spent, authenticator, most, event, context.now)
    else:
        event = event_about(subscriber, EventName.ENROLLED, Outcome.SUCCESS, context, detail=detail)
        store.own_account.add_first(session, charge, spent, authenticator, new_epoch(), event, context.now)


def _lost_to(current: Subscriber | None, spent: Presented, policy: Policy) -> ServiceError:
    """Return why a right code did not bind: as many as there may be, or the session or the challenge is gone."""
    if current and spent.key in current.challenges and len(current.authenticators) >= policy.max_authenticators:
        return Conflict(_THE_MOST)
    return ChallengeInvalid()
