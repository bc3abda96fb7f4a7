"""What goes over the wire: the bodies that are taken and the answers that are given.

Requests are strict (unknown and ill-typed fields are refused); answers may gain members (docs/api.md).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

type Text = Annotated[str, Meta(min_length=1, max_length=4096)]
type Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
type Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
type Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
type Email = Annotated[str, Meta(pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$", max_length=254)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body; its `repr` never shows what it holds."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Nothing(Request, frozen=True, kw_only=True):
    """No body, or an empty object."""


class LoginRequest(Request, frozen=True, kw_only=True):
    """`POST /login`."""

    account: str
    login_name: str
    password: str


class EnrollRequest(Request, frozen=True, kw_only=True):
    """`POST /enroll`."""

    challenge: str
    ticket: str | UnsetType = UNSET
    name: Name = "Authenticator"


class VerifyRequest(Request, frozen=True, kw_only=True):
    """`POST /verify`: a code or a recovery code."""

    challenge: str
    code: str | UnsetType = UNSET
    authenticator: str | UnsetType = UNSET
    recovery_code: str | UnsetType = UNSET


class PasswordRequest(Request, frozen=True, kw_only=True):
    """`POST /password`."""

    account: str
    login_name: str
    ticket: str
    new_password: Text


class RefreshRequest(Request, frozen=True, kw_only=True):
    """`POST /refresh`."""

    refresh_token: str


class LogoutRequest(Request, frozen=True, kw_only=True):
    """`POST /logout`: the session of the bearer token, or of this refresh token."""

    refresh_token: str | UnsetType = UNSET


class StepUpRequest(Request, frozen=True, kw_only=True):
    """`POST /step-up`: exactly one of code, recovery code, password."""

    code: str | UnsetType = UNSET
    authenticator: str | UnsetType = UNSET
    recovery_code: str | UnsetType = UNSET
    password: str | UnsetType = UNSET


class InviteRequest(Request, frozen=True, kw_only=True):
    """`POST /admin/subscribers`."""

    login_name: str
    role: Literal["agent", "admin"]
    email: Email | UnsetType = UNSET
    display_name: Name | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET


class ReasonRequest(Request, frozen=True, kw_only=True):
    """`POST /admin/subscribers/{login_name}/reset`: why."""

    reason: Reason


class AuthenticatorChoice(msgspec.Struct, frozen=True):
    """A bound authenticator, as the code page offers it."""

    id: str
    name: str


class VerifyNext(msgspec.Struct, frozen=True, kw_only=True, tag_field="next", tag="verify"):
    """The password was right; a code is wanted."""

    challenge: str
    methods: list[Literal["totp", "recovery_code"]]
    authenticators: list[AuthenticatorChoice]
    expires_in: int


class EnrollNext(msgspec.Struct, frozen=True, kw_only=True, tag_field="next", tag="enroll"):
    """The password was right; an authenticator must be enrolled."""

    challenge: str
    methods: list[Literal["totp", "recovery_code"]]
    ticket_required: bool
    expires_in: int


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="next", tag="done"):
    """Logged in: the session's tokens; recovery codes are shown once, when they are made."""

    access_token: str
    account_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    session_expires_at: int
    recovery_codes: list[str] | UnsetType = UNSET
    recovery_codes_left: int | UnsetType = UNSET


class AppAnswer(msgspec.Struct, frozen=True):
    """An authenticator app that the account recommends."""

    name: str
    ios_url: str
    android_url: str


class EnrollAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The secret, shown in this answer only, and the `confirm` challenge that waits for its first code."""

    challenge: str
    secret: str
    otpauth_uri: str
    qr_svg: str
    issuer: str
    label: str
    digits: int
    period: int
    algorithm: str
    apps: list[AppAnswer]
    expires_in: int


class StepUpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """New signed tokens with a fresh `auth_time`; the refresh token stays as it is."""

    access_token: str
    account_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class AuthenticatorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A bound authenticator, without its secret."""

    id: str
    type: Literal["totp"]
    name: str
    created_at: int
    last_used_at: int


class MeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who the token belongs to, read live."""

    account: str
    login_name: str
    sub: str
    role: str
    email: str | None
    display_name: str | None
    locale: str | None
    authenticators: list[AuthenticatorAnswer]
    recovery_codes_left: int


class TicketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket, shown once; both are null where the policy asks for none."""

    ticket: str | None
    expires_at: int | None


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The service answers."""

    status: Literal["ok"]
    version: str


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The discovery document (RFC 8414)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    subject_types_supported: list[str]
    acr_values_supported: list[str]


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """The public half of a signing key (RFC 7517)."""

    kty: str
    use: str
    alg: str
    kid: str
    n: str
    e: str


class Jwks(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that verify our tokens."""

    keys: list[Jwk]
