"""What the gateway and the clock say about one request; never what a client header says."""

import msgspec


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """`now` in epoch seconds decides; `milliseconds` only orders events within a second."""

    now: int
    milliseconds: int
    source: str
    charged_address: str | None  # None for a backend of the operator's that relays logins (`ServerAddresses`)
    request_id: str
    issuer: str
