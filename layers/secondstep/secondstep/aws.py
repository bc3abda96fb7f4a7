"""The protocols that `store`, `keys`, `bus` and `mailer` call: just the operations used, and how they fail.

Requests and answers are those of the AWS API (attribute values as `{"S": …}`, binary as bytes). A client behind
these protocols raises nothing but the errors below, so another client can take its place.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

type Item = dict[str, Any]
type Answer = dict[str, Any]


class AwsError(Exception):
    """An AWS call did not succeed."""


class ConditionFailed(AwsError):
    """A single-item write was refused by its condition; `item` is what DynamoDB holds (ALL_OLD), or None."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition failed")
        self.item = item


class Reason(msgspec.Struct, frozen=True):
    """Why one part of a transaction was refused (`None` for a part that would have been written)."""

    code: str
    item: Item | None = None


class TransactionCancelled(AwsError):
    """A transaction wrote nothing; `reasons` are in the order of its parts."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons


class AwsUnavailable(AwsError):
    """Throttled, timed out, no network, a fault of the service: the outcome of a write is unknown."""


class AwsConflict(AwsUnavailable):
    """A single write met a transaction on its item: this attempt has written nothing, and a later one may."""


class AwsRefused(AwsError):
    """The call can never succeed as it is (denied, malformed, a ciphertext that does not open): a defect."""


# Nothing has run, or it runs under its token already: worth a second attempt, whatever was asked.
THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionInProgressException",
        "TooManyRequestsException",
        "LimitExceededException",
    }
)
_UNAVAILABLE = THROTTLES | {
    "InternalServerError",
    "ReplicatedWriteConflictException",
    "ServiceUnavailable",
    "InternalFailure",
    "DisabledException",
    "KMSInvalidStateException",
    "KeyUnavailableException",
    "DependencyTimeoutException",
    "KMSInternalException",
    "RequestTimeout",
    "RequestTimeoutException",
}
_SERVER_FAULT = 500


def failure(code: str, status: int, members: Mapping[str, Any]) -> AwsError:
    """Return an error answer of AWS in our own words; `members` are what its model has besides code and message."""
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(members.get("Item"))
    if code == "TransactionCanceledException":
        reasons = members.get("CancellationReasons", [])
        return TransactionCancelled(tuple(Reason(each.get("Code", "None"), each.get("Item")) for each in reasons))
    if code == "TransactionConflictException":
        return AwsConflict(code)
    if code in _UNAVAILABLE or status >= _SERVER_FAULT:
        return AwsUnavailable(code)
    return AwsRefused(code)


class DynamoDb(Protocol):
    """The operations of DynamoDB that `store` uses."""

    def get_item(self, **request: Any) -> Answer:
        """Read one item."""
        ...

    def batch_get_item(self, **request: Any) -> Answer:
        """Read several items in one call."""
        ...

    def query(self, **request: Any) -> Answer:
        """Read the items of one partition."""
        ...

    def put_item(self, **request: Any) -> Answer:
        """Write one item."""
        ...

    def update_item(self, **request: Any) -> Answer:
        """Change one item."""
        ...

    def transact_write_items(self, **request: Any) -> Answer:
        """Write several items, all or none."""
        ...


class Kms(Protocol):
    """The operations of KMS that `keys` uses."""

    def encrypt(self, **request: Any) -> Answer:
        """Seal at most 4,096 bytes under a key and an encryption context."""
        ...

    def decrypt(self, **request: Any) -> Answer:
        """Open a ciphertext; the encryption context must be the one it was sealed with."""
        ...


class EventBridge(Protocol):
    """The operation of EventBridge that `bus` uses."""

    def put_events(self, **request: Any) -> Answer:
        """Put at most ten events on a bus; the answer tells of each whether it was taken."""
        ...


class Ses(Protocol):
    """The operation of SES (version 2) that `mailer` uses."""

    def send_email(self, **request: Any) -> Answer:
        """Send one mail."""
        ...
