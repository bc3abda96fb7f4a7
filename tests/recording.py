"""AWS clients that record every call, and that can be told to fail one: what budgets and faults are asserted with."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from secondstep.aws import Answer, DynamoDb, Kms


class Called(NamedTuple):
    """One call: the operation, what was asked, and whether it ran beside another one."""

    operation: str
    request: dict[str, Any]
    beside: bool


type Fault = Callable[[Called, Callable[[], Answer]], Answer]


class Recorder:
    """The calls of one environment, in order; `fault` stands between a call and AWS while it is set."""

    def __init__(self) -> None:
        self.calls: list[Called] = []
        self.fault: Fault | None = None
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget the calls so far."""
        with self._lock:
            self.calls.clear()

    def run(self, operation: str, request: dict[str, Any], send: Callable[..., Answer]) -> Answer:
        """Record a call and send it, or let the fault decide."""
        beside = threading.current_thread().name.startswith("dynamodb")
        called = Called(operation, request, beside)
        with self._lock:
            self.calls.append(called)
        if self.fault is not None:
            return self.fault(called, lambda: send(**request))
        return send(**request)

    def count(self, *operations: str) -> int:
        """Return how many calls were of these operations."""
        return sum(call.operation in operations for call in self.calls)

    @property
    def kms(self) -> list[str]:
        """Return the KMS operations, in order."""
        return [call.operation for call in self.calls if call.operation in ("encrypt", "decrypt")]

    @property
    def evaluated(self) -> int:
        """Return how many times a TOTP secret was opened: once for each guess at one authenticator."""
        opened = [call.request["EncryptionContext"] for call in self.calls if call.operation == "decrypt"]
        return sum("authenticator" in context for context in opened)

    @property
    def dynamodb(self) -> list[str]:
        """Return the DynamoDB operations, in the order in which they began."""
        return [call.operation for call in self.calls if call.operation not in ("encrypt", "decrypt")]

    @property
    def round_trips(self) -> int:
        """Return how many times DynamoDB was waited for: a call beside another one costs no trip of its own."""
        return sum(not call.beside for call in self.calls if call.operation not in ("encrypt", "decrypt"))


class RecordedDynamoDb:
    """A DynamoDB client that tells a Recorder."""

    def __init__(self, client: DynamoDb, recorder: Recorder) -> None:
        self._client = client
        self._recorder = recorder

    def get_item(self, **request: Any) -> Answer:
        """Read one item."""
        return self._recorder.run("get_item", request, self._client.get_item)

    def batch_get_item(self, **request: Any) -> Answer:
        """Read several items."""
        return self._recorder.run("batch_get_item", request, self._client.batch_get_item)

    def query(self, **request: Any) -> Answer:
        """Read a partition."""
        return self._recorder.run("query", request, self._client.query)

    def put_item(self, **request: Any) -> Answer:
        """Write one item."""
        return self._recorder.run("put_item", request, self._client.put_item)

    def update_item(self, **request: Any) -> Answer:
        """Change one item."""
        return self._recorder.run("update_item", request, self._client.update_item)

    def transact_write_items(self, **request: Any) -> Answer:
        """Write several items."""
        return self._recorder.run("transact_write_items", request, self._client.transact_write_items)


class RecordedKms:
    """A KMS client that tells a Recorder."""

    def __init__(self, client: Kms, recorder: Recorder) -> None:
        self._client = client
        self._recorder = recorder

    def encrypt(self, **request: Any) -> Answer:
        """Seal."""
        return self._recorder.run("encrypt", request, self._client.encrypt)

    def decrypt(self, **request: Any) -> Answer:
        """Open."""
        return self._recorder.run("decrypt", request, self._client.decrypt)
