"""Hold a charged code against what is bound, or against the secret that waits: here alone codes are decided."""

from typing import NamedTuple

from secondstep import measures
from secondstep.account import Policy
from secondstep.audit import Event, EventName, Outcome, event_about
from secondstep.authenticators import totp
from secondstep.challenge import Presented
from secondstep.context import RequestContext
from secondstep.errors import ChallengeInvalid
from secondstep.explanation import Judged
from secondstep.keys import SealKey
from secondstep.measures import Measure
from secondstep.store.charges import Charge
from secondstep.subscriber import Authenticator
from secondstep.throttle import MOST_IN_A_ROW

_NEVER_ACCEPTED = -1


class Accepted(NamedTuple):
    """The authenticator whose code it is, and the time step to burn."""

    authenticator: Authenticator
    step: int


def evaluate(
    presented_code: str,
    charge: Charge,
    authenticator_id: str | None,
    policy: Policy,
    *,
    seal_key: SealKey,
    context: RequestContext,
) -> Accepted | list[Judged]:
    """Return the acceptance, or what each authenticator made of the code; last used first, one Decrypt each.

    Only to be called with a charge: the guess is paid for before any key or HMAC runs (promise 1).
    """
    judged: list[Judged] = []
    for authenticator in _candidates(charge, authenticator_id):
        secret = seal_key.open(authenticator.sealed_secret, charge.subscriber, authenticator.id)
        verdict = totp.verify(
            presented_code,
            secret,
            last_step=authenticator.last_step,
            now=context.now,
            tolerance_steps=policy.tolerance_steps,
        )
        if verdict.kind == "accepted":
            measures.note(Measure.ACCEPTED_OFFSET, verdict.step - totp.step_at(context.now))
            return Accepted(authenticator, verdict.step)
        judged.append(Judged(authenticator.id, verdict))
    return judged


def prove_pending(
    presented_code: str, charge: Charge, spent: Presented, policy: Policy, *, seal_key: SealKey, context: RequestContext
) -> Authenticator | Judged:
    """Return the authenticator to bind, with the step of its first code burned, or what the code was; one Decrypt.

    The secret is the one that waits in the charged challenge, so a code can bind nothing else (promise 3).
    """
    pending = charge.subscriber.challenges[spent.key].pending
    if pending is None:
        raise ChallengeInvalid
    secret = seal_key.open(pending.sealed_secret, charge.subscriber, pending.authenticator_id)
    verdict = totp.verify(
        presented_code,
        secret,
        last_step=_NEVER_ACCEPTED,
        now=context.now,
        tolerance_steps=policy.tolerance_steps,
    )
    if verdict.kind != "accepted":
        return Judged(pending.authenticator_id, verdict)
    measures.note(Measure.ACCEPTED_OFFSET, verdict.step - totp.step_at(context.now))
    return Authenticator(
        id=pending.authenticator_id,
        name=pending.name,
        sealed_secret=pending.sealed_secret,
        created_at=context.now,
        last_step=verdict.step,
        last_used_at=context.now,
    )


def _candidates(charge: Charge, authenticator_id: str | None) -> list[Authenticator]:
    bound = charge.subscriber.last_used_first()
    return bound if authenticator_id is None else [each for each in bound if each.id == authenticator_id]


def disabling(charge: Charge, context: RequestContext) -> list[Event]:
    """Return the event of the one wrong code that made the row full, and so disabled the authenticators."""
    if charge.subscriber.run != MOST_IN_A_ROW:
        return []
    return [event_about(charge.subscriber, EventName.AUTHENTICATOR_DISABLED, Outcome.SUCCESS, context)]
