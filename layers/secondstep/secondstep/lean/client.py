"""DynamoDB and KMS without an SDK: one call is at most two attempts, and the second only where it can do no harm.

What may be repeated (promise 8 of the storage design): a read and a call of KMS always, a transaction under its
ClientRequestToken, a write on a condition, which the store words so that a repeat of a write that had won shows
itself. Any other write is repeated only where it is certain that nothing has run.
"""

import random
import zlib
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from secondstep.aws import THROTTLES, Answer, AwsError, AwsRefused, AwsUnavailable, failure
from secondstep.lean.answers import Unreadable, parse_answer, parse_refusal
from secondstep.lean.connection import Connections, Limits, Lost, NotSent, Reply
from secondstep.lean.endpoint import endpoint
from secondstep.lean.signing import Credentials, Scope, signed
from secondstep.lean.skew import Skew

if TYPE_CHECKING:
    from secondstep.lean.container import Container

_SERVER_FAULT = 500
_NEVER_READ = {"RequestTimeout", "RequestTimeoutException"}  # AWS has waited for the rest of a request in vain
_PAUSE = (0.02, 0.1)


class Surroundings(NamedTuple):
    """What wiring gives: the real clock and pause (a signature needs the true time), and the process' environment."""

    environment: Mapping[str, str]
    clock: Callable[[], float]
    pause: Callable[[float], object]
    limits: Limits = Limits()


class _After(Enum):
    """What is known after an attempt that failed."""

    DECIDED = auto()  # it will not end otherwise
    NOTHING_RAN = auto()
    UNKNOWN = auto()


class _Failed(Exception):
    def __init__(self, error: AwsError, after: _After) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class _Protocol(NamedTuple):
    """How a service is spoken to."""

    service: str
    target: str
    content_type: str


class _Client:
    def __init__(self, protocol: _Protocol, region: str, around: Surroundings) -> None:
        place = endpoint(protocol.service, region, around.environment)
        self._protocol = protocol
        self._around = around
        self._path = place.path
        self._host = place.authority
        self._scope = Scope(region, protocol.service)
        self._skew = Skew(around.clock)
        self._container: Container | None = None
        self._connections = Connections(
            place, clock=around.clock, limits=around.limits, bundle=around.environment.get("AWS_CA_BUNDLE", "")
        )

    def close(self) -> None:
        """Close the connections that no call is using."""
        self._connections.close()

    def _call(self, operation: str, request: dict[str, Any]) -> Answer:
        body, may_repeat = _encoded(request), _may_repeat(operation, request)
        for is_last in (False, True):
            try:
                return self._attempt(operation, body, may_repeat=may_repeat)
            except _Failed as failed:
                may_go_on = failed.after is _After.NOTHING_RAN or (failed.after is _After.UNKNOWN and may_repeat)
                if is_last or not may_go_on:
                    raise failed.error from failed
            self._around.pause(random.uniform(*_PAUSE))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def _attempt(self, operation: str, body: bytes, *, may_repeat: bool) -> Answer:
        reply = self._reply(operation, body, may_repeat=may_repeat)
        if not _is_whole(reply):
            raise _Failed(AwsUnavailable("ChecksumMismatch"), _After.UNKNOWN)
        if reply.status != 200:
            raise self._refused(reply)
        try:
            return parse_answer(operation, reply.body)
        except Unreadable as unreadable:
            raise _Failed(AwsUnavailable("Unreadable"), _After.UNKNOWN) from unreadable

    def _reply(self, operation: str, body: bytes, *, may_repeat: bool) -> Reply:
        headers = self._headers(operation, body)
        try:
            return self._sent(headers, body, may_repeat=may_repeat)
        except NotSent as nowhere:
            raise _Failed(AwsUnavailable(str(nowhere)), _After.NOTHING_RAN) from nowhere
        except Lost as lost:
            raise _Failed(AwsUnavailable(str(lost)), _After.UNKNOWN) from lost

    def _sent(self, headers: Mapping[str, str], body: bytes, *, may_repeat: bool) -> Reply:
        """Send; what meets a connection that had died in silence is sent anew, and that is the same attempt."""
        try:
            return self._connections.exchange(headers, body)
        except NotSent as nowhere:
            if not nowhere.was_stale:
                raise
        except Lost as lost:
            if not (lost.was_stale and may_repeat):
                raise
        return self._connections.exchange(headers, body, anew=True)

    def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        headers = {
            "Host": self._host,
            "Content-Type": self._protocol.content_type,
            "X-Amz-Target": f"{self._protocol.target}.{operation}",
        }
        return signed(
            headers,
            body,
            path=self._path,
            scope=self._scope,
            credentials=self._credentials(self._skew.now()),
            moment=self._skew.now(),
        )

    def _credentials(self, now: float) -> Credentials:
        """Return what signs now: the environment's credentials, else a container's (botocore's order)."""
        environment = self._around.environment
        if environment.get("AWS_ACCESS_KEY_ID") or not environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            return Credentials.of(environment)
        if self._container is None:
            from secondstep.lean.container import Container  # only with SnapStart

            self._container = Container(environment)
        return self._container.credentials(now)

    def _refused(self, reply: Reply) -> _Failed:
        code, members = parse_refusal(reply.status, reply.body)
        if self._skew.is_corrected(code, reply.headers.get("Date")):
            return _Failed(AwsUnavailable(code), _After.NOTHING_RAN)
        error = failure(code, reply.status, members)
        if code in THROTTLES or code in _NEVER_READ:
            return _Failed(error, _After.NOTHING_RAN)
        return _Failed(error, _After.UNKNOWN if reply.status >= _SERVER_FAULT else _After.DECIDED)


def _encoded(request: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(request)
    except UnicodeEncodeError as failure:  # half a surrogate pair: no text that AWS would take
        raise AwsRefused("SerializationException") from failure


def _may_repeat(operation: str, request: Mapping[str, Any]) -> bool:
    match operation:
        case "PutItem" | "UpdateItem":
            return "ConditionExpression" in request
        case "TransactWriteItems":
            return "ClientRequestToken" in request
        case _:
            return True


def _is_whole(reply: Reply) -> bool:
    """Tell whether the body is the one that DynamoDB has sent; KMS sends no checksum."""
    told = reply.headers.get("x-amz-crc32")
    return told is None or told == str(zlib.crc32(reply.body))


class LeanDynamoDb(_Client):
    """DynamoDB."""

    def __init__(self, region: str, around: Surroundings) -> None:
        super().__init__(_Protocol("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0"), region, around)

    def get_item(self, **request: Any) -> Answer:
        """Read one item."""
        return self._call("GetItem", request)

    def batch_get_item(self, **request: Any) -> Answer:
        """Read several items in one call."""
        return self._call("BatchGetItem", request)

    def query(self, **request: Any) -> Answer:
        """Read the items of one partition."""
        return self._call("Query", request)

    def put_item(self, **request: Any) -> Answer:
        """Write one item."""
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> Answer:
        """Change one item."""
        return self._call("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> Answer:
        """Write several items, all or none."""
        return self._call("TransactWriteItems", request)


class LeanKms(_Client):
    """KMS."""

    def __init__(self, region: str, around: Surroundings) -> None:
        super().__init__(_Protocol("kms", "TrentService", "application/x-amz-json-1.1"), region, around)

    def encrypt(self, **request: Any) -> Answer:
        """Seal at most 4,096 bytes under a key and an encryption context."""
        return self._call("Encrypt", request)

    def decrypt(self, **request: Any) -> Answer:
        """Open a ciphertext; the encryption context must be the one it was sealed with."""
        return self._call("Decrypt", request)
