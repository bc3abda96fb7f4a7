"""The Audit table's stream: what was appended, as Lambda hands it over."""

from collections.abc import Mapping
from typing import Any

from secondstep.audit import Event
from secondstep.store.codec import decode_item
from secondstep.store.layout import event_record

type Record = Mapping[str, Any]


def appended(record: Record) -> Event | None:
    """Return the event that a stream record tells of; None for one that TTL has removed."""
    if record["eventName"] != "INSERT":
        return None
    return event_record(decode_item(record["dynamodb"]["NewImage"]))


def sequence_number(record: Record) -> str:
    """Return the record's place in its shard: how Lambda is told where to go on."""
    return str(record["dynamodb"]["SequenceNumber"])
