"""moto behind one lock: what DynamoDB orders and remembers, and plain moto does not.

moto 5.2 reads, decides and writes without a lock: two threads can both win one conditional write, which would make
a correct service look broken. It also runs a transaction again whose `ClientRequestToken` it has already served.
Both are cured around the one method through which every call passes, in process and over HTTP.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from moto.core.common_models import BaseModel
from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX, DynamodbException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.kms.responses import KmsResponse

from local import rollback, shaping

TOKEN_SECONDS = 600  # "The token is valid for 10 minutes" (API reference of TransactWriteItems)
MOTO = threading.RLock()

_DYNAMODB, _KMS = DynamoHandler.call_action, KmsResponse.call_action  # moto's own, whoever else has wrapped them

type Reply = tuple[int, dict[str, Any], Any]


class IdempotentParameterMismatch(DynamodbException):
    """The token was used in the last ten minutes for another request."""

    def __init__(self) -> None:
        super().__init__(
            f"{ERROR_TYPE_PREFIX}IdempotentParameterMismatchException",
            "The request uses the same client token as a previous, but non-identical request.",
        )


@dataclass(frozen=True)
class _Served:
    fingerprint: str
    reply: Reply
    forgotten_at: float


class TokenMemory:
    """Which transactions have succeeded under which token; use it under the lock only."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._served: dict[tuple[str, str, str], _Served] = {}

    def forget(self) -> None:
        """Forget every token."""
        self._served.clear()

    def call(self, handler: Any, run: Callable[[Any], Reply]) -> Reply:
        """Run a call of DynamoDB, unless it repeats a transaction that has succeeded."""
        request = getattr(handler, "params", None) or {}
        token = request.get("ClientRequestToken")
        if handler.current_account is None or not token or handler._get_action() != "TransactWriteItems":  # noqa: SLF001
            return run(handler)
        return self._once((handler.current_account, handler.region, token), request, handler, run)

    def _once(self, key: tuple[str, str, str], request: Any, handler: Any, run: Callable[[Any], Reply]) -> Reply:
        self._drop_old()
        # Before the run: moto keeps the request's items by reference and changes them later.
        fingerprint = hashlib.sha256(repr(request).encode()).hexdigest()
        if (earlier := self._served.get(key)) is not None:
            if earlier.fingerprint != fingerprint:
                raise IdempotentParameterMismatch
            return earlier.reply
        reply = run(handler)
        if reply[0] == 200:  # only a success is remembered: a refused one may be sent again
            self._served[key] = _Served(fingerprint, reply, self._now() + TOKEN_SECONDS)
        return reply

    def _drop_old(self) -> None:
        now = self._now()
        for key in [key for key, one in self._served.items() if one.forgotten_at <= now]:
            del self._served[key]


@contextmanager
def atomic(memory: TokenMemory) -> Iterator[None]:
    """Make every call of DynamoDB and KMS in this process run alone, while the context lasts.

    Within another one (a test's cloud beside the session's) this memory takes the other's place.
    """

    def dynamodb_alone(handler: Any) -> Any:
        with MOTO:
            return memory.call(handler, _DYNAMODB)

    def kms_alone(handler: Any) -> Any:
        with MOTO:
            return _KMS(handler)

    with (
        patch.object(DynamoHandler, "call_action", dynamodb_alone),
        patch.object(KmsResponse, "call_action", kms_alone),
        patch.object(DynamoHandler, "serialized", shaping.serialized),
        patch.object(DynamoDBBackend, "transact_write_items", rollback.transact_write_items),
        patch.object(Table, "__deepcopy__", rollback.as_it_is, create=True),
        patch.object(BaseModel, "__new__", _made),
    ):
        yield


def _made(model: type[Any], *_: Any, **__: Any) -> Any:
    """Stand in the place of `BaseModel.__new__`: moto keeps all that it ever made, for a dashboard that we have not."""
    return object.__new__(model)
