"""AWS's answers as Python values, the same as boto3's: binary as bytes, numbers of items as text, nothing that is null.

What is not in the model of an operation is left out, as boto3 leaves it out; what has another shape is no answer.
"""

from functools import cache
from typing import Any, NamedTuple, TypedDict

import msgspec

from secondstep.aws import Answer


class Value(TypedDict, total=False):
    """One attribute value: exactly one of these."""

    S: str
    N: str
    B: bytes
    SS: list[str]
    NS: list[str]
    BS: list[bytes]
    M: dict[str, "Value"]
    L: list["Value"]
    NULL: bool
    BOOL: bool


type Item = dict[str, Value]


class Units(TypedDict, total=False):
    """What a table or an index has consumed."""

    CapacityUnits: float
    ReadCapacityUnits: float
    WriteCapacityUnits: float


class Consumed(Units, total=False):
    """What a call has consumed (`ReturnConsumedCapacity`)."""

    TableName: str
    Table: Units
    LocalSecondaryIndexes: dict[str, Units]
    GlobalSecondaryIndexes: dict[str, Units]


class CollectionMetrics(TypedDict, total=False):
    """The size of a partition (`ReturnItemCollectionMetrics`)."""

    ItemCollectionKey: Item
    SizeEstimateRangeGB: list[float]


class KeysAndAttributes(TypedDict, total=False):
    """Keys that a batch has not read."""

    Keys: list[Item]
    AttributesToGet: list[str]
    ConsistentRead: bool
    ProjectionExpression: str
    ExpressionAttributeNames: dict[str, str]


class GetItem(TypedDict, total=False):
    """The answer of GetItem."""

    Item: Item | None
    ConsumedCapacity: Consumed | None


class BatchGetItem(TypedDict, total=False):
    """The answer of BatchGetItem."""

    Responses: dict[str, list[Item]] | None
    UnprocessedKeys: dict[str, KeysAndAttributes] | None
    ConsumedCapacity: list[Consumed] | None


class Query(TypedDict, total=False):
    """The answer of Query."""

    Items: list[Item] | None
    Count: int | None
    ScannedCount: int | None
    LastEvaluatedKey: Item | None
    ConsumedCapacity: Consumed | None


class Written(TypedDict, total=False):
    """The answer of PutItem and UpdateItem."""

    Attributes: Item | None
    ConsumedCapacity: Consumed | None
    ItemCollectionMetrics: CollectionMetrics | None


class TransactWriteItems(TypedDict, total=False):
    """The answer of TransactWriteItems."""

    ConsumedCapacity: list[Consumed] | None
    ItemCollectionMetrics: dict[str, list[CollectionMetrics]] | None


class Sealed(TypedDict, total=False):
    """The answer of Encrypt."""

    CiphertextBlob: bytes | None
    KeyId: str | None
    EncryptionAlgorithm: str | None


class Opened(TypedDict, total=False):
    """The answer of Decrypt."""

    KeyId: str | None
    Plaintext: bytes | None
    EncryptionAlgorithm: str | None
    CiphertextForRecipient: bytes | None
    KeyMaterialId: str | None


class Reason(TypedDict, total=False):
    """Why a part of a transaction was refused."""

    Item: Item | None
    Code: str | None
    Message: str | None


_Refusal = TypedDict(
    "_Refusal",
    {"__type": str | None, "Item": Item | None, "CancellationReasons": list[Reason] | None},
    total=False,
)

# What an operation must answer with at least: `{}` of a Query is no empty page.
_ANSWERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "GetItem": (GetItem, ()),
    "BatchGetItem": (BatchGetItem, ("Responses",)),
    "Query": (Query, ("Items",)),
    "PutItem": (Written, ()),
    "UpdateItem": (Written, ()),
    "TransactWriteItems": (TransactWriteItems, ()),
    "Encrypt": (Sealed, ("CiphertextBlob",)),
    "Decrypt": (Opened, ("Plaintext",)),
}


class Unreadable(Exception):
    """It is not an answer of this operation."""


class Refusal(NamedTuple):
    """An error of AWS: its code, and the members that are modelled."""

    code: str
    members: Answer


def parse_answer(operation: str, body: bytes) -> Answer:
    """Return the members of an answer; Unreadable for what is none."""
    try:
        answer = _without_nulls(_decoder(_ANSWERS[operation][0]).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as failure:
        raise Unreadable from failure
    if any(member not in answer for member in _ANSWERS[operation][1]):
        raise Unreadable
    return answer


def parse_refusal(status: int, body: bytes) -> Refusal:
    """Return code and members; the code of what is no error document of AWS's (a proxy's page) is the status."""
    try:
        members = _without_nulls(_decoder(_Refusal).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(str(status), {})
    if reasons := members.get("CancellationReasons"):
        members["CancellationReasons"] = [_without_nulls(each) for each in reasons]
    # "com.amazonaws.dynamodb.v20120810#ThrottlingException", or with an address after a colon
    code = members.pop("__type", str(status)).split(":", 1)[0].rsplit("#", 1)[-1]
    return Refusal(code, members)


@cache
def _decoder(of: Any) -> "msgspec.json.Decoder[Answer]":
    return msgspec.json.Decoder(of)


def _without_nulls(members: Answer) -> Answer:
    return {name: value for name, value in members.items() if value is not None}
