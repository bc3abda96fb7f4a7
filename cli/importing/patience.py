"""An operator's move may wait: what AWS does not answer at once (a throttle, a lost reply) is asked again."""

import random
import time
from collections.abc import Callable

from secondstep.audit import Event
from secondstep.aws import AwsUnavailable
from secondstep.errors import Unavailable
from secondstep.store import Store
from secondstep.store.administration import AlreadyExists
from secondstep.store.imports import SeedNote
from secondstep.subscriber import Subscriber

PAUSES_SECONDS = [0.5, 1.0, 2.0, 4.0, 8.0]


def patiently[A](attempt: Callable[[], A]) -> A:
    """Return what an attempt returns, asking again after each pause; the last fault is raised."""
    for seconds in PAUSES_SECONDS:
        try:
            return attempt()
        except (Unavailable, AwsUnavailable):
            time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
    return attempt()


def make(store: Store, subscriber: Subscriber, notes: list[SeedNote], event: Event) -> None:
    """Make a subscriber, once: one that stands there with this very epoch is an attempt of ours whose reply was lost.

    AlreadyExists where the name is somebody else's, SeedTaken where a seed is.
    """

    def attempt() -> None:
        try:
            store.imports.create(subscriber, notes, event)
        except AlreadyExists as exists:
            if exists.current is None or exists.current.epoch != subscriber.epoch:
                raise

    patiently(attempt)
