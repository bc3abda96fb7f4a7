"""A clock that stands still until it is told to move."""

import time

STEP_SECONDS = 30
_INTO_THE_STEP = 10


class FrozenClock:
    """The service's time in the tests: today's, ten seconds into a time step, and moved by hand only."""

    def __init__(self) -> None:
        today = int(time.time())
        self._now = float(today - today % STEP_SECONDS + _INTO_THE_STEP)

    def __call__(self) -> float:
        """Return epoch seconds."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Move by some seconds (negative: back) and return the new time."""
        self._now += seconds
        return self._now
