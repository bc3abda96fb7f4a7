"""Budgets as values: how many, over how long, what then. The store turns them into conditions.

An attacker who has the password gets at most 5 guesses for a challenge, 10 in 15 minutes, 50 in a day, and 50
in a row before the authenticators are disabled: 1.5e-4 odds against six digits and three accepted steps
(RFC 4226 section 7.3 and E.4; NIST SP 800-63B-4 section 3.2.2 allows 100).
"""

from collections.abc import Mapping

import msgspec

TRIES_PER_CHALLENGE = 5
MOST_IN_A_ROW = 50
STEP_UP_FAILURES = 5
OPEN_CHALLENGES = 5
SECRETS_PER_ENROLLMENT = 3


class Window(msgspec.Struct, frozen=True):
    """At most `limit` charges in any `seconds`; each charge is one entry, so the window slides exactly."""

    limit: int
    seconds: int

    def expired(self, charges: Mapping[str, int], now: int) -> list[str]:
        """Return the names of the charges that have left the window."""
        return [name for name, at in charges.items() if at <= now - self.seconds]

    def retry_after(self, charges: Mapping[str, int], now: int) -> int:
        """Return the seconds until the next charge fits; 0 where one fits now."""
        in_force = sorted(at for at in charges.values() if at > now - self.seconds)
        if len(in_force) < self.limit:
            return 0
        return in_force[len(in_force) - self.limit] + self.seconds - now


CODES_RECENT = Window(limit=10, seconds=15 * 60)
CODES_DAY = Window(limit=50, seconds=24 * 60 * 60)
RECOVERY_RECENT = Window(limit=10, seconds=15 * 60)


class Pace(msgspec.Struct, frozen=True):
    """GCRA: a burst, then one try per interval, kept as one number, the theoretical arrival time `tat`."""

    burst: int
    interval: int

    @property
    def slack(self) -> int:
        """Return how far ahead of now `tat` may be and still allow a try."""
        return (self.burst - 1) * self.interval

    def retry_after(self, tat: int, now: int) -> int:
        """Return the seconds until the next try is allowed; 0 where it is allowed now."""
        return max(0, tat - self.slack - now)


NAME_PACE = Pace(burst=10, interval=30)
ADDRESS_PACE = Pace(burst=60, interval=5)
