"""The time as AWS has it: a signature by a clock that is minutes off is refused."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime

_REFUSALS = {"InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch"}
_TOLERATED_SECONDS = 4 * 60  # AWS takes five minutes; a signature that is refused within four is wrong otherwise


class Skew:
    """How far the clock is off, learned from the `Date` of a refusal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = 0.0

    def now(self) -> float:
        """Return AWS's time in epoch seconds, as far as it is known."""
        return self._clock() + self._seconds

    def is_corrected(self, code: str, date: str | None) -> bool:
        """Tell whether a refusal was one of the clock; then `now` is right from here on, and nothing has run."""
        moment = _epoch(date)
        if code not in _REFUSALS or moment is None or abs(moment - self.now()) < _TOLERATED_SECONDS:
            return False
        self._seconds = moment - self._clock()
        return True


def _epoch(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
