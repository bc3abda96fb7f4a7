"""Recovery codes: ten single-use look-up secrets (NIST SP 800-63B-4 section 3.1.2), shown once.

Stored is the first 128 bits of SHA-256 over `sub` and code: the codes are 80 random bits, every guess is charged
for, and one person's code never matches another's set.
"""

import hashlib

from secondstep import secret_text

CODES_IN_A_SET = 10


def issue(sub: str) -> tuple[list[str], frozenset[bytes]]:
    """Return a new set's texts, to be shown once, and what is stored of it."""
    texts: set[str] = set()
    while len(texts) < CODES_IN_A_SET:
        texts.add(secret_text.generate())
    return sorted(texts), frozenset(_hash(sub, text.replace("-", "")) for text in texts)


def parse(typed: str) -> str | None:
    """Return the sixteen characters that were meant, or None."""
    return secret_text.parse(typed)


def match(presented_characters: str, sub: str, stored: frozenset[bytes]) -> bytes | None:
    """Return the stored hash that the code matches, or None.

    The look-up is by a hash of what was presented, so its time tells nothing about the stored codes.
    """
    presented_hash = _hash(sub, presented_characters)
    return presented_hash if presented_hash in stored else None


def _hash(sub: str, characters: str) -> bytes:
    return hashlib.sha256(f"{sub}\n{characters}".encode()).digest()[:16]
