"""DynamoDB by moto with nothing between: a client that is asked and answers as boto3's, without the wire and back.

boto3 signs, resolves, serialises and parses for longer than moto takes to answer. Thousands of tests of the service
need none of that: boto3's own part is tested on its wire (`tests/attacks/test_sdk_faults.py`), and with every flow
against AWS's DynamoDB Local.
"""

import base64
import json
from functools import partial
from typing import Any, cast

from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.dynamodb.responses import DynamoHandler

from local.template import ACCOUNT, REGION

type Document = dict[str, Any]

_OPERATIONS = {
    "get_item": "GetItem",
    "batch_get_item": "BatchGetItem",
    "query": "Query",
    "put_item": "PutItem",
    "update_item": "UpdateItem",
    "delete_item": "DeleteItem",
    "transact_write_items": "TransactWriteItems",
}
_EXPRESSIONS = ("KeyConditionExpression", "FilterExpression", "UpdateExpression", "ConditionExpression")


class DirectClient:
    """In the place of boto3's client of DynamoDB, while a cloud runs; `otherwise` is boto3's, for what is asked rarely.

    Its calls pass where all of this process do (`local.atomic`), so they run alone, and once for each token.
    """

    def __init__(self, otherwise: Any) -> None:
        self._otherwise = otherwise
        self._seen: set[tuple[object, ...]] = set()

    def __getattr__(self, name: str) -> Any:
        operation = _OPERATIONS.get(name)
        return partial(self._call, operation) if operation else getattr(self._otherwise, name)

    def _call(self, operation: str, **request: Any) -> Document:
        self._refuse_malformed(operation, request)
        handler = _Handler(operation, _copied(request))
        _, _, refusal = handler.call_action()
        if refusal:
            raise _error(json.loads(refusal, object_hook=_with_bytes), operation)
        return handler.answer

    def _refuse_malformed(self, operation: str, request: Document) -> None:
        """Hold a request against AWS's model as boto3 does, once for each of its kind."""
        kind = (operation, *request, *(request.get(name) for name in _EXPRESSIONS))
        if kind in self._seen:
            return
        report = ParamValidator().validate(
            request, get_service_model("dynamodb").operation_model(operation).input_shape
        )
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self._seen.add(kind)


class _Handler(DynamoHandler):
    """moto's handler of one request that has been parsed already, and its answer before it becomes text."""

    def __init__(self, operation: str, request: Document) -> None:
        super().__init__()
        self.headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        self.querystring = {}
        self.response_headers = {}
        self.region, self.current_account = REGION, ACCOUNT
        self.params = cast("Any", request)
        self.answer: Document = {}

    def serialized(self, answer: ActionResult) -> Any:
        """Keep an answer as it is, for moto has made it of dicts of its own; an error goes on as text."""
        if isinstance(answer.result, Exception):
            return super().serialized(answer)
        self.answer = {name: value for name, value in cast("Document", answer.result).items() if value is not None}
        return 200, {}, ""


def _copied(value: Any) -> Any:
    """Return the request as if it had been parsed: moto keeps what it is given, and changes it later."""
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_copied(each) for each in value]
    return value


def _with_bytes(read: Document) -> Document:
    """Return an attribute value of a binary type as boto3 does."""
    match read:
        case {"B": str(text)} if len(read) == 1:
            return {"B": base64.b64decode(text)}
        case {"BS": [str(), *_] as texts} if len(read) == 1:
            return {"BS": [base64.b64decode(text) for text in texts]}
    return read


def _error(told: Document, operation: str) -> ClientError:
    code = str(told.pop("__type", "")).rpartition("#")[2]
    message = told.pop("message", told.pop("Message", ""))
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}, **told}
    return ClientError(cast("Any", answer), operation)
