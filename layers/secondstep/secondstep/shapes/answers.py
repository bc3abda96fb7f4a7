"""The answers that are given; they may gain members, and lose none (docs/api.md)."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from secondstep.account import Policy


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


class PasswordNext(msgspec.Struct, frozen=True, kw_only=True, tag_field="next", tag="password"):
    """The password was right but is too short to stand alone; the ticket opens `POST /password` for a longer one.

    None where an admin has given one: then that is wanted.
    """

    ticket: str | None
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


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an application gets at `POST /token` (RFC 6749 section 5.1): no account token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


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
    apps_required: bool
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


class AddedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A further authenticator is bound; no session comes of it, and no recovery codes."""

    authenticator: AuthenticatorAnswer
    recovery_codes_left: int


class RecoveryCodesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The new set, shown in this answer only; the old one is dead."""

    recovery_codes: list[str]
    recovery_codes_left: int


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of the subscriber's living sessions."""

    id: str
    current: bool
    created_at: int
    last_used_at: int
    amr: list[str]
    source: str


class PictureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The account's picture, as it was stored: bytes and pixels."""

    size: int
    width: int
    height: int


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
    response_modes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool


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


class SubscriberLine(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber in the admin's list."""

    login_name: str
    display_name: str | None
    role: str
    status: str
    enrolled: bool
    last_login_at: int | None


class SubscribersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list, in order of login name; it may be short. No cursor: it was the last one."""

    subscribers: list[SubscriberLine]
    cursor: str | None


class SubscriberAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One subscriber, as its account's admin sees it: no secrets."""

    login_name: str
    sub: str
    display_name: str | None
    role: str
    status: str
    enrolled: bool
    enrollment: str
    created_at: int
    last_login_at: int | None
    authenticators: list[AuthenticatorAnswer]
    authenticators_disabled: bool
    recovery_codes_left: int
    locked_until: int | None
    email: str | None
    locale: str | None


class SummaryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many subscribers there are, by state; nothing in it is older than `as_of`.

    Not `complete`: a large account is being counted for the first time, and these are the first names of it.
    """

    subscribers: int
    enrolled: int
    disabled: int
    invited: int
    as_of: int
    complete: bool


class PolicyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every value in force, and where it comes from."""

    policy: Policy
    origin: dict[str, Literal["default", "account"]]


class EventAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An audit event; `actor` and `subject` are `{sub, login_name}` or `{operator}`."""

    id: str
    at: int
    event: str
    outcome: str
    actor: dict[str, str] | None
    subject: dict[str, str] | None
    source: str
    request_id: str
    reason: str | UnsetType = UNSET
    detail: dict[str, Any] | UnsetType = UNSET


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events, newest first; it may be short. No cursor: it was the last one."""

    events: list[EventAnswer]
    cursor: str | None
