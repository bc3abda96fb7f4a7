"""How many subscribers an account has, by state: counted by walking it, and kept for a minute for whoever asks next.

No request of an admin walks further than another: a large account is counted by several. Each goes on after the name
that the one before came to, and until a count is whole, the last whole one is told.
"""

from itertools import islice
from typing import Any, NamedTuple, Self

from secondstep.aws import Item
from secondstep.store.database import Database
from secondstep.store.directory import Directory
from secondstep.store.expression import Write
from secondstep.store.layout import summary_key
from secondstep.subscriber import Status, Subscriber

_KEPT_SECONDS = 60
PAGES_OF_A_REQUEST = 20  # 2,000 subscribers, some 40 calls
_WALK, _AFTER = "walk", "after"


class Counts(NamedTuple):
    """How many subscribers an account has, by state; nothing in it is older than `as_of`.

    What is not complete is a count of those whose names come first.
    """

    subscribers: int
    enrolled: int
    disabled: int
    invited: int
    as_of: int
    complete: bool = True

    def with_page(self, page: list[Subscriber]) -> "Counts":
        """Return the counts with a page more."""
        return self._replace(
            subscribers=self.subscribers + len(page),
            enrolled=self.enrolled + sum(each.is_bound for each in page),
            disabled=self.disabled + sum(each.status is Status.DISABLED for each in page),
            invited=self.invited + sum(each.status is Status.INVITED for each in page),
        )

    def as_map(self) -> dict[str, int]:
        """Return the stored form; whether it is whole is told by where it lies."""
        return {name: value for name, value in self._asdict().items() if name != "complete"}

    @classmethod
    def of(cls, held: Item, *, complete: bool) -> Self:
        """Return what `as_map` made."""
        return cls(
            held["subscribers"], held["enrolled"], held["disabled"], held["invited"], held["as_of"], complete=complete
        )


class _Held(NamedTuple):
    """What an account's item holds: the last whole count, and how far a later one has come, after which name."""

    whole: Counts | None
    begun: Counts | None
    after: str | None

    @classmethod
    def of(cls, item: Item | None, now: int) -> Self:
        """Read the item; what a clock that was put back left from the future is not believed."""
        whole = Counts.of(item, complete=True) if item and 0 < item["as_of"] <= now else None
        walk: dict[str, Any] = (item or {}).get(_WALK, {})
        is_later = walk and (whole.as_of if whole else 0) < walk["as_of"] <= now
        return cls(whole, Counts.of(walk, complete=False), walk[_AFTER]) if is_later else cls(whole, None, None)


class Counting:
    """Counts an account's subscribers."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    def summary(self, account: str, now: int, *, pages: int | None) -> Counts:
        """Return the account's counts: at most a minute old, or else the last whole ones while newer are counted.

        It walks so many pages of 100 subscribers, each two calls; None walks the whole account at once. Two that count
        at the same time overwrite each other, whole walk by whole walk: one of them was in vain, neither is wrong.
        """
        held = _Held.of(self._database.get(summary_key(account)), now)
        if held.whole and now - held.whole.as_of < _KEPT_SECONDS:
            return held.whole
        begun = (held.begun, held.after) if pages else (None, None)
        counted, after = self._walk(account, *begun, now, pages)
        self._keep(account, held, counted, after)
        return counted if after is None else held.whole or counted

    def _walk(
        self, account: str, begun: Counts | None, after: str | None, now: int, pages: int | None
    ) -> tuple[Counts, str | None]:
        """Return the counts so far, and after which name to go on (None: it is a whole count)."""
        counted = begun or Counts(0, 0, 0, 0, now, complete=False)
        for page in islice(self._directory.pages(account, after), pages):
            counted, after = counted.with_page(page.entries), page.next_after
        return counted._replace(complete=after is None), after

    def _keep(self, account: str, held: _Held, counted: Counts, after: str | None) -> None:
        """Keep a whole count, or how far one has come; the numbers stand from the first write on (0: never counted)."""
        keeping = Write(summary_key(account))
        if after is None:
            keeping.remove((_WALK,))
        else:
            keeping.set((_WALK,), counted.as_map() | {_AFTER: after})
        if after is None or held.whole is None:
            whole = counted if after is None else Counts(0, 0, 0, 0, as_of=0)
            for name, value in whole.as_map().items():
                keeping.set((name,), value)
        self._database.update(keeping)
