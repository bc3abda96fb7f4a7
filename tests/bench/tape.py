"""What AWS answered to one request of the service, kept to be answered again: so that only our own CPU is measured.

A call is known by its operation, the key that it is about and the context of what it opens: within one request that is
always enough. The answers are those of DynamoDB's and KMS's JSON protocols, with DynamoDB's checksum.
"""

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

from secondstep.aws import Answer
from tests.recording import Called

_TARGETS = {
    "get_item": "DynamoDB_20120810.GetItem",
    "batch_get_item": "DynamoDB_20120810.BatchGetItem",
    "query": "DynamoDB_20120810.Query",
    "put_item": "DynamoDB_20120810.PutItem",
    "update_item": "DynamoDB_20120810.UpdateItem",
    "transact_write_items": "DynamoDB_20120810.TransactWriteItems",
    "encrypt": "TrentService.Encrypt",
    "decrypt": "TrentService.Decrypt",
}
type Tape = dict[str, str]


class Recording:
    """A tape that is being made: put `hear` where a Recorder has its fault."""

    def __init__(self) -> None:
        self.tape: Tape = {}

    def hear(self, called: Called, send: Callable[[], Answer]) -> Answer:
        """Send a call on and keep its answer; ValueError where a call before it looks the same."""
        answer = send()
        key = call_key(_TARGETS[called.operation], called.request)
        wire = json.dumps(_wire({name: value for name, value in answer.items() if name != "ResponseMetadata"}))
        if self.tape.setdefault(key, wire) != wire:
            raise ValueError(f"two calls look like {key}")
        return answer


def call_key(target: str, request: dict[str, Any]) -> str:
    """Return what tells a call from the others of its request."""
    context = request.get("EncryptionContext", {})
    key = request.get("Key", request.get("Item", {}))
    kind = key.get("pk", {}).get("S", "").partition("#")[0]
    return " ".join((target, kind, *sorted(context)))


def checksum(body: bytes) -> str:
    """Return DynamoDB's `x-amz-crc32`."""
    return str(zlib.crc32(body))


def _wire(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: _wire(each) for name, each in value.items()}
        case list() | tuple():
            return [_wire(each) for each in value]
        case _:
            return value
