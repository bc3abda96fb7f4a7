"""DynamoDB's capacity units of a request, by the documented rules: a unit for each KB begun, indexes included.

Neither emulator can be asked: moto counts one unit whatever the size, and DynamoDB Local forgets all items of a
transaction but one for each table. Source: DynamoDB Developer Guide, "Item sizes and formats", "Capacity unit
consumption", "Global secondary indexes: write considerations". A write to an index from within a transaction is counted
twice, like the item's own: the guide does not say, DynamoDB Local does so, and it is the dearer reading.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from local.template import Template
from secondstep.aws import Answer, Item
from tests.recording import Called

_WRITE_BYTES, _READ_BYTES = 1024, 4096
type Read = Callable[[str, Item], Item | None]


def size_of_item(item: Item) -> int:
    """Return the bytes that an item counts for."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(attribute: dict[str, Any]) -> int:
    [(kind, value)] = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return (len(value.lstrip("-").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(bytes(value))
        case "BS":
            return sum(len(bytes(each)) for each in value)
        case "L":
            return 3 + sum(1 + _size(each) for each in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in value.items())
        case _:
            return 1


class Index(NamedTuple):
    """A global secondary index: its keys, and whether it carries the whole item or keys only."""

    keys: frozenset[str]
    whole: bool

    def entry(self, item: Item | None) -> Item | None:
        """Return what the index holds of an item, or None."""
        if item is None or not self.keys <= item.keys() | {"pk", "sk"}:
            return None
        return item if self.whole else {name: item[name] for name in self.keys | {"pk", "sk"}}


class Indexes:
    """The indexes of each table, by the table's name."""

    def __init__(self, template: Template, names: dict[str, str]) -> None:
        self._of: dict[str, list[Index]] = {}
        for resource in template.of_type("AWS::DynamoDB::Table"):
            listed = resource.properties.get("GlobalSecondaryIndexes", [])
            self._of[names[resource.logical_id]] = [_index(each) for each in listed]

    def units(self, table: str, before: Item | None, after: Item | None) -> int:
        """Return the write units that a change of an item costs in its table's indexes."""
        changes = ((index.entry(before), index.entry(after)) for index in self._of[table])
        return sum(_kilobytes(old, new) for old, new in changes if old != new)


def _index(described: dict[str, Any]) -> Index:
    keys = frozenset(each["AttributeName"] for each in described["KeySchema"])
    return Index(keys, described["Projection"]["ProjectionType"] == "ALL")


class Written(NamedTuple):
    """One item that a request wrote: the first part of its key, its bytes afterwards, its cost, and whether it is an
    audit event.
    """

    kind: str
    size: int
    units: int
    is_event: bool


class Meter:
    """A Recorder's fault that lets every call pass and adds up what it consumes."""

    def __init__(self, read: Read, indexes: Indexes) -> None:
        self._read = read
        self._indexes = indexes
        self.read_units = 0.0
        self.written: list[Written] = []
        self.bytes_answered = 0

    @property
    def write_units(self) -> int:
        """Return the write units so far."""
        return sum(each.units for each in self.written)

    def hear(self, called: Called, send: Callable[[], Answer]) -> Answer:
        """Send a call on and count it; a write that its condition refused is paid for as well."""
        if called.operation in ("encrypt", "decrypt"):
            return send()
        touched = list(_written_by(called))
        before = [self._read(table, key) for table, key in touched]
        try:
            answer = send()
            self._count_read(called, answer)
            return answer
        finally:
            times = 2 if called.operation == "transact_write_items" else 1
            for (table, key), old in zip(touched, before, strict=True):
                self._count_written(table, key, old, times)

    def _count_written(self, table: str, key: Item, before: Item | None, times: int) -> None:
        after = self._read(table, key)
        units = _kilobytes(before, after) + self._indexes.units(table, before, after)
        kind = key["pk"]["S"].partition("#")[0]
        is_event = "event" in (after or {})
        self.written.append(Written(kind, size_of_item(after or {}), times * units, is_event))

    def _count_read(self, called: Called, answer: Answer) -> None:
        self.bytes_answered += sum(size_of_item(each) for each in _items(answer))
        strength = 1.0 if _is_consistent(called.request) else 0.5
        match called.operation:
            case "get_item":
                self.read_units += strength * _pages(size_of_item(answer.get("Item", {})))
            case "batch_get_item":
                asked = sum(len(each["Keys"]) for each in called.request["RequestItems"].values())
                found = [_pages(size_of_item(each)) for each in _items(answer)]
                self.read_units += strength * (
                    sum(found) + asked - len(found)
                )  # one that is not there costs a unit, too
            case "query":
                self.read_units += strength * _pages(sum(size_of_item(each) for each in _items(answer)))


def _written_by(called: Called) -> Iterator[tuple[str, Item]]:
    match called.operation:
        case "put_item" | "update_item":
            yield _target(called.request)
        case "transact_write_items":
            for part in called.request["TransactItems"]:
                yield from map(_target, part.values())


def _target(request: dict[str, Any]) -> tuple[str, Item]:
    named = request.get("Key") or request["Item"]
    return request["TableName"], {"pk": named["pk"], "sk": named["sk"]}


def _items(answer: Answer) -> list[Item]:
    single = [answer["Item"]] if answer.get("Item") else []
    return [*single, *answer.get("Items", []), *chain.from_iterable(answer.get("Responses", {}).values())]


def _is_consistent(request: dict[str, Any]) -> bool:
    asked = [request, *request.get("RequestItems", {}).values()]
    return any(each.get("ConsistentRead") for each in asked)


def _kilobytes(before: Item | None, after: Item | None) -> int:
    larger = max(size_of_item(before or {}), size_of_item(after or {}))
    return max(1, -(-larger // _WRITE_BYTES))


def _pages(size: int) -> int:
    return max(1, -(-size // _READ_BYTES))
