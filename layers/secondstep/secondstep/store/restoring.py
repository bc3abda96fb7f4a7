"""What the operator brings back from a table that a point-in-time restore has made.

A backup holds what was ended since: epochs with living sessions, steps of used codes, spent tickets, phones that were
lost, people who were deleted. The Audit table is not restored and knows: each subscriber comes back with what its
events say, in one transaction with the event of it. That event is also the note that it was done.
"""

from collections.abc import Callable
from typing import NamedTuple

from secondstep.audit import Event
from secondstep.aws import Answer, AwsUnavailable, Item
from secondstep.errors import Unavailable
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.conditions import epoch_is, sub_is
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import Clause, NewItem, Query, Write, absent, between, both, either, equals
from secondstep.store.layout import (
    A_STEP,
    AUTHENTICATORS,
    CHALLENGES,
    DAY,
    ENROLLMENT,
    ENROLLMENT_TICKET,
    EPOCH,
    PASSWORD_TICKET,
    RECENT,
    RECOVERY_CODES,
    RECOVERY_RECENT,
    RUN,
    event_item,
    event_record,
    subscriber_key,
    subscriber_record,
    ticket_map,
)
from secondstep.store.operation import ScannedDynamoDb
from secondstep.subscriber import Enrollment, Subscriber, Ticket

_PAGE = 100
_END_OF_TIME = "9999999999999#~"
_KEPT_OF_AN_ACCOUNT = ("POLICY", "LOGO", "SCHEMES")
_SEED_NOTE = "SEED#"


class Revived(NamedTuple):
    """A subscriber as the backup has it."""

    item: Item

    @property
    def subscriber(self) -> Subscriber:
        """Return its record."""
        return subscriber_record(self.item)


class Found(NamedTuple):
    """A page of the backup: its subscribers, what lies about accounts, and where the next page begins."""

    people: list[Revived]
    of_accounts: list[Item]
    next_after: Item | None

    @property
    def accounts(self) -> list[str]:
        """Return the ids of the accounts whose policy lies on this page."""
        return [each["pk"].removeprefix("ACCOUNT#") for each in self.of_accounts if each["sk"] == "POLICY"]


class Rebinding(NamedTuple):
    """The reset of who was reset since, or lost an authenticator or a recovery code: what opens the next enrollment."""

    enrollment: Enrollment
    ticket: Ticket | None


class Return(NamedTuple):
    """How a subscriber comes back: always in a new epoch, without challenges, with every code until now used."""

    epoch: bytes
    burned_step: int
    rebinding: Rebinding | None
    password_ticket_is_spent: bool

    def of(self, revived: Revived) -> Item:
        """Return the item to write."""
        item = revived.item | {EPOCH: self.epoch, CHALLENGES: {}}
        if self.rebinding:
            empty: Item = {name: {} for name in (AUTHENTICATORS, RECENT, DAY, RECOVERY_RECENT)}
            gone = {RECOVERY_CODES: None, PASSWORD_TICKET: None}
            opens = {ENROLLMENT: self.rebinding.enrollment.value, ENROLLMENT_TICKET: ticket_map(self.rebinding.ticket)}
            return item | empty | gone | opens | {RUN: 0}
        burned = {
            key: held | {A_STEP: max(held[A_STEP], self.burned_step)} for key, held in item[AUTHENTICATORS].items()
        }
        return item | {AUTHENTICATORS: burned} | ({PASSWORD_TICKET: None} if self.password_ticket_is_spent else {})


class Overtaken(Exception):
    """The restored table is in use: the subscriber has changed since it was read. Nothing was written."""


class Restoring:
    """Reads of the restored table and of the events since; writes to the table in use and to its Audit table."""

    def __init__(
        self,
        client: ScannedDynamoDb,
        *,
        restored: str,
        events: str,
        state: str,
        audit: str,
        pause: Callable[[float], object],
    ) -> None:
        self._scanning = client
        self._restored = restored
        self._events = events
        self._database = Database(client, state=state, audit=audit, pause=pause)

    @property
    def is_in_place(self) -> bool:
        """Tell whether the restored table is the one in use."""
        return self._restored == self._database.state

    def page(self, after: Item | None) -> Found:
        """Return a page of the restored table; sessions, budgets, notes and signing keys are left behind."""
        start = {"ExclusiveStartKey": encode_item(after)} if after else {}
        try:
            answer: Answer = self._scanning.scan(TableName=self._restored, ConsistentRead=True, **start)
        except AwsUnavailable as fault:
            raise Unavailable from fault
        items = [decode_item(each) for each in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return Found(
            people=[Revived(each) for each in items if each["pk"].startswith("SUBSCRIBER#") and each["sk"] == "STATE"],
            of_accounts=[each for each in items if each["pk"].startswith("ACCOUNT#") and _is_kept(each["sk"])],
            next_after=decode_item(last) if last else None,
        )

    def again(self, revived: Revived) -> Revived | None:
        """Return the subscriber as the table in use has it now, or None."""
        found = self._database.get({"pk": revived.item["pk"], "sk": revived.item["sk"]})
        return Revived(found) if found else None

    def events_since(self, partition: str, since: int) -> list[Event]:
        """Return what the surviving audit tells of a partition since a moment, oldest first (consistent reads)."""
        key = both(equals(("pk",), partition), between(("sk",), f"{since * 1000:013d}#", _END_OF_TIME))
        found, after = list[Event](), None
        while True:
            items, after = self._database.page(Query(self._events, key, limit=_PAGE, after=after, consistent=True))
            found += [event_record(item) for item in items]
            if after is None:
                return found

    def bring_account(self, item: Item) -> None:
        """Bring a policy, picture or note where the table in use has none; what stands there is newer, and stays."""
        self._database.create(NewItem(item))

    def bring_back(self, revived: Revived, how: Return, *events: Event) -> None:
        """One transaction: the subscriber stands in the table in use, and its events are recorded.

        In place only if it still is as it was read (Overtaken); from another table over whatever stands there.
        """
        write = Write(subscriber_key(revived.subscriber.identity.hash))
        if self.is_in_place:
            write.require(epoch_is(revived.subscriber.epoch))
        put = write.as_check(self._database.state) | {"Item": encode_item(how.of(revived))}
        put.pop("Key")
        self._commit({"Put": put}, *events)

    def take_away(self, revived: Revived, *events: Event) -> None:
        """One transaction: who was deleted since is gone, and that is recorded; the name's new owner stays."""
        same_person: Clause = either(absent("pk"), sub_is(revived.subscriber.sub))
        write = Write(subscriber_key(revived.subscriber.identity.hash)).require(same_person)
        self._commit(self._database.removed(write), *events)

    def _commit(self, change: Part, *events: Event) -> None:
        recorded = [self._database.recorded(NewItem(event_item(each))) for each in events]
        try:
            self._database.commit(change, *recorded)
        except Refused as refused:
            raise Overtaken from refused


def _is_kept(sort_key: str) -> bool:
    return sort_key in _KEPT_OF_AN_ACCOUNT or sort_key.startswith(_SEED_NOTE)
