"""The calls to DynamoDB: one item, several items, a transaction; their failures in the service's own words.

Only here a conflict with a transaction is retried (twice, with jitter: botocore does not, and no emulator makes one),
and only here an unknown outcome becomes `Unavailable`.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from secondstep.aws import Answer, AwsConflict, AwsUnavailable, ConditionFailed, DynamoDb, Item, TransactionCancelled
from secondstep.errors import Unavailable
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.expression import NewItem, Query, Write

_CONFLICT_RETRIES = 2
_RETRIABLE = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_FAILED_CONDITION = "ConditionalCheckFailed"

type Part = dict[str, Any]


class Refused(Exception):
    """Nothing was written: the condition of part number `part` failed (0 for a single write); `item` is what stands."""

    def __init__(self, part: int, item: Item | None) -> None:
        super().__init__(f"part {part}")
        self.part = part
        self.item = item


class Database:
    """The State and the Audit table; `pause` waits between the tries of a transaction that met a conflict."""

    def __init__(self, client: DynamoDb, *, state: str, audit: str, pause: Callable[[float], object]) -> None:
        self.client = client
        self.state = state
        self.audit = audit
        self._pause = pause
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="dynamodb")

    def get(self, key: Item) -> Item | None:
        """Read one item of State, consistently."""
        try:
            found = self.client.get_item(TableName=self.state, Key=encode_item(key), ConsistentRead=True)
        except AwsUnavailable as fault:
            raise Unavailable from fault
        return decode_item(found["Item"]) if "Item" in found else None

    def get_many(self, keys: Sequence[Item]) -> list[Item | None]:
        """Read several items of State in one consistent call; None stands for one that does not exist.

        Keys that DynamoDB left unprocessed (a throttle) are not silently missing: they are Unavailable.
        """
        wanted = [encode_item(key) for key in keys]
        request = {self.state: {"Keys": wanted, "ConsistentRead": True}}
        try:
            found = self.client.batch_get_item(RequestItems=request)
        except AwsUnavailable as fault:
            raise Unavailable from fault
        if found.get("UnprocessedKeys"):
            raise Unavailable
        items = [decode_item(item) for item in found["Responses"].get(self.state, [])]
        by_key = {(item["pk"], item["sk"]): item for item in items}
        return [by_key.get((key["pk"], key["sk"])) for key in keys]

    def partition(self, pk: str) -> list[Item]:
        """Read all items of one small partition of State, consistently."""
        try:
            found = self.client.query(
                TableName=self.state,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
                ConsistentRead=True,
            )
        except AwsUnavailable as fault:
            raise Unavailable from fault
        return [decode_item(item) for item in found["Items"]]

    def page(self, query: Query) -> tuple[list[Item], Item | None]:
        """Read one page of a partition, and the key that was looked at last (None: there is no more).

        An index is eventually consistent and decides nothing.
        """
        try:
            found = self.client.query(**query.request())
        except AwsUnavailable as fault:
            raise Unavailable from fault
        last = found.get("LastEvaluatedKey")
        return [decode_item(item) for item in found["Items"]], decode_item(last) if last else None

    def update(self, write: Write) -> Item:
        """Change one item and return all of it as it is now; Refused carries what stands instead."""
        try:
            answer = self._write(self.client.update_item, write.as_update(self.state) | {"ReturnValues": "ALL_NEW"})
        except AwsUnavailable as fault:
            raise Unavailable from fault
        except ConditionFailed as refused:
            raise Refused(0, decode_item(refused.item) if refused.item else None) from refused
        return decode_item(answer["Attributes"])

    def create(self, new: NewItem) -> None:
        """Make an item of State under a random key; one that stands there already is the SDK's repeat of this write."""
        self._put(new.as_put(self.state))

    def append(self, event: NewItem) -> None:
        """Write an audit event; one that stands there already is the SDK's repeat of this very write.

        Its key is random, so nobody else can have written it.
        """
        self._put(event.as_put(self.audit))

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._write(self.client.put_item, request)
        except AwsUnavailable as fault:
            raise Unavailable from fault
        except ConditionFailed:
            return

    def _write(self, call: Callable[..., Answer], request: dict[str, Any]) -> Answer:
        """Make a single write, which DynamoDB refuses for as long as a transaction is at work on its item."""
        for meetings in range(1, _CONFLICT_RETRIES + 1):
            try:
                return call(**request)
            except AwsConflict:
                self.give_way(meetings)
        return call(**request)

    def changed(self, write: Write) -> Part:
        """Return a transaction's part that changes an item of State, or checks it where it changes nothing."""
        return self.checked(write) if write.changes_nothing else {"Update": write.as_update(self.state)}

    def removed(self, write: Write) -> Part:
        """Return a transaction's part that removes an item of State."""
        return {"Delete": write.as_check(self.state)}

    def checked(self, write: Write) -> Part:
        """Return a transaction's part that only checks an item of State."""
        return {"ConditionCheck": write.as_check(self.state)}

    def created(self, new: NewItem) -> Part:
        """Return a transaction's part that makes an item of State."""
        return {"Put": new.as_put(self.state)}

    def recorded(self, new: NewItem) -> Part:
        """Return a transaction's part that appends an audit event."""
        return {"Put": new.as_put(self.audit)}

    def commit(self, *parts: Part) -> None:
        """Write all parts or none; Refused names the first part whose condition failed.

        The ClientRequestToken is random per request and kept over its tries: DynamoDB answers a repeat of a
        transaction that it has done with success, and runs it once.
        """
        token = secrets.token_hex(16)
        for tries_left in reversed(range(_CONFLICT_RETRIES + 1)):
            try:
                self.client.transact_write_items(TransactItems=list(parts), ClientRequestToken=token)
            except AwsUnavailable as fault:
                raise Unavailable from fault
            except TransactionCancelled as cancelled:
                self._raise_unless_retriable(cancelled, tries_left)
                self.give_way(_CONFLICT_RETRIES + 1 - tries_left)
            else:
                return

    @staticmethod
    def _raise_unless_retriable(cancelled: TransactionCancelled, tries_left: int) -> None:
        """A failed condition decides; a conflict or throttle only delays; anything else is a defect."""
        for part, reason in enumerate(cancelled.reasons):
            if reason.code == _FAILED_CONDITION:
                raise Refused(part, decode_item(reason.item) if reason.item else None) from cancelled
        if not any(reason.code in _RETRIABLE for reason in cancelled.reasons):
            raise cancelled
        if not tries_left:
            raise Unavailable from cancelled

    def give_way(self, meetings: int) -> None:
        """Wait for a random moment, longer with each meeting, so that those who met do not meet again."""
        self._pause(random.uniform(0.02, 0.1) * meetings)  # noqa: S311 - jitter

    def together[A, B](self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """Make two calls at the same time: one round trip. Both have ended when this returns or raises."""
        other = self._threads.submit(second)
        try:
            return first(), other.result()
        finally:
            other.exception()  # waits: no call may outlive the request, the environment freezes after it
