"""moto's answers of DynamoDB, put into JSON at once.

moto walks AWS's model of the answer and asks, for each member of each of its many shapes, under which of several
spellings an object might hold it: nearly half of all that a call costs. What its DynamoDB answers to a read or a write
of items is AWS's JSON already, but for bytes, so nothing has to be looked for.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.responses import DynamoHandler

# Those whose answers hold items and numbers only. An error, and a table's description, go moto's own way.
_OF_ITEMS = {
    *("GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem"),
    *("BatchWriteItem", "TransactGetItems", "TransactWriteItems"),
}
_HEADERS = {"Content-Type": "application/x-amz-json-1.0"}
_SERIALIZED = DynamoHandler.serialized

type Shaped = Callable[[DynamoHandler, ActionResult], Any]


def serialized(handler: DynamoHandler, answer: ActionResult) -> Any:
    """Stand in the place of `DynamoHandler.serialized`: the same status, headers and JSON for the same answer."""
    if isinstance(answer.result, dict) and handler._get_action() in _OF_ITEMS:  # noqa: SLF001
        return 200, dict(_HEADERS), json.dumps(_without_nothing(answer.result), default=_as_text)
    return _SERIALIZED(handler, answer)


def _without_nothing(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None: AWS has no such member then."""
    return {name: value for name, value in answer.items() if value is not None}


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)
