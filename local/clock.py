"""The clock of the local run: the machine's, moved by what `/_local/clock` asked for."""

import time
from threading import Lock


class LocalClock:
    """Call it for epoch seconds. Only the service's time moves; moto's own clock stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._offset = 0.0

    def __call__(self) -> float:
        """Return epoch seconds as the service sees them."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the clock, backwards too, and return what it then shows."""
        with self._lock:
            self._offset += seconds
        return self()

    def reset(self) -> None:
        """Return to the machine's time."""
        with self._lock:
            self._offset = 0.0
