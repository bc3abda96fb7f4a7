"""Recover: a recovery code in the place of the authenticator's (NIST SP 800-63B-4 section 4.2.2.2).

It has its own window beside the challenge's tries, so a disabled authenticator does not close this door, and using
it enables nothing.
"""

from secondstep import challenge as challenges
from secondstep.audit import EventName, Outcome, event_about
from secondstep.authenticators import recovery_codes
from secondstep.challenge import Presented, is_open
from secondstep.context import RequestContext
from secondstep.errors import ChallengeInvalid, InvalidCode, InvalidRequest
from secondstep.issuing import new_session
from secondstep.session import PASSWORD_AND_RECOVERY_CODE, Carrier, Login
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.store.charges import RECOVERY_CODES, Charge, Gate, behind_challenge
from secondstep.subscriber import Purpose, Subscriber

_GOOD_HERE = frozenset({Purpose.VERIFY})
_WANTS_A_CODE = frozenset({Purpose.CONFIRM, Purpose.ADD})


def recover(
    challenge_token: str, presented_code: str, *, store: Store, carrier: Carrier, context: RequestContext
) -> Login:
    """Accept a recovery code: charge first, then remove it from the set in the transaction that makes the session.

    Raises InvalidRequest (not such a code, or a `confirm` challenge; no try is spent), InvalidCode, ChallengeInvalid,
    TooManyAttempts, Unavailable.
    """
    characters = recovery_codes.parse(presented_code)
    if characters is None:
        raise InvalidRequest("must be sixteen characters in groups of four", field="recovery_code")
    presented = challenges.parse(challenge_token)
    gate = _for_recovery(presented, context.now)
    charge = store.charges.charge(presented.subscriber_hash, gate, RECOVERY_CODES, context.now)
    subscriber = charge.subscriber
    code_hash = recovery_codes.match(characters, subscriber.sub, subscriber.recovery_codes)
    if code_hash is None:
        tries_left = subscriber.challenges[presented.key].tries_left
        event = event_about(subscriber, EventName.RECOVERY_CODE_USED, Outcome.FAILURE, context)
        store.subscribers.record(event)
        raise InvalidCode(tries_left=tries_left)
    return _accept(charge, presented, code_hash, store, carrier, context)


def _for_recovery(presented: Presented, now: int) -> Gate:
    """Let pass a `verify` challenge; who holds a `confirm` or `add` one is told that a code is wanted."""
    gate = behind_challenge(presented, _GOOD_HERE, now)

    def refuse(held: Subscriber | None) -> None:
        challenge = held.challenges.get(presented.key) if held else None
        if held and is_open(challenge, _WANTS_A_CODE, epoch=held.epoch, now=now):
            raise InvalidRequest("an enrollment is confirmed with a code", field="recovery_code")
        gate.refuse(held)

    return gate._replace(refuse=refuse)


def _accept(
    charge: Charge, spent: Presented, code_hash: bytes, store: Store, carrier: Carrier, context: RequestContext
) -> Login:
    subscriber = charge.subscriber
    policy = store.accounts.policy(subscriber.account, context.now)
    secret, session = new_session(subscriber, PASSWORD_AND_RECOVERY_CODE, policy, carrier, context)
    left = len(subscriber.recovery_codes) - 1
    event = event_about(subscriber, EventName.RECOVERY_CODE_USED, Outcome.SUCCESS, context, detail={"left": left})
    try:
        store.subscribers.accept_recovery_code(charge, spent, code_hash, session, event, context.now)
    except Stale as stale:
        raise ChallengeInvalid from stale
    return Login(subscriber, session, secret, recovery_codes_left=left)
