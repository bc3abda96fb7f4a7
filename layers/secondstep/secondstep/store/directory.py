"""What an admin looks at: the account's subscribers in order of their names, and its events, newest first.

Both come page by page, in a constant number of calls however large the account is. The indexes behind them are
eventually consistent and decide nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from secondstep.audit import SHARDS, Event
from secondstep.aws import Item
from secondstep.store.database import Database
from secondstep.store.expression import Clause, Query, begins_with, between, both, equals
from secondstep.store.layout import (
    ACCOUNT,
    LOGIN_NAME,
    TAT,
    event_record,
    name_budget_key,
    subscriber_key,
    subscriber_record,
)
from secondstep.subscriber import Identity, Subscriber

_INDEX = "by_account"
_WALKED = 100  # as many as one BatchGetItem takes
_LAST_MOMENT = "9999999999999"


class Page[Entry](NamedTuple):
    """Some entries, and where the next page begins (None: this was the last one); a page may be short."""

    entries: list[Entry]
    next_after: str | None


class _Examined(NamedTuple):
    """The events of one partition down to a sort key; below `floor` it may hold more (None: it does not)."""

    events: list[Event]
    floor: str | None


class Period(NamedTuple):
    """Which events: between two moments (epoch seconds, both included), and of one name or all."""

    since: int | None
    until: int | None
    event: str | None

    def keys(self, before: str | None) -> tuple[str, str]:
        """Return the first and the last sort key; `before` is the key that the page before ended with."""
        first = f"{(self.since or 0) * 1000:013d}#"
        last = f"{self.until * 1000 + 999:013d}#~" if self.until is not None else f"{_LAST_MOMENT}#~"
        return first, min(last, before) if before else last


class Directory:
    """Reads for the admin routes."""

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

    def another_active_admin(self, besides: Subscriber) -> Subscriber | None:
        """Return an active admin of the account other than this subscriber; it walks the account until it finds one."""
        for page in self.pages(besides.account):
            found = next((each for each in page.entries if each.is_active_admin and each.sub != besides.sub), None)
            if found:
                return found
        return None

    def pages(self, account: str, after: str | None = None) -> Iterator[Page[Subscriber]]:
        """Walk the account in order of login name, two calls for 100 subscribers; it may begin after a name."""
        while True:
            page = self.subscribers(account, prefix="", after=after, limit=_WALKED)
            yield page
            after = page.next_after
            if after is None:
                return

    def subscriber(self, identity: Identity) -> tuple[Subscriber | None, int]:
        """Return a subscriber and the `tat` of its password budget, in one consistent call."""
        keys = [subscriber_key(identity.hash), name_budget_key(identity.hash)]
        item, budget = self._database.get_many(keys)
        return subscriber_record(item) if item else None, int((budget or {}).get(TAT, 0))

    def events(self, account: str, period: Period, *, before: str | None, limit: int) -> Page[Event]:
        """Return the account's events, merged from the shards: one Query a shard, whatever the page."""
        shards = [_shard_is(account, shard) for shard in range(SHARDS)]
        return _newest([self._examine(each, period, before, limit, index=_INDEX) for each in shards], limit)

    def events_about(self, identity: Identity, period: Period, *, before: str | None, limit: int) -> Page[Event]:
        """Return the events about one name of an account: one Query."""
        about = equals(("pk",), subscriber_key(identity.hash)["pk"])
        return _newest([self._examine(about, period, before, limit, index=None)], limit)

    def _examine(
        self, partition: Clause, period: Period, before: str | None, limit: int, *, index: str | None
    ) -> _Examined:
        oldest, newest = period.keys(before)
        if oldest > newest:
            return _Examined([], None)
        query = Query(
            table=self._database.audit,
            key=both(partition, between(("sk",), oldest, newest)),
            limit=limit + 1,  # BETWEEN includes the key that the page before ended with
            index_name=index,
            newest_first=True,
            only=equals(("event",), period.event) if period.event else None,
        )
        items, last = self._database.page(query)
        records = [event_record(item) for item in items]
        return _Examined([each for each in records if sort_key(each) != before], str(last["sk"]) if last else None)


def sort_key(event: Event) -> str:
    """Return the key that events are ordered by, and that a cursor names."""
    return f"{event.milliseconds:013d}#{event.id}"


def _newest(examined: list[_Examined], limit: int) -> Page[Event]:
    """Merge partitions, newest first, only as far down as all of them have been looked at."""
    floor = max((each.floor for each in examined if each.floor is not None), default=None)
    known = [event for each in examined for event in each.events if floor is None or sort_key(event) >= floor]
    ordered = sorted(known, key=sort_key, reverse=True)
    if len(ordered) > limit:
        return Page(ordered[:limit], sort_key(ordered[limit - 1]))
    return Page(ordered, floor)


def _shard_is(account: str, shard: int) -> Clause:
    return equals(("as",), f"{account}#{shard}")


def _place(account: str, login_name: str) -> Item:
    """Return the index' key of a name: where its page goes on."""
    return {ACCOUNT: account, LOGIN_NAME: login_name, **subscriber_key(Identity(account, login_name).hash)}
