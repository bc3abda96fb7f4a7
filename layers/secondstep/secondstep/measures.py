"""What a request measures besides its outcome: `http` reports it as a metric when the request has ended.

A measure is a number and nothing else: nobody's name, address or secret can go this way. Where nobody listens (the
rotation, a test of one part) it is dropped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

type Taken = list[tuple["Measure", int]]


class Measure(StrEnum):
    """What is measured; template.yaml has an alarm for each."""

    KEY_FAILED = "key_failed"  # KMS did not seal or open, whatever the reason
    ACCEPTED_OFFSET = (
        "accepted_offset"  # time steps between now and the step of an accepted code; many: our clock is off
    )


_taken: ContextVar[Taken | None] = ContextVar("measures", default=None)


def note(measure: Measure, value: int = 1) -> None:
    """Note a measure of the request that is being answered."""
    taken = _taken.get()
    if taken is not None:
        taken.append((measure, value))


@contextmanager
def listening() -> Iterator[Taken]:
    """Yield the list in which everything lands that is noted meanwhile."""
    taken: Taken = []
    before = _taken.set(taken)
    try:
        yield taken
    finally:
        _taken.reset(before)
