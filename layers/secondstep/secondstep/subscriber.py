"""Who logs in: the subscriber's record, its names, and the parts that hang on it.

A subscriber is one item, and every security decision about it is one conditional write to that item; so
counters, authenticators, open challenges, recovery codes and tickets are all parts of this record.
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from secondstep.errors import InvalidRequest

_ACCOUNT = re.compile(r"[a-z0-9-]{1,40}")
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs"}  # control, format, surrogate
_REFUSED_CHARACTERS = set("/%#?")
_LONGEST_LOGIN_NAME = 128


class Role(StrEnum):
    """What the subscriber may do in the account."""

    AGENT = "agent"
    ADMIN = "admin"


class Status(StrEnum):
    """Whether the subscriber may log in."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class Enrollment(StrEnum):
    """Whether login asks for a code (`bound`), for an enrollment with a ticket (`ticketed`), or the policy (`open`)."""

    OPEN = "open"
    TICKETED = "ticketed"
    BOUND = "bound"


class Purpose(StrEnum):
    """What a challenge token is good for; never for anything else."""

    VERIFY = "verify"
    ENROLL = "enroll"
    CONFIRM = "confirm"
    ADD = "add"


class Identity(msgspec.Struct, frozen=True):
    """An account id and a canonical login name: what a claimant says, real or not."""

    account: str
    login_name: str

    @classmethod
    def parse(cls, *, account: str, login_name: str) -> "Identity":
        """Return the canonical form of both; InvalidRequest where either has the wrong shape."""
        if not _ACCOUNT.fullmatch(account):
            raise InvalidRequest("must be 1 to 40 of a-z, 0-9 and -", field="account")
        return cls(account, canonical_login_name(login_name))

    @property
    def hash(self) -> str:
        """Return the pseudonymous key: 128 bits of SHA-256 over account, line feed, login name, in hex."""
        digest = hashlib.sha256(f"{self.account}\n{self.login_name}".encode())
        return digest.digest()[:16].hex()


def canonical_login_name(typed: str, *, field: str = "login_name") -> str:
    """Return NFKC, case-folded, NFKC, trimmed: so that one person has one name, one item and one budget.

    InvalidRequest for 0 or more than 128 code points, control, format and surrogate characters, / % # ?.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", typed).casefold()).strip()
    if not 1 <= len(folded) <= _LONGEST_LOGIN_NAME:
        raise InvalidRequest("must be 1 to 128 characters long", field=field)
    if folded in (".", ".."):  # in a path they would lead elsewhere
        raise InvalidRequest("must not be a dot or two", field=field)
    if any(unicodedata.category(c) in _REFUSED_CATEGORIES or c in _REFUSED_CHARACTERS for c in folded):
        raise InvalidRequest("has a character that a login name cannot have", field=field)
    return folded


def new_epoch() -> bytes:
    """Return a fresh random 64-bit value; it is compared for equality only, so a restore cannot repeat it."""
    return secrets.token_bytes(8)


def new_id() -> str:
    """Return an opaque id of 96 random bits, URL-safe (sub, sid, authenticator and charge ids)."""
    return secrets.token_urlsafe(12)


class Authenticator(msgspec.Struct, frozen=True, kw_only=True):
    """A bound TOTP authenticator; `sealed_secret` opens only with this subscriber's encryption context."""

    id: str
    name: str
    sealed_secret: bytes
    created_at: int
    last_step: int  # the highest time step that was accepted; only a higher one is accepted again
    last_used_at: int


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that waits inside its challenge for the first right code."""

    authenticator_id: str
    name: str
    sealed_secret: bytes
    made: int  # how many secrets this enrollment has made; three are the most
    ticket_hash: bytes | None = None
    sid: str | None = None  # of the session that adds it: no other one may finish what this one began


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """A wrong code that belongs to a future step; remembered until a second one confirms the drift."""

    authenticator_id: str
    step: int
    offset: int  # in steps: how far the step lay in the future


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """An open challenge: the token's hash, and what it is good for."""

    key: str
    purpose: Purpose
    epoch: bytes
    opened_at: int
    expires_at: int
    tries_left: int
    pending: Pending | None = None
    ahead: Ahead | None = None


class Ticket(msgspec.Struct, frozen=True):
    """A stored ticket: its hash and its end (epoch seconds)."""

    hash: bytes
    expires_at: int

    def is_live(self, now: int) -> bool:
        """Tell whether it has not expired."""
        return now < self.expires_at


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what is known of one subscriber; times are epoch seconds."""

    account: str
    login_name: str
    sub: str
    role: Role
    status: Status
    enrollment: Enrollment
    epoch: bytes
    created_at: int
    password_hash: str | None = None
    authenticators: Mapping[str, Authenticator] = {}
    challenges: Mapping[str, Challenge] = {}
    recovery_codes: frozenset[bytes] = frozenset()
    password_ticket: Ticket | None = None
    enrollment_ticket: Ticket | None = None
    recent: Mapping[str, int] = {}
    day: Mapping[str, int] = {}
    recovery_recent: Mapping[str, int] = {}
    run: int = 0
    last_login_at: int | None = None
    email: str | None = None
    display_name: str | None = None
    locale: str | None = None

    @property
    def identity(self) -> Identity:
        """Return account and login name; their hash is the key."""
        return Identity(self.account, self.login_name)

    @property
    def is_active(self) -> bool:
        """Tell whether the subscriber may log in now."""
        return self.status is Status.ACTIVE

    @property
    def is_active_admin(self) -> bool:
        """Tell whether the account can be run by this subscriber now."""
        return self.is_active and self.role is Role.ADMIN

    @property
    def has_ever_logged_in(self) -> bool:
        """Tell whether a login was ever finished; a binding is one."""
        return self.last_login_at is not None

    @property
    def is_bound(self) -> bool:
        """Tell whether login must ask for a code."""
        return self.enrollment is Enrollment.BOUND

    def last_used_first(self) -> list[Authenticator]:
        """Return the bound authenticators in the order in which a code is tried."""
        return sorted(self.authenticators.values(), key=lambda each: each.last_used_at, reverse=True)
