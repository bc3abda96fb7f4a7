"""Eighty random bits for people: sixteen Crockford Base32 characters in groups of four.

Recovery codes and tickets are made of it. Crockford's alphabet has no I, L, O, U; what is typed is forgiven
for case, hyphens, blanks, O for 0, and I or L for 1.
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHARACTERS = 16
GROUP = 4
_FORGIVEN = str.maketrans("OIL", "011", "- ")


def generate() -> str:
    """Return a new secret as `XXXX-XXXX-XXXX-XXXX`, from the operating system's generator (80 bits)."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))
    return "-".join(text[start : start + GROUP] for start in range(0, CHARACTERS, GROUP))


def parse(typed: str) -> str | None:
    """Return the sixteen characters that were meant, or None where the text cannot be such a secret."""
    if not typed.isascii():  # upper() and translate() must not turn foreign letters into ours
        return None
    text = typed.strip().upper().translate(_FORGIVEN)
    return text if len(text) == CHARACTERS and set(text) <= set(ALPHABET) else None
