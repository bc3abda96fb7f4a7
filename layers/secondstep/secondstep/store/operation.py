"""What only the operator does with the tables: see all accounts, and take one away.

It looks through the whole State table, which no function may: so the client is one operation richer than theirs.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

from secondstep.audit import Event
from secondstep.aws import Answer, AwsUnavailable, DynamoDb, Item
from secondstep.errors import Unavailable
from secondstep.store.accounts import StoredPolicy
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.database import Database, Refused
from secondstep.store.expression import Names, NewItem, Query, Write, absent, equals, exists, one_of
from secondstep.store.layout import ACCOUNT, CREATED_AT, LOGIN_NAME, account_key, event_item

_INDEX = "by_account"
_POLICY, _VERSION = "policy", "version"
_ACCOUNT_PREFIX, _SUBSCRIBER_PREFIX = "ACCOUNT#", "SUBSCRIBER#"
_MOST_IN_A_TRANSACTION = 100
_NAMES_A_PAGE = 1000


class ScannedDynamoDb(DynamoDb, Protocol):
    """DynamoDB with the operation that reads a whole table."""

    def scan(self, **request: object) -> Answer:
        """Read a page of a table."""
        ...


class AccountRecord(NamedTuple):
    """An account as it is stored: its id, what people see instead, the policy's version, and when it was made."""

    account: str
    display_name: str
    version: int
    created_at: int | None


class Seen(NamedTuple):
    """A page of the whole table: its accounts, the subscribers of each account, how many items it had to look at."""

    accounts: list[AccountRecord]
    subscribers: Counter[str]
    looked_at: int
    next_after: Item | None


class AccountChanged(Exception):
    """The account is not what was looked at: somebody has made it anew. Nothing was removed."""


class Operation:
    """Reads over all accounts, and the removal of one."""

    def __init__(self, client: ScannedDynamoDb, *, state: str, audit: str, pause: Callable[[float], object]) -> None:
        self._scanning = client
        self._database = Database(client, state=state, audit=audit, pause=pause)

    def look(self, after: Item | None) -> Seen:
        """Return a page of the table, from where the page before ended. It costs what its items weigh."""
        names = Names()
        found = self._scan(
            after,
            ProjectionExpression=", ".join(
                names.path((each,)) for each in ("pk", "sk", ACCOUNT, _POLICY, _VERSION, CREATED_AT)
            ),
            FilterExpression=one_of(("sk",), ["POLICY", "STATE"])(names),
            **names.request(),
        )
        items = [decode_item(item) for item in found["Items"]]
        last = found.get("LastEvaluatedKey")
        return Seen(
            accounts=[_account(item) for item in items if item["pk"].startswith(_ACCOUNT_PREFIX)],
            subscribers=Counter(item[ACCOUNT] for item in items if item["pk"].startswith(_SUBSCRIBER_PREFIX)),
            looked_at=found["ScannedCount"],
            next_after=decode_item(last) if last else None,
        )

    def account(self, account: str) -> AccountRecord | None:
        """Return an account, or None where there is none of this id."""
        item = self._database.get(account_key(account))
        return _account(item) if item else None

    def is_known(self, account: str) -> bool:
        """Tell whether there is such an account, or whoever is left of one that has lost its policy."""
        return self.account(account) is not None or bool(self._names(account, None, 1)[0])

    def count(self, account: str) -> int:
        """Return how many subscribers an account has: one call for a thousand (by the index, so a second late)."""
        counted, after = 0, None
        while True:
            names, after = self._names(account, after, _NAMES_A_PAGE)
            counted += len(names)
            if after is None:
                return counted

    def beside_policy(self, account: str) -> list[Item]:
        """Return the keys of what lies beside an account's policy, a hundred at most: picture, counts, notes."""
        partition = equals(("pk",), account_key(account)["pk"])
        query = Query(self._database.state, partition, limit=_MOST_IN_A_TRANSACTION, consistent=True)
        items, _ = self._database.page(query)
        return [{"pk": item["pk"], "sk": item["sk"]} for item in items if item["sk"] != "POLICY"]

    def drop(self, keys: list[Item]) -> None:
        """One transaction: these items of an account are gone; one that is gone already is no error."""
        self._database.commit(*(self._database.removed(Write(key)) for key in keys))

    def close(self, account: str, event: Event, *, had_policy: bool) -> None:
        """One transaction: the account itself is gone, with the audit event.

        AccountChanged where there is one that was not there before; one that is gone already is no error.
        """
        write = Write(account_key(account)).require(exists("pk") if had_policy else absent("pk"))
        try:
            self._database.commit(self._database.removed(write), self._database.recorded(NewItem(event_item(event))))
        except Refused as refused:
            if refused.item is not None:
                raise AccountChanged from refused

    def _names(self, account: str, after: Item | None, limit: int) -> tuple[list[str], Item | None]:
        key = equals((ACCOUNT,), account)
        query = Query(self._database.state, key, limit=limit, index_name=_INDEX, after=after)
        items, last = self._database.page(query)
        return [item[LOGIN_NAME] for item in items], last

    def _scan(self, after: Item | None, **request: object) -> Answer:
        start = {"ExclusiveStartKey": encode_item(after)} if after else {}
        try:
            return self._scanning.scan(TableName=self._database.state, **request, **start)
        except AwsUnavailable as fault:
            raise Unavailable from fault


def _account(item: Item) -> AccountRecord:
    policy = StoredPolicy(item.get(_POLICY, {}), item.get(_VERSION))
    return AccountRecord(
        account=item["pk"].removeprefix(_ACCOUNT_PREFIX),
        display_name=policy.in_force.display_name,
        version=policy.version,
        created_at=item.get(CREATED_AT),
    )
