"""A clock that moves by hand only, but for a millisecond at each look, so that events keep their order."""

import time

STEP_SECONDS = 30
_INTO_THE_STEP = 10
_TICK = 0.001


class FrozenClock:
    """The service's time in the tests: today's, ten seconds into a time step."""

    def __init__(self) -> None:
        today = int(time.time())
        self._now = float(today - today % STEP_SECONDS + _INTO_THE_STEP)

    def __call__(self) -> float:
        """Return epoch seconds."""
        self._now += _TICK
        return self._now

    def advance(self, seconds: float) -> float:
        """Move by some seconds (negative: back) and return the new time."""
        self._now += seconds
        return self._now
