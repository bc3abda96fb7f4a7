"""Password hashes as files hold them, in the spelling that is stored."""

from cli.importing.candidate import Unreadable
from secondstep.authenticators import foreign_hashes

# Older bcrypt libraries wrote the same hash under another letter, or the framework's name in front of it.
_DJANGO_BCRYPT = "bcrypt$"


def stored_form(text: str | None) -> str | None:
    """Return a hash in the form that is stored and can be verified; None for none, Unreadable for another format.

    An Argon2id hash of another system gets Django's prefix: it is tried as typed, while ours normalize.
    """
    text = (text or "").strip()
    if not text or text.startswith("!"):  # Django's mark for an account without a usable password
        return None
    if text.startswith("$argon2"):
        text = f"argon2{text}"
    text = text.removeprefix(_DJANGO_BCRYPT)
    if foreign_hashes.parse(text) is None:
        raise Unreadable(f"the password hash is of a format or cost that is not supported ({_format_of(text)})")
    return text


def own_form(text: str | None) -> str | None:
    """Return a hash of another deployment of this service as it is; Unreadable where it could not be verified."""
    if text is None:
        return None
    readable = f"argon2{text}" if text.startswith("$argon2id$") else text
    if foreign_hashes.parse(readable) is None:
        raise Unreadable(f"the password hash is of a format or cost that is not supported ({_format_of(text)})")
    return text


def scheme_of(stored: str | None) -> str | None:
    """Return the scheme of a stored hash that another system made; None for none and for ours."""
    foreign = foreign_hashes.parse(stored) if stored else None
    return foreign.scheme if foreign else None


def _format_of(text: str) -> str:
    """Return the public part in front of a hash, never any of the hash."""
    head = text.lstrip("$").partition("$")[0][:24]
    return head if "$" in text and head.replace("_", "").replace("-", "").replace(":", "").isalnum() else "unknown"
