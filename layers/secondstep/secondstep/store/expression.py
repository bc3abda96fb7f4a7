"""Writes whose conditions read as sentences.

Every attribute name is aliased, so no reserved word of DynamoDB can bite, and every clause has a name before it is
joined. A write answers the item that refused it (ALL_OLD), so that nobody has to read again to learn why.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

from secondstep.aws import Item
from secondstep.store.codec import encode, encode_item

type Path = tuple[str, ...]


class Names:
    """The aliases of one request's names and values."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: list[object] = []

    def path(self, path: Path) -> str:
        """Return the aliased path of a (nested) attribute."""
        return ".".join(self._names.setdefault(part, f"#{len(self._names)}") for part in path)

    def value(self, value: object) -> str:
        """Return the alias of a value."""
        self._values.append(value)
        return f":{len(self._values) - 1}"

    def request(self) -> dict[str, Any]:
        """Return the members that carry the aliases."""
        members: dict[str, Any] = {}
        if self._names:
            members["ExpressionAttributeNames"] = {alias: name for name, alias in self._names.items()}
        if self._values:
            members["ExpressionAttributeValues"] = {f":{i}": encode(v) for i, v in enumerate(self._values)}
        return members


type Clause = Callable[[Names], str]


def exists(*path: str) -> Clause:
    """The attribute exists."""
    return lambda names: f"attribute_exists({names.path(path)})"


def absent(*path: str) -> Clause:
    """The attribute does not exist."""
    return lambda names: f"attribute_not_exists({names.path(path)})"


def no_number(*path: str) -> Clause:
    """The attribute does not exist, or is of another type."""
    return lambda names: (
        f"(attribute_not_exists({names.path(path)}) OR NOT attribute_type({names.path(path)}, {names.value('N')}))"
    )


def equals(path: Path, value: object) -> Clause:
    """The attribute has this value."""
    return lambda names: f"{names.path(path)} = {names.value(value)}"


def differs(path: Path, value: object) -> Clause:
    """The attribute has another value, or none."""
    return lambda names: f"{names.path(path)} <> {names.value(value)}"


def one_of(path: Path, values: Iterable[object]) -> Clause:
    """The attribute has one of these values."""
    return lambda names: f"{names.path(path)} IN ({', '.join(names.value(each) for each in values)})"


def same(path: Path, other: Path) -> Clause:
    """Two attributes of the item have the same value."""
    return lambda names: f"{names.path(path)} = {names.path(other)}"


def below(path: Path, limit: int) -> Clause:
    """The number is less than the limit."""
    return lambda names: f"{names.path(path)} < {names.value(limit)}"


def above(path: Path, floor: int) -> Clause:
    """The number is greater than the floor; an absent one is not."""
    return lambda names: f"{names.path(path)} > {names.value(floor)}"


def at_most(path: Path, limit: int) -> Clause:
    """The number is not greater than the limit."""
    return lambda names: f"{names.path(path)} <= {names.value(limit)}"


def fewer_than(path: Path, count: int) -> Clause:
    """The map has fewer entries than this."""
    return lambda names: f"size({names.path(path)}) < {names.value(count)}"


def contains(path: Path, member: bytes) -> Clause:
    """The set has this member."""
    return lambda names: f"contains({names.path(path)}, {names.value(member)})"


def either(first: Clause, second: Clause) -> Clause:
    """One of two clauses holds."""
    return lambda names: f"({first(names)} OR {second(names)})"


class Write:
    """One item's write: what must hold, and what it changes."""

    def __init__(self, key: Item) -> None:
        self.key = key
        self._clauses: list[Clause] = []
        self._sets: list[tuple[Path, object, bool]] = []
        self._removes: list[Path] = []
        self._deletes: list[tuple[Path, object]] = []

    def require(self, *clauses: Clause) -> Self:
        """Add clauses; all must hold."""
        self._clauses.extend(clauses)
        return self

    def set(self, path: Path, value: object) -> Self:
        """Set an attribute; the maps above it must exist."""
        self._sets.append((path, value, False))
        return self

    def set_or_remove(self, path: Path, value: object | None) -> Self:
        """Set an attribute, or remove it where the value is None (or an empty set, which cannot be stored)."""
        gone = value is None or value == frozenset()
        return self.remove(path) if gone else self.set(path, value)

    def add(self, path: Path, delta: int) -> Self:
        """Add to a number that exists."""
        self._sets.append((path, delta, True))
        return self

    def remove(self, *paths: Path) -> Self:
        """Remove attributes; an absent one is no error."""
        self._removes.extend(paths)
        return self

    def take_from_set(self, path: Path, member: bytes) -> Self:
        """Take one member out of a set; the set itself goes with its last member."""
        self._deletes.append((path, frozenset({member})))
        return self

    @property
    def changes_nothing(self) -> bool:
        """Tell whether it only checks."""
        return not (self._sets or self._removes or self._deletes)

    def as_update(self, table: str) -> dict[str, Any]:
        """Return the members of an UpdateItem request or of a transaction's Update."""
        names = Names()
        return self._members(table, names, UpdateExpression=self._update_expression(names))

    def as_check(self, table: str) -> dict[str, Any]:
        """Return a transaction's ConditionCheck, or a Delete: what must hold, and no change."""
        return self._members(table, Names())

    def _members(self, table: str, names: Names, **more: str) -> dict[str, Any]:
        condition = " AND ".join(clause(names) for clause in self._clauses)
        conditional = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return {
            "TableName": table,
            "Key": encode_item(self.key),
            **(conditional if condition else {}),
            **more,
            **names.request(),
        }

    def _update_expression(self, names: Names) -> str:
        sections = {
            "SET": [self._assignment(names, *each) for each in self._sets],
            "REMOVE": [names.path(path) for path in self._removes],
            "DELETE": [f"{names.path(path)} {names.value(member)}" for path, member in self._deletes],
        }
        return " ".join(f"{word} {', '.join(parts)}" for word, parts in sections.items() if parts)

    @staticmethod
    def _assignment(names: Names, path: Path, value: object, is_sum: bool) -> str:
        target = names.path(path)
        return f"{target} = {target} + {names.value(value)}" if is_sum else f"{target} = {names.value(value)}"


class NewItem:
    """The write of an item that must not exist yet."""

    def __init__(self, item: Item) -> None:
        self.item = item

    def as_put(self, table: str) -> dict[str, Any]:
        """Return the members of a PutItem request or of a transaction's Put."""
        return {
            "TableName": table,
            "Item": encode_item(self.item),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


class Query(NamedTuple):
    """One page of a partition: which keys, in which direction, how many, and after which one."""

    table: str
    key: Clause
    limit: int
    index_name: str | None = None
    newest_first: bool = False
    after: Item | None = None
    only: Clause | None = None
    consistent: bool = False  # of a table only: an index cannot

    def request(self) -> dict[str, Any]:
        """Return the members of a Query request."""
        names = Names()
        optional: dict[str, Any] = {
            "IndexName": self.index_name,
            "ExclusiveStartKey": encode_item(self.after) if self.after else None,
            "FilterExpression": self.only(names) if self.only else None,
            "ConsistentRead": self.consistent or None,
        }
        return {
            "TableName": self.table,
            "KeyConditionExpression": self.key(names),
            "ScanIndexForward": not self.newest_first,
            "Limit": self.limit,
            **{name: value for name, value in optional.items() if value is not None},
            **names.request(),
        }


def begins_with(path: Path, prefix: str) -> Clause:
    """The text begins with this."""
    return lambda names: f"begins_with({names.path(path)}, {names.value(prefix)})"


def between(path: Path, first: object, last: object) -> Clause:
    """The value lies between two, both included."""
    return lambda names: f"{names.path(path)} BETWEEN {names.value(first)} AND {names.value(last)}"


def both(first: Clause, second: Clause) -> Clause:
    """Two clauses hold."""
    return lambda names: f"{first(names)} AND {second(names)}"


def all_exist(parent: Path, members: Sequence[str]) -> list[Clause]:
    """Each of these members of a map exists."""
    return [exists(*parent, member) for member in members]
