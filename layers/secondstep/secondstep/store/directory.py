"""The account's subscribers in order of their names, page by page, in a constant number of calls.

The index behind it is eventually consistent and decides nothing.
"""

from typing import NamedTuple

from secondstep.aws import Item
from secondstep.store.database import Database
from secondstep.store.expression import Query, begins_with, both, equals
from secondstep.store.layout import (
    ACCOUNT,
    LOGIN_NAME,
    subscriber_key,
    subscriber_record,
)
from secondstep.subscriber import Identity, Subscriber

_INDEX = "by_account"


class Page[Entry](NamedTuple):
    """Some entries, and where the next page begins (None: this was the last one); a page may be short."""

    entries: list[Entry]
    next_after: str | None


class Directory:
    """Reads of an account as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribers(self, account: str, *, prefix: str, after: str | None, limit: int) -> Page[Subscriber]:
        """Return a page in order of login name: one Query of the index, one BatchGetItem."""
        key = equals((ACCOUNT,), account)
        query = Query(
            table=self._database.state,
            key=both(key, begins_with((LOGIN_NAME,), prefix)) if prefix else key,
            limit=limit,
            index_name=_INDEX,
            after=_place(account, after) if after else None,
        )
        keys, last = self._database.page(query)
        names = [item[LOGIN_NAME] for item in keys]
        if not names:
            return Page([], None)
        found = self._database.get_many([subscriber_key(Identity(account, name).hash) for name in names])
        records = [subscriber_record(item) for item in found if item is not None]
        return Page(records, last[LOGIN_NAME] if last else None)


def _place(account: str, login_name: str) -> Item:
    """Return the index' key of a name: where its page goes on."""
    return {ACCOUNT: account, LOGIN_NAME: login_name, **subscriber_key(Identity(account, login_name).hash)}
