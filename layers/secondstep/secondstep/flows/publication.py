"""Publish: what was appended to the audit goes to the event bus, after the fact, so that no login waits for it."""

from collections.abc import Sequence

from secondstep.announcement import announce
from secondstep.bus import Bus
from secondstep.store.stream import Record, appended, sequence_number


def publish(records: Sequence[Record], bus: Bus) -> list[str]:
    """Announce the events of a batch of stream records; return the sequence numbers that are to come again.

    Lambda goes on from the lowest of them: what is behind it comes a second time and has the same id (at least once).
    A record that cannot be read stops the batch in its place, behind those that were sent.
    """
    told, announcements = [], []
    unread: list[str] = []
    for place, record in enumerate(records):
        try:
            event = appended(record)
        except (KeyError, TypeError, ValueError):  # of a form that this release does not know
            unread = [sequence_number(each) for each in records[place:]]
            break
        if event is not None:
            told.append(sequence_number(record))
            announcements.append(announce(event))
    first_left_out = bus.publish(announcements)
    left_out = told[first_left_out:] if first_left_out is not None else []
    return left_out + unread
