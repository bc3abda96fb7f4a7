"""TOTP seeds as other systems write them: parameters that every authenticator app honours, or a reason why not."""

import base64
import binascii
from urllib.parse import parse_qs, unquote, urlsplit

from cli.importing.candidate import Seed, Unreadable
from secondstep.authenticators.totp import DIGITS, PERIOD_SECONDS, Secret

_FEWEST_BYTES = 10  # 80 bits: what Google Authenticator's own first enrollments have
_MOST_BYTES = 128
_SHA1 = {"SHA1", "SHA-1", "HMACSHA1", ""}


def seed(raw: bytes, *, name: str = "", algorithm: object = "", digits: object = None, period: object = None) -> Seed:
    """Return a seed; Unreadable for another algorithm than SHA1, other digits than 6, another period than 30 s."""
    if str(algorithm or "").upper() not in _SHA1:
        raise Unreadable(f"the code is computed with {str(algorithm)[:16]}, not SHA1")
    if _number(digits, DIGITS) != DIGITS:
        raise Unreadable(f"the code has {str(digits)[:4]} digits, not {DIGITS}")
    if _number(period, PERIOD_SECONDS) != PERIOD_SECONDS:
        raise Unreadable(f"the code changes every {str(period)[:8]} s, not every {PERIOD_SECONDS} s")
    if not _FEWEST_BYTES <= len(raw) <= _MOST_BYTES:
        raise Unreadable(f"the seed has {len(raw)} bytes, not {_FEWEST_BYTES} to {_MOST_BYTES}")
    return Seed(Secret(raw), name)


def from_base32(text: str) -> bytes:
    """Return the bytes of a Base32 seed; spaces, hyphens, case and missing padding are forgiven."""
    compact = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        return base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError) as wrong:
        raise Unreadable("the seed is not Base32") from wrong


def from_hex(text: str) -> bytes:
    """Return the bytes of a hexadecimal seed."""
    try:
        return bytes.fromhex(text.strip())
    except ValueError as wrong:
        raise Unreadable("the seed is not hexadecimal") from wrong


def from_uri(uri: str) -> tuple[str, Seed]:
    """Return the account that an `otpauth://totp/` URI names, and its seed."""
    parts = urlsplit(uri.strip())
    if parts.scheme.lower() != "otpauth":
        raise Unreadable("this is no otpauth:// URI")
    if parts.netloc.lower() != "totp":
        raise Unreadable(f"the authenticator is of the type {parts.netloc[:16] or 'unknown'}, not totp")
    query = {name.lower(): values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if not query.get("secret"):
        raise Unreadable("the URI has no seed")
    read = seed(
        from_base32(query["secret"]),
        algorithm=query.get("algorithm"),
        digits=query.get("digits"),
        period=query.get("period"),
    )
    return named_in(uri), read


def named_in(uri: str) -> str:
    """Return the account that a URI's label names: what follows `issuer:`, or nothing where it is no key URI."""
    parts = urlsplit(uri.strip())
    return account_of(unquote(parts.path.lstrip("/"))) if parts.scheme.lower() == "otpauth" else ""


def account_of(label: str) -> str:
    """Return the account of a label: what follows `issuer:`."""
    issuer, colon, account = label.partition(":")
    return (account if colon else issuer).strip()


def _number(given: object, default: int) -> int | None:
    if given is None or given == "":
        return default
    try:
        return int(str(given))
    except ValueError:
        return None
