"""Cursors of lists: opaque to the client, good for one caller and one list only, malformed otherwise.

A cursor holds no secret and decides nothing: the account comes from the token, whatever a cursor says.
"""

import base64
import json

from secondstep.errors import InvalidRequest


def make(place: str | None, *, caller: str, listed: str) -> str | None:
    """Return the cursor of the page that begins after `place`, or None where there is none."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([caller, listed, place]).encode()).rstrip(b"=").decode()


def parse(text: str | None, *, caller: str, listed: str) -> str | None:
    """Return where the page begins; InvalidRequest for a cursor that this caller did not get for this list."""
    if text is None:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as broken:
        raise InvalidRequest("is not a cursor of this list", field="cursor") from broken
    match found:
        case [str(whose), str(which), str(place)] if (whose, which) == (caller, listed) and place.isprintable():
            return place
        case _:
            raise InvalidRequest("is not a cursor of this list", field="cursor")
