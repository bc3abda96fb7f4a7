"""Cursors of lists: opaque to the client, good for one caller and one list only, malformed otherwise.

A cursor holds no secret and decides nothing: the account comes from the token, whatever a cursor says. Whoever makes
one up only chooses where their own list goes on, and only at a place that the list can have.
"""

import base64
import json
from collections.abc import Callable
from typing import NamedTuple

from secondstep.errors import InvalidRequest


class List(NamedTuple):
    """Whose list it is, which one (filters included that change its order or extent), and what a place in it is."""

    caller: str
    name: str
    has_place: Callable[[str], bool]

    def cursor(self, place: str | None) -> str | None:
        """Return the cursor of the page that begins after `place`, or None where there is none."""
        if place is None:
            return None
        return base64.urlsafe_b64encode(json.dumps([self.caller, self.name, place]).encode()).rstrip(b"=").decode()

    def place(self, cursor: str | None) -> str | None:
        """Return where the page begins; InvalidRequest for a cursor that this caller did not get for this list."""
        if cursor is None:
            return None
        try:
            found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        except (ValueError, RecursionError) as broken:
            raise _foreign() from broken
        match found:
            case [str(whose), str(which), str(place)] if (whose, which) == (self.caller, self.name):
                if self.has_place(place):
                    return place
        raise _foreign()


def _foreign() -> InvalidRequest:
    return InvalidRequest("is not a cursor of this list", field="cursor")
