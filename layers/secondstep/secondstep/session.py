"""Sessions and their tokens: signed ones for applications and for this service, an opaque one for refreshing.

An `access_token` has the account as audience, an `account_token` this service: an application, or a log that holds
its users' tokens, can thus never reset anyone. Claims as RFC 9068; RS256 alone is signed and accepted.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum, auto
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from secondstep.errors import InvalidToken
from secondstep.subscriber import Subscriber, new_id

ACCESS_TOKEN_SECONDS = 15 * 60
REPEAT_SECONDS = 10  # a lost reply or a second tab gets the same successor again
OWN_CLIENT = "secondstep"
ALGORITHM = "RS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105
_SID = re.compile(r"[A-Za-z0-9_-]{16}")
_REFRESH = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})")

PASSWORD_ONLY = ("pwd",)
PASSWORD_AND_CODE = ("pwd", "otp", "mfa")
PASSWORD_AND_RECOVERY_CODE = ("pwd", "mfa")


class Accepts(Enum):
    """Which of the two signed tokens a route takes."""

    ACCOUNT_TOKEN = auto()
    EITHER_TOKEN = auto()


class Carrier(StrEnum):
    """What a session is carried by: tokens that a program refreshes, or a browser's cookie; never by both."""

    TOKENS = "tokens"
    BROWSER = "browser"


class Standing(msgspec.Struct, frozen=True):
    """What a session stands on: every write in its name checks that all of it still holds."""

    subscriber_hash: str
    sid: str
    sub: str
    epoch: bytes


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login that lasts; alive while its epoch and `sub` equal the subscriber's."""

    subscriber_hash: str
    sid: str
    sub: str
    epoch: bytes
    current_hash: bytes
    seed: bytes
    auth_time: int
    amr: tuple[str, ...]
    source: str
    created_at: int
    last_used_at: int
    expires_at: int
    client_id: str = OWN_CLIENT
    previous_hash: bytes | None = None
    rotated_at: int = 0
    rotations: int = 0
    step_up_failures: int = 0
    carrier: Carrier = Carrier.TOKENS

    @property
    def standing(self) -> Standing:
        """Return what it stands on."""
        return Standing(self.subscriber_hash, self.sid, self.sub, self.epoch)

    def belongs_to(self, subscriber: Subscriber | None, now: int) -> bool:
        """Tell whether it is alive: not at its end, its subscriber active, same person, same epoch."""
        return (
            subscriber is not None
            and subscriber.is_active
            and self.sub == subscriber.sub
            and self.epoch == subscriber.epoch
            and now < self.expires_at
        )


class SignedTokens(NamedTuple):
    """An access token for applications, an account token for this service, and their life in seconds."""

    access_token: str
    account_token: str
    expires_in: int


class Login(msgspec.Struct, frozen=True):
    """A login that has been written: its session, and what only this moment knows of it."""

    subscriber: Subscriber
    session: Session
    secret: str
    recovery_codes: list[str] | None = None
    recovery_codes_left: int | None = None

    def __repr__(self) -> str:
        return "Login(…)"

    @property
    def handle(self) -> str:
        """Return what carries the session: a refresh token, or a browser's handle."""
        return refresh_token(self.session, self.secret)


class PresentedRefreshToken(msgspec.Struct, frozen=True):
    """A refresh token or a browser's handle as it was presented."""

    subscriber_hash: str
    sid: str
    secret: str

    @property
    def hash(self) -> bytes:
        """Return what the session would have stored of it."""
        return hash_refresh_secret(self.secret)


class SigningKey(msgspec.Struct, frozen=True):
    """An opened private key and its id."""

    kid: str
    private: RSAPrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a verified token of ours."""

    sub: str
    aud: str
    account: str
    login_name: str
    sid: str
    auth_time: int
    amr: tuple[str, ...]


def start(
    subscriber: Subscriber,
    *,
    epoch: bytes,
    amr: tuple[str, ...],
    source: str,
    now: int,
    hours: int,
    carrier: Carrier = Carrier.TOKENS,
) -> tuple[str, Session]:
    """Return the secret and the session of a login that has just succeeded."""
    sid, secret = new_id(), secrets.token_urlsafe(32)
    session = Session(
        subscriber_hash=subscriber.identity.hash,
        sid=sid,
        sub=subscriber.sub,
        epoch=epoch,
        current_hash=hash_refresh_secret(secret),
        seed=secrets.token_bytes(32),
        auth_time=now,
        amr=amr,
        source=source,
        created_at=now,
        last_used_at=now,
        expires_at=now + hours * 60 * 60,
        carrier=carrier,
    )
    return secret, session


def refresh_token(session: Session, secret: str) -> str:
    """Return the refresh token of a secret: `<subscriber hash>.<sid>.<secret>`."""
    return f"{session.subscriber_hash}.{session.sid}.{secret}"


def parse_refresh_token(text: str) -> PresentedRefreshToken:
    """Return the parts of a refresh token; InvalidToken for anything that we never issued."""
    found = _REFRESH.fullmatch(text)
    if not found:
        raise InvalidToken
    return PresentedRefreshToken(found[1], found[2], found[3])


def is_sid(text: str) -> bool:
    """Tell whether a text has the form of a session's id."""
    return _SID.fullmatch(text) is not None


def hash_refresh_secret(secret: str) -> bytes:
    """Return 128 bits of SHA-256: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()[:16]


def successor(seed: bytes, secret: str) -> str:
    """Return the secret that follows another: the same one for a repeat, unknown to who lacks the seed."""
    digest = hmac.digest(seed, secret.encode(), "sha256")
    return _base64url(digest).decode()


def was_issued_before(session: Session, presented_secret: str) -> bool:
    """Tell whether a secret was this session's some rotations ago: its chain of successors meets the present one."""
    return any(
        hmac.compare_digest(hash_refresh_secret(later), session.current_hash)
        for later in _chain(session.seed, presented_secret, session.rotations)
    )


def _chain(seed: bytes, secret: str, length: int) -> Iterator[str]:
    for _ in range(length):
        secret = successor(seed, secret)
        yield secret


def sign_tokens(
    key: SigningKey,
    subscriber: Subscriber,
    session: Session,
    *,
    issuer: str,
    now: int,
    auth_time: int | None = None,
    amr: tuple[str, ...] | None = None,
) -> SignedTokens:
    """Return both tokens; they never live past the session's end.

    A step-up passes its own `auth_time` and `amr`; they live in these two tokens only.
    """
    claims = _claims(subscriber, session, issuer=issuer, now=now) | ({"auth_time": auth_time} if auth_time else {})
    claims |= _proven_by(amr) if amr else {}
    return SignedTokens(_sign(key, claims, subscriber.account), _sign(key, claims, issuer), int(claims["exp"]) - now)


class AccessToken(NamedTuple):
    """The one token that an application gets, and its life in seconds."""

    text: str
    expires_in: int


def sign_access_token(
    key: SigningKey, subscriber: Subscriber, session: Session, *, issuer: str, now: int
) -> AccessToken:
    """Return the token of an application's session; one that opens the account is not even made."""
    claims = _claims(subscriber, session, issuer=issuer, now=now)
    return AccessToken(_sign(key, claims, subscriber.account), int(claims["exp"]) - now)


def _claims(subscriber: Subscriber, session: Session, *, issuer: str, now: int) -> dict[str, Any]:
    return {
        "iss": issuer,
        "sub": subscriber.sub,
        "client_id": session.client_id,
        "account": subscriber.account,
        "iat": now,
        "nbf": now,
        "exp": min(now + ACCESS_TOKEN_SECONDS, session.expires_at),
        "sid": session.sid,
        "auth_time": session.auth_time,
        **_proven_by(session.amr),
        "login_name": subscriber.login_name,
        "role": subscriber.role.value,
    }


def _proven_by(factors: tuple[str, ...]) -> dict[str, Any]:
    return {"amr": list(factors), "acr": "aal2" if "mfa" in factors else "aal1"}


def _sign(key: SigningKey, claims: Mapping[str, Any], audience: str) -> str:
    """Return a JWS in its compact form, RS256 (RFC 7515 section 3.1, RFC 7518 section 3.3).

    By cryptography alone: who only issues tokens need not import what verifies them, 60 of a cold start's 250 ms.
    """
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid}
    named = {**claims, "aud": audience, "jti": new_id()}
    signed = b".".join(_base64url(msgspec.json.encode(part)) for part in (header, named))
    return b".".join((signed, _base64url(key.private.sign(signed, PKCS1v15(), SHA256())))).decode()


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
