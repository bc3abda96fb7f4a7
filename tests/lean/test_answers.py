"""An answer and an error of AWS come to mean what they mean by way of boto3, whatever stands in them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondstep.aws import AwsConflict, AwsRefused, AwsUnavailable, ConditionFailed, TransactionCancelled
from tests.lean.conftest import Stage, Twins
from tests.lean.said import KEY, READ, SENT_ITEMS, TEXTS
from tests.loopback import refuses, says

MADE = settings(max_examples=60, deadline=None, derandomize=True)
TRANSACTION = {"TransactItems": [{"Delete": {"TableName": "State", "Key": KEY}}], "ClientRequestToken": "t" * 36}
QUERY = {"TableName": "State", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "x"}}}
WRITE = {"TableName": "State", "Key": KEY, "UpdateExpression": "REMOVE a", "ConditionExpression": "attribute_exists(a)"}
PUT = {"TableName": "State", "Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}
SEAL = {"KeyId": "k", "Plaintext": b"secret", "EncryptionContext": {"app": "x"}}
OPEN = {"KeyId": "k", "CiphertextBlob": b"sealed", "EncryptionContext": {"app": "x"}}
CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "get_item"): READ,
    ("dynamodb", "batch_get_item"): {"RequestItems": {"State": {"Keys": [KEY], "ConsistentRead": True}}},
    ("dynamodb", "query"): QUERY,
    ("dynamodb", "put_item"): PUT,
    ("dynamodb", "update_item"): WRITE,
    ("dynamodb", "transact_write_items"): TRANSACTION,
    ("kms", "encrypt"): SEAL,
    ("kms", "decrypt"): OPEN,
}
CONSUMED = {"TableName": "State", "CapacityUnits": 1.5, "Table": {"CapacityUnits": 1}, "ReadCapacityUnits": 2}
METRICS = {"ItemCollectionKey": {"pk": {"S": "x"}}, "SizeEstimateRangeGB": [0, 1.0]}


def are_alike(twins: Twins, service: str, operation: str, request: dict[str, Any]) -> Any:
    """Assert that both clients end alike, and return how."""
    ours, theirs = twins.outcomes(service, operation, request)
    assert ours == theirs
    return ours


@MADE
@given(SENT_ITEMS)
def test_an_item_is_read_as_boto3_reads_it(twins: Twins, item: dict[str, Any]) -> None:
    twins.says(says({"Item": item, "ConsumedCapacity": CONSUMED, "Unknown": {"a": [None]}}))
    assert are_alike(twins, "dynamodb", "get_item", READ).keys() == {"Item", "ConsumedCapacity"}


@MADE
@given(st.lists(SENT_ITEMS, max_size=4), TEXTS)
def test_every_answer_that_holds_items_is_read_as_boto3_reads_it(
    twins: Twins, items: list[dict[str, Any]], text: str
) -> None:
    unprocessed = {"State": {"Keys": items, "ConsistentRead": True, "ProjectionExpression": text}}
    first = items[0] if items else None
    bodies = {
        "batch_get_item": {"Responses": {"State": items}, "UnprocessedKeys": unprocessed, "ConsumedCapacity": None},
        "query": {"Items": items, "Count": len(items), "ScannedCount": 9, "LastEvaluatedKey": first},
        "put_item": {"Attributes": first, "ItemCollectionMetrics": METRICS},
        "update_item": {"Attributes": first, "ConsumedCapacity": CONSUMED},
        "transact_write_items": {"ItemCollectionMetrics": {"State": [METRICS]}, "ConsumedCapacity": [CONSUMED]},
    }
    for operation, body in bodies.items():
        twins.says(says(body))
        are_alike(twins, "dynamodb", operation, CALLS["dynamodb", operation])


@MADE
@given(SENT_ITEMS, TEXTS)
def test_a_refused_condition_shows_the_item_that_boto3_shows(twins: Twins, item: dict[str, Any], text: str) -> None:
    twins.says(refuses("ConditionalCheckFailedException", Item=item, message=text))
    assert are_alike(twins, "dynamodb", "update_item", WRITE)[0] is ConditionFailed
    twins.says(refuses("ConditionalCheckFailedException", Message=text))
    assert are_alike(twins, "dynamodb", "put_item", PUT) == (ConditionFailed, None)


@MADE
@given(
    st.lists(
        st.fixed_dictionaries(
            {"Code": st.sampled_from(["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"])},
            optional={"Item": st.one_of(st.none(), SENT_ITEMS), "Message": st.one_of(st.none(), TEXTS)},
        ),
        max_size=4,
    )
)
def test_a_cancelled_transaction_gives_the_reasons_that_boto3_gives(
    twins: Twins, reasons: list[dict[str, Any]]
) -> None:
    twins.says(refuses("TransactionCanceledException", CancellationReasons=reasons))
    kind, told = are_alike(twins, "dynamodb", "transact_write_items", TRANSACTION)
    assert kind is TransactionCancelled
    assert [each.code for each in told] == [each["Code"] for each in reasons]


CODES = (
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 400),
    ("RequestLimitExceeded", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
    ("InternalFailure", 500),
    ("TransactionConflictException", 400),
    ("TransactionInProgressException", 400),
    ("ReplicatedWriteConflictException", 400),
    ("IdempotentParameterMismatchException", 400),
    ("ItemCollectionSizeLimitExceededException", 400),
    ("ResourceNotFoundException", 400),
    ("ValidationException", 400),
    ("AccessDeniedException", 400),
    ("UnrecognizedClientException", 400),
    ("ExpiredTokenException", 400),
    ("SerializationException", 400),
    ("DisabledException", 400),
    ("KMSInvalidStateException", 400),
    ("KeyUnavailableException", 500),
    ("DependencyTimeoutException", 500),
    ("KMSInternalException", 500),
    ("NotFoundException", 400),
    ("InvalidKeyUsageException", 400),
    ("InvalidGrantTokenException", 400),
    ("InvalidCiphertextException", 400),
    ("IncorrectKeyException", 400),
    ("DryRunOperationException", 400),
    ("LimitExceededException", 400),
    ("TooManyRequestsException", 400),
    ("RequestTimeoutException", 408),
    ("Unheard", 418),
)


@pytest.mark.parametrize("call", CALLS, ids="-".join)
@pytest.mark.parametrize(("code", "status"), CODES)
def test_a_modelled_error_means_what_it_means_by_way_of_boto3(
    twins: Twins, call: tuple[str, str], code: str, status: int
) -> None:
    twins.says(refuses(code, status))
    kind, told = are_alike(twins, *call, CALLS[call])
    assert kind in (AwsUnavailable, AwsConflict, AwsRefused)
    assert told == code


@pytest.mark.parametrize(
    "named",
    [
        "ThrottlingException",
        "com.amazonaws.dynamodb.v20120810#ThrottlingException",
        "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/",
        "com.amazon.coral#ThrottlingException:http://internal.amazon.com/",
    ],
)
def test_the_code_is_taken_out_of_every_form_of_its_name(twins: Twins, named: str) -> None:
    twins.says(says({"__type": named, "message": "m"}, 400))
    assert are_alike(twins, "dynamodb", "get_item", READ) == (AwsUnavailable, "ThrottlingException")


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"{}"])
def test_the_page_of_a_proxy_is_an_error_by_its_status(twins: Twins, status: int, body: bytes) -> None:
    """With boto3 the same, but for the checksum that such a page has not."""
    twins.says(says(body, status, checksum=False))
    kind, told = are_alike(twins, "dynamodb", "get_item", READ)
    assert (kind, told) == (AwsUnavailable if status >= 500 else AwsRefused, str(status))


@pytest.mark.parametrize("call", CALLS, ids="-".join)
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'"x"', b'{"Item": 1', b"\xff"])
def test_what_is_no_answer_is_an_unknown_outcome(stage: Stage, call: tuple[str, str], body: bytes) -> None:
    """Never an empty item, a page without items, a write that won (promise 8)."""
    stage.plays(says(body))
    service, operation = call
    with pytest.raises(AwsUnavailable, match="Unreadable"):
        getattr(getattr(stage.lean, service), operation)(**CALLS[call])


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (("dynamodb", "get_item"), {"Item": {"a": {"S": 1}}}),
        (("dynamodb", "get_item"), {"Item": {"a": {"B": "no base64"}}}),
        (("dynamodb", "get_item"), {"Item": []}),
        (("dynamodb", "query"), {}),
        (("dynamodb", "query"), {"Items": None}),
        (("dynamodb", "batch_get_item"), {"UnprocessedKeys": {}}),
        (("kms", "decrypt"), {"KeyId": "k"}),
        (("kms", "encrypt"), {"KeyId": "k"}),
        (("kms", "decrypt"), {"Plaintext": "%"}),
    ],
)
def test_an_answer_of_another_shape_is_an_unknown_outcome(stage: Stage, call: tuple[str, str], body: Any) -> None:
    stage.plays(says(body))
    service, operation = call
    with pytest.raises(AwsUnavailable, match="Unreadable"):
        getattr(getattr(stage.lean, service), operation)(**CALLS[call])


def test_an_item_that_is_not_there_is_absent(twins: Twins) -> None:
    for body in ({}, {"Item": None}):
        twins.says(says(body))
        assert are_alike(twins, "dynamodb", "get_item", READ) == {}


def test_both_clients_say_the_same_on_the_wire(twins: Twins) -> None:
    for (service, operation), request in CALLS.items():
        twins.says(says({"Responses": {}, "Items": [], "CiphertextBlob": "", "Plaintext": ""}))
        are_alike(twins, service, operation, request)
        ours, theirs = twins.heard
        assert json.loads(ours.body) == json.loads(theirs.body)
        for name in ("x-amz-target", "content-type", "x-amz-security-token", "host"):
            assert ours.headers[name] == theirs.headers[name], name
