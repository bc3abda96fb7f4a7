"""Verify: one code against the bound authenticators, charged for before any key or HMAC runs (promises 1 and 2)."""

from secondstep import challenge as challenges
from secondstep.account import Policy
from secondstep.audit import Event, EventName, Outcome, event_about
from secondstep.authenticators import totp
from secondstep.challenge import Presented, is_open
from secondstep.context import RequestContext
from secondstep.errors import ChallengeInvalid, InvalidCode, InvalidToken, ServiceError
from secondstep.evaluation import Accepted, disabling, evaluate
from secondstep.explanation import Judged, explain
from secondstep.issuing import new_session
from secondstep.keys import SealKey
from secondstep.session import PASSWORD_AND_CODE, Carrier, Login
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.store.charges import CODES, Charge, Gate, behind_challenge
from secondstep.subscriber import Purpose, Subscriber

_GOOD_FOR_A_CODE = frozenset({Purpose.VERIFY, Purpose.CONFIRM})


def pay_for_code(challenge_token: str, *, store: Store, context: RequestContext) -> tuple[Charge, Presented]:
    """Charge one guess to challenge and subscriber in one conditional write, which also reads what the check needs.

    Raises ChallengeInvalid, InvalidToken (an `add` challenge without its session), AuthenticatorDisabled,
    TooManyAttempts, Unavailable; then nothing was evaluated.
    """
    presented = challenges.parse(challenge_token)
    gate = _for_a_code(presented, context.now)
    return store.charges.charge(presented.subscriber_hash, gate, CODES, context.now), presented


def _for_a_code(presented: Presented, now: int) -> Gate:
    """Let pass a `verify` or `confirm` challenge; who holds an `add` one is told that its session is wanted."""
    gate = behind_challenge(presented, _GOOD_FOR_A_CODE, now)

    def refuse(held: Subscriber | None) -> None:
        challenge = held.challenges.get(presented.key) if held else None
        if held and is_open(challenge, frozenset({Purpose.ADD}), epoch=held.epoch, now=now):
            raise InvalidToken
        gate.refuse(held)

    return gate._replace(refuse=refuse)


def purpose_of(charge: Charge, spent: Presented) -> Purpose:
    """Return what the charged challenge is good for."""
    return charge.subscriber.challenges[spent.key].purpose


def verify(
    charge: Charge,
    spent: Presented,
    presented_code: str,
    authenticator_id: str | None,
    *,
    store: Store,
    seal_key: SealKey,
    carrier: Carrier,
    context: RequestContext,
) -> Login:
    """Accept a code of a charged `verify` challenge: burn its step, spend the challenge, start the session.

    One Decrypt for each authenticator tried, last used first; one transaction. Raises InvalidCode with what explains
    it, ChallengeInvalid where a race was lost, Unavailable.
    """
    policy = store.accounts.policy(charge.subscriber.account, context.now)
    found = evaluate(presented_code, charge, authenticator_id, policy, seal_key=seal_key, context=context)
    if isinstance(found, Accepted):
        return _accept(charge, spent, found, policy, store, carrier, context)
    raise _refusal(charge, spent, found, store, context)


def _accept(
    charge: Charge,
    spent: Presented,
    accepted: Accepted,
    policy: Policy,
    store: Store,
    carrier: Carrier,
    context: RequestContext,
) -> Login:
    subscriber = charge.subscriber
    secret, session = new_session(subscriber, PASSWORD_AND_CODE, policy, carrier, context)
    event = _event(subscriber, Outcome.SUCCESS, context, authenticator=accepted.authenticator.id)
    try:
        store.subscribers.accept_code(charge, spent, *accepted, session, event, context.now)
    except Stale as stale:
        raise _lost_to(stale.current, charge, spent, accepted, store, context) from stale
    return Login(subscriber, session, secret, recovery_codes_left=len(subscriber.recovery_codes))


def _lost_to(
    current: Subscriber | None,
    charge: Charge,
    spent: Presented,
    accepted: Accepted,
    store: Store,
    context: RequestContext,
) -> ServiceError:
    """Return why a right code was not accepted: the challenge was spent, a reset won, or the step was burned."""
    standing = current.authenticators.get(accepted.authenticator.id) if current else None
    same_epoch = current is not None and current.epoch == charge.subscriber.epoch and current.is_active
    if current is None or standing is None or not same_epoch or spent.key not in current.challenges:
        return ChallengeInvalid()
    burned = totp.Verdict("replayed", accepted.step) if standing.last_step >= accepted.step else totp.Verdict("wrong")
    return _refusal(charge, spent, [Judged(accepted.authenticator.id, burned)], store, context)


def _refusal(
    charge: Charge, spent: Presented, judged: list[Judged], store: Store, context: RequestContext
) -> InvalidCode:
    """Record the wrong code, and what it has disabled; the reply leaves after the record (promise 7)."""
    challenge = charge.subscriber.challenges[spent.key]
    found = explain(judged, challenge.ahead, tries_left=challenge.tries_left, now=context.now)
    events = [_event(charge.subscriber, Outcome.FAILURE, context, why=found.why)]
    store.subscribers.record_wrong_code(spent, found.ahead, *events, *disabling(charge, context))
    return found.refusal


def _event(subscriber: Subscriber, outcome: Outcome, context: RequestContext, **detail: str) -> Event:
    return event_about(subscriber, EventName.VERIFY, outcome, context, detail=detail)
