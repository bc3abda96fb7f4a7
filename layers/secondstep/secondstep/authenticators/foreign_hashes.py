"""Password hashes that other systems made, verified just as they did; each is replaced at its owner's first login.

Stored in the maker's own spelling: Django `pbkdf2_sha256$iterations$salt$hash` and `argon2$argon2id$…`, bcrypt
`$2b$…`, Werkzeug `scrypt:N:r:p$salt$hash`; Keycloak's PBKDF2 as `pbkdf2-sha256$iterations$salt$hash` with a binary
salt. The password is tried as typed, in UTF-8: none of these systems normalizes it.

A **scheme** is written as a hash of nobody's: the same method, cost and length, with salt and digest of zeros. So it
is at once the name of what a hash costs and a decoy that costs the same.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, verify_secret

# A hash may cost what its makers' defaults cost, with room, and never what ends a function: time or memory.
_MOST_ITERATIONS = 2_000_000
_MOST_BCRYPT_ROUNDS = 14  # 2^14
_MOST_BYTES = 160 * 1024 * 1024
_MOST_ARGON2_WORK = 1024 * 1024  # KiB times passes
_MOST_LANES = 16
_BCRYPT_BYTES = 72  # bcrypt reads no further; a longer password has always been cut there by whoever made the hash

_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$([1-9]\d{0,7})\$([^$]{1,64})\$([A-Za-z0-9+/]{4,88}={0,2})")
_KEYCLOAK_PBKDF2 = re.compile(
    r"pbkdf2-(sha1|sha256|sha512)\$([1-9]\d{0,7})\$([A-Za-z0-9+/]{4,88}={0,2})\$([A-Za-z0-9+/]{4,700}={0,2})"
)
_BCRYPT = re.compile(r"(bcrypt_sha256\$)?\$(2[aby])\$(\d\d)\$([./A-Za-z0-9]{53})")
_WERKZEUG_SCRYPT = re.compile(r"scrypt:([1-9]\d{0,7}):([1-9]\d?):([1-9]\d?)\$([^$]{1,64})\$([0-9a-f]{32,256})")
_ARGON2 = re.compile(
    r"argon2\$argon2(i|id)\$v=19\$m=([1-9]\d{0,7}),t=([1-9]\d{0,3}),p=([1-9]\d?)\$"
    r"([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{16,180})"
)


class Foreign(NamedTuple):
    """A hash of another system: what it costs, as a hash of nobody's, and how a typed password is tried."""

    scheme: str
    matches: Callable[[bytes], bool]


def parse(stored: str) -> Foreign | None:
    """Return the hash as something to try a password with; None for a format, or a cost, that is not supported."""
    for pattern, build in _FORMATS:
        found = pattern.fullmatch(stored)
        if found:
            return build(found)
    return None


def matches(presented: str, foreign: Foreign) -> bool:
    """Tell whether a password as it was typed is the one that the other system hashed."""
    return foreign.matches(presented.encode())


def _django_pbkdf2(found: re.Match[str]) -> Foreign | None:
    digest_name, iterations, salt, digest = found.groups()
    return _pbkdf2(f"pbkdf2_{digest_name}", digest_name, int(iterations), salt.encode(), digest, "0" * len(salt))


def _keycloak_pbkdf2(found: re.Match[str]) -> Foreign | None:
    digest_name, iterations, salt, digest = found.groups()
    raw = _decoded(salt)
    if raw is None:
        return None
    zeros = base64.b64encode(bytes(len(raw))).decode()
    return _pbkdf2(f"pbkdf2-{digest_name}", digest_name, int(iterations), raw, digest, zeros)


def _pbkdf2(name: str, digest_name: str, iterations: int, salt: bytes, digest: str, no_salt: str) -> Foreign | None:
    expected = _decoded(digest)
    if expected is None or iterations * _blocks(expected, digest_name) > _MOST_ITERATIONS:
        return None
    scheme = f"{name}${iterations}${no_salt}${base64.b64encode(bytes(len(expected))).decode()}"

    def tried(typed: bytes) -> bool:
        derived = hashlib.pbkdf2_hmac(digest_name, typed, salt, iterations, len(expected))
        return hmac.compare_digest(derived, expected)

    return Foreign(scheme, tried)


def _blocks(expected: bytes, digest_name: str) -> int:
    """Return how many times the iterations run: once for each digest's length of output (RFC 8018 section 5.2)."""
    return -(-len(expected) // hashlib.new(digest_name).digest_size)


def _bcrypt(found: re.Match[str]) -> Foreign | None:
    prehash, variant, rounds, digest = found.groups()
    if not 4 <= int(rounds) <= _MOST_BCRYPT_ROUNDS:
        return None
    encoded = f"${variant}${rounds}${digest}".encode()

    def tried(typed: bytes) -> bool:
        import bcrypt  # only an account that has such hashes ever loads it

        # Django's bcrypt_sha256 hashes the hexadecimal SHA-256 instead, so that nothing is cut.
        hashed = hashlib.sha256(typed).hexdigest().encode() if prehash else typed
        try:
            return bcrypt.checkpw(hashed[:_BCRYPT_BYTES], encoded)
        except ValueError:
            return False

    return Foreign(f"{prehash or ''}${variant}${rounds}${'.' * 53}", tried)


def _werkzeug_scrypt(found: re.Match[str]) -> Foreign | None:
    n, r, p = (int(found[place]) for place in (1, 2, 3))
    salt, digest = found[4].encode(), found[5]
    needed = 132 * n * r * p
    if n & (n - 1) or n < 2 or needed > _MOST_BYTES or len(digest) % 2:
        return None
    expected = bytes.fromhex(digest)

    def tried(typed: bytes) -> bool:
        derived = hashlib.scrypt(typed, salt=salt, n=n, r=r, p=p, maxmem=needed + 2**20, dklen=len(expected))
        return hmac.compare_digest(derived, expected)

    return Foreign(f"scrypt:{n}:{r}:{p}${'0' * len(salt)}${'0' * len(digest)}", tried)


def _argon2(found: re.Match[str]) -> Foreign | None:
    variant, memory, passes, lanes = found[1], int(found[2]), int(found[3]), int(found[4])
    too_much = memory * 1024 > _MOST_BYTES or memory * passes > _MOST_ARGON2_WORK or lanes > _MOST_LANES
    if too_much or memory < 8 * lanes:
        return None
    encoded = found[0].removeprefix("argon2").encode()
    of_type = Type.ID if variant == "id" else Type.I

    def tried(typed: bytes) -> bool:
        try:
            return verify_secret(encoded, typed, of_type)
        except (VerificationError, InvalidHashError):
            return False

    parameters = f"m={memory},t={passes},p={lanes}"
    return Foreign(f"argon2$argon2{variant}$v=19${parameters}${'A' * len(found[5])}${'A' * len(found[6])}", tried)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


_FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Foreign | None]], ...] = (
    (_DJANGO_PBKDF2, _django_pbkdf2),
    (_KEYCLOAK_PBKDF2, _keycloak_pbkdf2),
    (_BCRYPT, _bcrypt),
    (_WERKZEUG_SCRYPT, _werkzeug_scrypt),
    (_ARGON2, _argon2),
)
