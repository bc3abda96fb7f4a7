"""Passwords: Argon2id, and the rules a new one must keep (NIST SP 800-63B-4 section 3.1.1.2).

A password is its NFKC form in UTF-8, whole: every code point counts, none is cut off, any character is welcome.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from secondstep.errors import PasswordRefused

LONGEST = 128
_LEAST_OF_ITS_OWN = 4

# OWASP's minimum for Argon2id; 19 MiB, two passes, one lane: 20 ms of one core, 25 of a Lambda's at 1,769 MB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# A name that does not exist is checked against this hash of a random password, so that it costs the same.
_DECOY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$692uQpWKtrLQ6mEWVLFlYQ$+9KE6Vi6vD2LDR+OT32YoIphwMyeJqB7SDkDdnnhYxI"


def match(presented: str, stored_hash: str | None) -> bool:
    """Tell whether a presented password is the stored one; a missing hash costs as much as a wrong password."""
    try:
        _HASHER.verify(stored_hash or _DECOY_HASH, _bytes(presented))
    except (VerificationError, InvalidHashError):
        return False
    return stored_hash is not None


def hash_password(password: str) -> str:
    """Return the encoded Argon2id hash, with its parameters and a fresh salt."""
    return _HASHER.hash(_bytes(password))


def needs_rehash(stored_hash: str) -> bool:
    """Tell whether a hash was made with lower parameters than today's."""
    return _HASHER.check_needs_rehash(stored_hash)


def refuse_weak(password: str, *, shortest: int, own_words: Iterable[str]) -> None:
    """Raise PasswordRefused for a new password that is too short, too long, common, or made of the account's words."""
    length = len(unicodedata.normalize("NFKC", password))
    if length < shortest:
        raise PasswordRefused("too_short")
    if length > LONGEST:
        raise PasswordRefused("too_long")
    if _is_common(password.casefold()) or _is_made_of(password.casefold(), own_words):
        raise PasswordRefused("too_common")


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode()


@cache
def _common_passwords() -> frozenset[str]:
    """Return zxcvbn's list of 30,000 common passwords, loaded only when a password is set."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def _is_common(folded: str) -> bool:
    return folded in _common_passwords()


def _is_made_of(folded: str, own_words: Iterable[str]) -> bool:
    """Tell whether little is left once the account's own words are taken out (`acme2026` of `acme`)."""
    for word in sorted((each.casefold() for each in own_words if each), key=len, reverse=True):
        folded = folded.replace(word, "")
    return sum(each.isalpha() for each in folded) < _LEAST_OF_ITS_OWN and len(folded) < 2 * _LEAST_OF_ITS_OWN
