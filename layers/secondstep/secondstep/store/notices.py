"""What the mail function reads and writes: a subscriber's latest events, and which notice has been sent.

A note of a sent notice lies in a partition of its own (`NOTICE#…`), so the right to write it is no right to write
a subscriber.
"""

from secondstep.audit import Event
from secondstep.errors import Unavailable
from secondstep.store.database import Database, Refused
from secondstep.store.expression import Query, Write, absent, at_most, between, both, either, equals
from secondstep.store.layout import (
    PURGE_AT,
    TTL_GRACE_SECONDS,
    event_record,
    event_sort_key,
    notice_key,
    subscriber_key,
)

_BY, _UNTIL, _SENT_AT = "by", "until", "sent_at"
# An hour holds at most 130 refused passwords (10, then one per 30 s), 40 codes and 40 recovery codes of one name.
_MOST_EVENTS = 400


class Notices:
    """Reads of the audit, and the notes of what was sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def before(self, subscriber_hash: str, *, milliseconds: int, event_id: str, seconds: int) -> list[Event]:
        """Return a subscriber's events of the seconds before one of them, newest first: one consistent Query."""
        first = event_sort_key(max(0, milliseconds - seconds * 1000), "")
        query = Query(
            table=self._database.audit,
            key=both(
                equals(("pk",), subscriber_key(subscriber_hash)["pk"]),
                between(("sk",), first, event_sort_key(milliseconds, event_id)),
            ),
            limit=_MOST_EVENTS,
            newest_first=True,
            consistent=True,
        )
        items, _ = self._database.page(query)
        records = [event_record(item) for item in items]
        return [each for each in records if each.id != event_id]

    def claim(self, subscriber_hash: str, notice: str, *, event_id: str, at: int, silent_seconds: int) -> bool:
        """Take a notice for an event, and keep it silent for all others meanwhile; False where it is not to be sent.

        One conditional write: nobody has it, or its silence is over, or this very event has it and died before the
        mail left. A notice that was sent for this event is refused, too: events come at least once.
        """
        never_or_over = either(absent("pk"), at_most((_UNTIL,), at))
        begun_by_this = both(equals((_BY,), event_id), absent(_SENT_AT))
        write = Write(notice_key(subscriber_hash, notice)).require(either(never_or_over, begun_by_this))
        write.set((_BY,), event_id).set((_UNTIL,), at + silent_seconds).remove((_SENT_AT,))
        write.set((PURGE_AT,), at + silent_seconds + TTL_GRACE_SECONDS)
        try:
            self._database.update(write)
        except Refused:
            return False
        return True

    def note_sent(self, subscriber_hash: str, notice: str, *, event_id: str, at: int) -> None:
        """Note that the mail has left; a note that another event has taken meanwhile is theirs.

        Where it cannot be noted nothing is raised: the caller would only send the mail again at once.
        """
        write = Write(notice_key(subscriber_hash, notice)).require(equals((_BY,), event_id)).set((_SENT_AT,), at)
        try:
            self._database.update(write)
        except (Refused, Unavailable):
            return
