"""What speeds moto up changes no answer: beside boto3's own, and after a transaction that is taken back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from local.cloud import Cloud
from local.direct import DirectClient
from local.template import Template

KEY = {"pk": {"S": "one"}, "sk": {"S": "STATE"}}
OTHER = {"pk": {"S": "other"}, "sk": {"S": "STATE"}}
ITEM = {
    **KEY,
    "text": {"S": "é"},
    "count": {"N": "3"},
    "sealed": {"B": b"\x00\xff"},
    "codes": {"BS": [b"\x01", b"\x02"]},
    "names": {"SS": ["a", "b"]},
    "flag": {"BOOL": True},
    "map": {"M": {"B": {"B": b"inner"}, "list": {"L": [{"NULL": True}, {"M": {}}]}}},
}
FAILS = {"ConditionExpression": "#c > :c", "ExpressionAttributeNames": {"#c": "count"}}
FAILS |= {"ExpressionAttributeValues": {":c": {"N": "3"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
COUNT = {
    "Key": KEY,
    "UpdateExpression": "ADD #c :one SET #m.added = :b",
    "ExpressionAttributeNames": {"#c": "count", "#m": "map"},
    "ExpressionAttributeValues": {":one": {"N": "1"}, ":b": {"B": b"\x03"}},
}
type Ask = Callable[[Any, str], Any]


@pytest.fixture(scope="module")
def started(template: Template) -> Iterator[Cloud]:
    with Cloud(template, streams=True) as cloud:
        yield cloud


@pytest.fixture
def cloud(started: Cloud) -> Iterator[Cloud]:
    started.client("dynamodb").put_item(TableName=started.physical("AuditTable"), Item=ITEM)
    started.stream("AuditTable")
    yield started
    started.forget()


def _part(kind: str, table: str, **more: Any) -> dict[str, Any]:
    return {kind: {"TableName": table, **more}}


ASKED: dict[str, Ask] = {
    "an item": lambda it, table: it.get_item(TableName=table, Key=KEY),
    "no item": lambda it, table: it.get_item(TableName=table, Key=OTHER),
    "a partition": lambda it, table: it.query(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "one"}}
    ),
    "several": lambda it, table: it.batch_get_item(RequestItems={table: {"Keys": [KEY, OTHER]}}),
    "a new item": lambda it, table: it.put_item(TableName=table, Item={**OTHER, "n": {"N": "1"}}),
    "a change": lambda it, table: it.update_item(TableName=table, **COUNT, ReturnValues="ALL_NEW"),
    "a removal": lambda it, table: it.delete_item(TableName=table, Key=KEY, ReturnValues="ALL_OLD"),
    "a transaction": lambda it, table: it.transact_write_items(TransactItems=[_part("Update", table, **COUNT)]),
    "a condition": lambda it, table: it.put_item(TableName=table, Item=ITEM, **FAILS),
    "a condition in a transaction": lambda it, table: it.transact_write_items(
        TransactItems=[_part("Put", table, Item=OTHER), _part("ConditionCheck", table, Key=KEY, **FAILS)]
    ),
    "a malformed expression": lambda it, table: it.update_item(TableName=table, Key=KEY, UpdateExpression="SET"),
    "a table that is not there": lambda it, _: it.get_item(TableName="nowhere", Key=KEY),
}


def _asked(ask: Ask, client: Any, table: str) -> Any:
    try:
        answer = dict(ask(client, table))
    except ClientError as refused:
        answer = dict(refused.response)
        answer["Error"].pop("Message")
        answer.pop("message", None)
        answer.pop("Message", None)
    for no_matter in ("ResponseMetadata", "ConsumedCapacityUnits"):  # AWS knows no such member as the second
        answer.pop(no_matter, None)
    return answer


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_is_asked_directly_is_answered_as_by_boto3(cloud: Cloud, ask: Ask) -> None:
    boto3, table = cloud.client("dynamodb"), cloud.physical("AuditTable")
    expected = _asked(ask, boto3, table)
    after = boto3.scan(TableName=table)["Items"]
    cloud.forget()
    boto3.put_item(TableName=table, Item=ITEM)
    assert _asked(ask, DirectClient(boto3), table) == expected
    assert boto3.scan(TableName=table)["Items"] == after


def test_a_request_that_boto3_would_not_send_is_not_served(cloud: Cloud) -> None:
    direct, table = DirectClient(cloud.client("dynamodb")), cloud.physical("AuditTable")
    with pytest.raises(ParamValidationError):
        direct.put_item(TableName=table, Item={**OTHER, "n": {"N": 1}})


def test_what_was_sent_or_answered_and_is_changed_afterwards_changes_no_item(cloud: Cloud) -> None:
    direct, table = DirectClient(cloud.client("dynamodb")), cloud.physical("AuditTable")
    sent = {**OTHER, "map": {"M": {"a": {"S": "as sent"}}}}
    direct.put_item(TableName=table, Item=sent)
    sent["map"]["M"]["a"] = {"S": "changed"}  # type: ignore[index]
    answered = direct.get_item(TableName=table, Key=OTHER)["Item"]
    answered["map"]["M"]["a"]["S"] = "changed"
    assert direct.get_item(TableName=table, Key=OTHER)["Item"]["map"] == {"M": {"a": {"S": "as sent"}}}


def test_a_refused_transaction_leaves_items_and_stream_as_they_were(cloud: Cloud) -> None:
    client, table = cloud.client("dynamodb"), cloud.physical("AuditTable")
    removed = {"pk": {"S": "removed"}, "sk": {"S": "STATE"}}
    client.put_item(TableName=table, Item={**removed, "n": {"N": "1"}})
    before = client.scan(TableName=table)["Items"]
    cloud.stream("AuditTable")
    parts = [
        _part("Update", table, **COUNT),
        _part("Delete", table, Key=removed),
        _part("Put", table, Item=OTHER),
        _part("ConditionCheck", table, Key={**KEY, "sk": {"S": "none"}}, ConditionExpression="attribute_exists(pk)"),
    ]
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=parts)
    assert client.scan(TableName=table)["Items"] == before
    assert cloud.stream("AuditTable") == []
    client.transact_write_items(TransactItems=parts[:3])
    assert [each["eventName"] for each in cloud.stream("AuditTable")] == ["MODIFY", "REMOVE", "INSERT"]
