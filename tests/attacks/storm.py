"""A share of all calls to DynamoDB fails at random, as under load: conflicts, throttles, and replies that are lost.

What fails is drawn from a seed; which thread meets it, the scheduler decides. So whatever is asserted in a storm has to
hold for every order.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from secondstep.aws import Answer, AwsUnavailable, Reason, TransactionCancelled, failure
from tests.recording import Called
from tests.service import Reply

_SHARE = 0.3
_PATIENCE = 50
_BAD_REQUEST = 400
_KINDS = {
    "transact_write_items": ("TransactionConflict", "ThrottlingError", "ThrottlingException", "lost"),
    "update_item": ("TransactionConflictException", "ProvisionedThroughputExceededException", "lost"),
    "put_item": ("ThrottlingException", "lost"),
    "get_item": ("ProvisionedThroughputExceededException",),
    "batch_get_item": ("ThrottlingException",),
    "query": ("ThrottlingException",),
}
_OF_ONE_PART = ("TransactionConflict", "ThrottlingError")  # the store tries these again, under the same token


class Storm:
    """A fault for the Recorder; `met` counts what has failed how."""

    def __init__(self, seed: int) -> None:
        self.met: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, called: Called, send: Callable[[], Answer]) -> Answer:
        """Send the call, or let it fail; a lost reply has been written all the same."""
        kind = self._drawn(called.operation)
        if not kind:
            return send()
        if kind in _OF_ONE_PART:
            raise TransactionCancelled(self._reasons(called.request, kind))
        if kind == "lost":
            send()
            raise AwsUnavailable(kind)
        raise failure(kind, _BAD_REQUEST, {})

    def _drawn(self, operation: str) -> str:
        with self._lock:
            if operation not in _KINDS or self._random.random() >= _SHARE:
                return ""
            kind = self._random.choice(_KINDS[operation])
            self.met[kind] += 1
            return kind

    def _reasons(self, request: dict[str, Any], code: str) -> tuple[Reason, ...]:
        parts = len(request["TransactItems"])
        struck = self._random.randrange(parts)
        return tuple(Reason(code if part == struck else "None") for part in range(parts))


def insist(attempt: Callable[[], Reply]) -> Reply:
    """Try again as long as the answer is 503, as a patient caller does."""
    for _ in range(_PATIENCE):
        reply = attempt()
        if reply.code != "unavailable":
            return reply
    raise AssertionError("the storm has no end")
