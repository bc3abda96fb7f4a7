"""Tickets: sixteen characters from the account admin that open one door once.

There are two kinds, password and enrollment, in two slots of the subscriber, never interchangeable. Stored is the
first 128 bits of SHA-256: 80 random bits, live for hours and charged for, need no slow hash (ASVS 5.0 6.5.2).
"""

import hashlib
import hmac

from secondstep import secret_text
from secondstep.subscriber import Ticket

AFTER_RESET_SECONDS = 24 * 60 * 60  # NIST SP 800-63B-4 section 4.2.1.2: an issued code lives at most a day


def issue(*, now: int, ttl_seconds: int) -> tuple[str, Ticket]:
    """Return a new ticket's text, to be shown once, and what is stored of it."""
    text = secret_text.generate()
    return text, Ticket(_hash(text.replace("-", "")), now + ttl_seconds)


def match(presented: str | None, stored: Ticket | None, *, now: int) -> bool:
    """Tell whether a presented ticket is the stored one, and live; compared in constant time."""
    text = secret_text.parse(presented) if presented is not None else None
    if text is None or stored is None:
        return False
    return hmac.compare_digest(_hash(text), stored.hash) and stored.is_live(now)


def _hash(characters: str) -> bytes:
    return hashlib.sha256(characters.encode()).digest()[:16]
