"""The event bus: announcements to EventBridge, in order, and which of them were not taken."""

from collections.abc import Sequence
from typing import Any

import msgspec

from secondstep.announcement import SOURCE, Announcement
from secondstep.aws import AwsUnavailable, EventBridge

_MOST_AT_ONCE = 10  # PutEvents takes no more
_TRIES = 2


class Bus:
    """One event bus."""

    def __init__(self, client: EventBridge, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, announcements: Sequence[Announcement]) -> int | None:
        """Put announcements on the bus; return the place of the first that was not taken, None if all were.

        After a failure nothing further is sent, so that what is sent again keeps its order as far as the bus has one.
        EventBridge may take some of a request and not others: those alone are tried once more.
        """
        for first in range(0, len(announcements), _MOST_AT_ONCE):
            left_out = self._put(announcements[first : first + _MOST_AT_ONCE])
            if left_out is not None:
                return first + left_out
        return None

    def _put(self, announcements: Sequence[Announcement]) -> int | None:
        places = list(range(len(announcements)))
        for _ in range(_TRIES):
            taken = self._taken([self._entry(announcements[place]) for place in places])
            places = [place for place, was_taken in zip(places, taken, strict=True) if not was_taken]
            if not places:
                return None
        return places[0]

    def _taken(self, entries: list[dict[str, Any]]) -> list[bool]:
        """Tell of each entry whether it was taken; of a call whose outcome is unknown none was."""
        try:
            answer = self._client.put_events(Entries=entries)
        except AwsUnavailable:
            return [False] * len(entries)
        return ["ErrorCode" not in each for each in answer["Entries"]]

    def _entry(self, announcement: Announcement) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": announcement.event,
            "Time": announcement.at,
            "Detail": msgspec.json.encode(announcement).decode(),
        }
