"""Passwords: Argon2id, and the rules a new one must keep (NIST SP 800-63B-4 section 3.1.1.2).

A password is its NFKC form in UTF-8, whole: every code point counts, none is cut off, any character is welcome.
A hash that another system made is verified as that system did, and replaced by ours once it has matched.
"""

import hmac
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from secondstep.authenticators import foreign_hashes
from secondstep.errors import PasswordRefused

LONGEST = 128
_LEAST_OF_ITS_OWN = 4
_FEW_GUESSES = 10**6
_ESTIMATED_CHARACTERS = 72  # what zxcvbn looks at; no password that long is guessed by what follows

# OWASP's minimum for Argon2id; 19 MiB, two passes, one lane: 20 ms of one core, 25 of a Lambda's at 1,769 MB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_ROOM = 64 * 1024  # what surrounds the hash's own memory
# A name that does not exist is checked against this hash of a random password, so that it costs the same.
_DECOY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$692uQpWKtrLQ6mEWVLFlYQ$+9KE6Vi6vD2LDR+OT32YoIphwMyeJqB7SDkDdnnhYxI"


def take_memory() -> None:
    """Have the memory of a hash in place before the first one: its 4,900 page faults cost half as much as itself.

    glibc gives a large block back to the kernel, and the first one that it takes back makes it keep the next ones (the
    threshold of mmap is dynamic). The first block is never touched; the second one is, and stays.
    """
    size = _HASHER.memory_cost * 1024 + _ROOM
    bytes(size)  # zeros that the kernel has not given yet
    bytearray(size)  # zeros that are written


class Schemes(msgspec.Struct, frozen=True):
    """The password schemes that an account holds beside ours, each as a decoy; and the secret that chooses one."""

    key: bytes = b""
    foreign: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "Schemes(…)"

    def decoy_for(self, login_name: str) -> str:
        """Return the hash that a name without one is checked against: a scheme of the account's, always the same.

        The highest keyed hash wins, so that a further scheme moves only the names that it wins. Without the key
        nobody can tell which scheme a name would have if it did not exist.
        """
        return max((_DECOY_HASH, *self.foreign), key=lambda scheme: self._rank(scheme, login_name))

    def _rank(self, scheme: str, login_name: str) -> bytes:
        return hmac.digest(self.key, f"{scheme}\n{login_name}".encode(), "sha256")


def match(presented: str, stored_hash: str | None, *, decoy_hash: str = _DECOY_HASH) -> bool:
    """Tell whether a presented password is the stored one; a missing hash costs as much as a wrong password.

    So does one that nobody can check any more. Exactly one hash is computed, whatever is stored.
    """
    can_match = stored_hash is not None and (_is_own(stored_hash) or foreign_hashes.parse(stored_hash) is not None)
    checked = stored_hash if stored_hash is not None and can_match else decoy_hash
    return _matches(presented, checked) and can_match


def _matches(presented: str, checked_hash: str) -> bool:
    foreign = foreign_hashes.parse(checked_hash)
    if foreign is not None:
        return foreign_hashes.matches(presented, foreign)
    try:
        return _HASHER.verify(checked_hash, _bytes(presented))
    except (VerificationError, InvalidHashError):
        return False


def _is_own(stored_hash: str) -> bool:
    """Tell whether it is a whole Argon2id hash in our spelling; a truncated one would cost nothing to refuse."""
    try:
        return extract_parameters(stored_hash).type is Type.ID
    except InvalidHashError:
        return False


def hash_password(password: str) -> str:
    """Return the encoded Argon2id hash, with its parameters and a fresh salt."""
    return _HASHER.hash(_bytes(password))


def needs_rehash(stored_hash: str) -> bool:
    """Tell whether a hash was made by another system, or with other parameters than today's."""
    return not _is_own(stored_hash) or _HASHER.check_needs_rehash(stored_hash)


def is_too_short(password: str, shortest: int) -> bool:
    """Tell whether a password has fewer characters than this."""
    return len(_normal(password)) < shortest


def refuse_weak(password: str, *, shortest: int, own_words: Iterable[str]) -> None:
    """Raise PasswordRefused for a new password that is too short, too long, or soon guessed."""
    if is_too_short(password, shortest):
        raise PasswordRefused("too_short")
    if len(_normal(password)) > LONGEST:
        raise PasswordRefused("too_long")
    folded, words = _folded(password), [_folded(word) for word in own_words]
    if _is_soon_guessed(folded, words) or _is_made_of(folded, words):
        raise PasswordRefused("too_common")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_soon_guessed(folded: str, own_words: Sequence[str]) -> bool:
    """Tell whether an attacker finds it early: common passwords, names, words, dates, repeats, runs, keyboard walks.

    By zxcvbn, loaded only when a password is set. A million guesses are a year of them at a name's pace.
    """
    from zxcvbn import zxcvbn

    return bool(zxcvbn(folded[:_ESTIMATED_CHARACTERS], user_inputs=list(own_words))["guesses"] < _FEW_GUESSES)


def _is_made_of(folded: str, own_words: Iterable[str]) -> bool:
    """Tell whether little is left once the account's own words are taken out (`acme2026` of `acme`)."""
    for word in sorted(filter(None, own_words), key=len, reverse=True):
        folded = folded.replace(word, "")
    return sum(each.isalpha() for each in folded) < _LEAST_OF_ITS_OWN and len(folded) < 2 * _LEAST_OF_ITS_OWN
