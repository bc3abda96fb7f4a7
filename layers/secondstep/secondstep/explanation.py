"""What a wrong code is told: only what helps its owner and no guesser ("Drift").

A code of an earlier step can never be accepted any more, so the drift is told at once. A code of a future step will
be: it is told only when a second wrong code, of a later step, shows the same offset.
"""

from typing import NamedTuple

from secondstep.authenticators.totp import PERIOD_SECONDS, Verdict, seconds_to_next_step, step_at
from secondstep.errors import InvalidCode
from secondstep.subscriber import Ahead

_SAME_OFFSET = 1


class Judged(NamedTuple):
    """A code held against one authenticator's secret."""

    authenticator_id: str
    verdict: Verdict


class Explanation(NamedTuple):
    """The refusal that is answered, why it is recorded, and the future step to remember, if any."""

    refusal: InvalidCode
    why: str
    ahead: Ahead | None


def explain(judged: list[Judged], before: Ahead | None, *, tries_left: int, now: int) -> Explanation:
    """Return what to answer to a code that no authenticator accepted; `before` is an earlier future step."""
    found = {each.verdict.kind: each for each in judged}
    if "replayed" in found:
        wait = seconds_to_next_step(now)
        return Explanation(InvalidCode(tries_left=tries_left, hint="replayed", retry_after=wait), "replayed", None)
    if "behind" in found:
        drift = (step_at(now) - found["behind"].verdict.step) * PERIOD_SECONDS
        refusal = InvalidCode(tries_left=tries_left, hint="clock_behind", drift_seconds=drift)
        return Explanation(refusal, "clock_behind", None)
    if "ahead" in found:
        return _explain_ahead(found["ahead"], before, tries_left, now)
    return Explanation(InvalidCode(tries_left=tries_left), "wrong", None)


def _explain_ahead(judged: Judged, before: Ahead | None, tries_left: int, now: int) -> Explanation:
    offset = judged.verdict.step - step_at(now)
    seen = Ahead(authenticator_id=judged.authenticator_id, step=judged.verdict.step, offset=offset)
    if before is None or not _confirms(seen, before):
        return Explanation(InvalidCode(tries_left=tries_left), "wrong", seen)
    drift = offset * PERIOD_SECONDS
    refusal = InvalidCode(tries_left=tries_left, hint="clock_ahead", drift_seconds=drift)
    return Explanation(refusal, "clock_ahead", seen)


def _confirms(seen: Ahead, before: Ahead) -> bool:
    same_authenticator = seen.authenticator_id == before.authenticator_id
    return same_authenticator and seen.step > before.step and abs(seen.offset - before.offset) <= _SAME_OFFSET
