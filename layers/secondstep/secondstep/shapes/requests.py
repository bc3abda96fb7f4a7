"""The bodies and query parameters that are taken: strict, so what is unknown or ill-typed is refused."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from secondstep.account import (
    App,
    Application,
    Colour,
    IdleMinutes,
    InvitationHours,
    MaxAuthenticators,
    SessionHours,
    ToleranceSteps,
)
from secondstep.visible import LINE, LINES, NOT_IN_AN_ADDRESS

_PART = rf"[^{NOT_IN_AN_ADDRESS}]+"  # of a mail address: nothing that begins another one, a name or a comment
type Text = Annotated[str, Meta(min_length=1, max_length=4096)]
type Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE)]
type Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE)]
type Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$(?!\n)", max_length=35)]
type Email = Annotated[str, Meta(pattern=rf"^{_PART}@{_PART}$(?!\n)", max_length=254)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body; its `repr` never shows what it holds."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


def given[Value](value: Value | UnsetType) -> Value | None:
    """Return a field that was sent, else None."""
    return None if value is UNSET else value


def given_fields(request: Request) -> dict[str, Any]:
    """Return the fields that were sent, by their names."""
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not UNSET}


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


class TokenRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """`POST /token`: a form; what OAuth does not know is ignored (RFC 6749 section 3.2)."""

    grant_type: str = ""
    client_id: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""


class LogoutRequest(Request, frozen=True, kw_only=True):
    """`POST /logout`: the session of the bearer token, or of this refresh token."""

    refresh_token: str | UnsetType = UNSET


class StepUpRequest(Request, frozen=True, kw_only=True):
    """`POST /step-up`: exactly one of code, recovery code, password."""

    code: str | UnsetType = UNSET
    authenticator: str | UnsetType = UNSET
    recovery_code: str | UnsetType = UNSET
    password: str | UnsetType = UNSET


class ProfileRequest(Request, frozen=True, kw_only=True):
    """`PATCH /me`; null takes a detail away."""

    display_name: Name | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET


class AddRequest(Request, frozen=True, kw_only=True):
    """`POST /me/authenticators`: what the further authenticator is called."""

    name: Name
    ticket: str | UnsetType = UNSET


class RenameRequest(Request, frozen=True, kw_only=True):
    """`PATCH /me/authenticators/{id}`."""

    name: Name


class ChangePasswordRequest(Request, frozen=True, kw_only=True):
    """`POST /me/password`."""

    current_password: str
    new_password: Text


class PictureRequest(Request, frozen=True, kw_only=True):
    """`PUT /admin/policy/logo`: the picture itself."""

    png: bytes


class InviteRequest(Request, frozen=True, kw_only=True):
    """`POST /admin/subscribers`."""

    login_name: str
    role: Literal["agent", "admin"]
    email: Email | UnsetType = UNSET
    display_name: Name | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET


class ReasonRequest(Request, frozen=True, kw_only=True):
    """`POST /admin/subscribers/{login_name}/reset` and `/password-reset`: why."""

    reason: Reason


class ChangeSubscriberRequest(Request, frozen=True, kw_only=True):
    """`PATCH /admin/subscribers/{login_name}`; null takes a contact detail away."""

    status: Literal["active", "disabled"] | UnsetType = UNSET
    role: Literal["agent", "admin"] | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    display_name: Name | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET


class ProposedApp(App, frozen=True, forbid_unknown_fields=True):
    """An authenticator app, as an admin may name it. What is stored is read as it is: rules may have grown since."""

    name: Name


class ProposedApplication(Application, frozen=True, forbid_unknown_fields=True):
    """An application of the account, as an admin may name it."""

    name: Name


type _PolicyLine = Annotated[str, Meta(max_length=64, pattern=LINE)]  # empty: the default


class PolicyRequest(Request, frozen=True, kw_only=True):
    """`PUT /admin/policy`: replaces all; a field that is missing returns to its default."""

    display_name: _PolicyLine | UnsetType = UNSET
    mfa_required: bool | UnsetType = UNSET
    enrollment_ticket: Literal["never", "after_reset", "always"] | UnsetType = UNSET
    otp_issuer: _PolicyLine | UnsetType = UNSET
    apps: Annotated[tuple[ProposedApp, ...], Meta(max_length=10)] | UnsetType = UNSET
    apps_required: bool | UnsetType = UNSET
    tolerance_steps: ToleranceSteps | UnsetType = UNSET
    session_hours: SessionHours | UnsetType = UNSET
    idle_minutes: IdleMinutes | UnsetType = UNSET
    max_authenticators: MaxAuthenticators | UnsetType = UNSET
    invitation_hours: InvitationHours | UnsetType = UNSET
    accent_colour: Colour | UnsetType = UNSET
    help_text: Annotated[str, Meta(max_length=500, pattern=LINES)] | UnsetType = UNSET
    applications: Annotated[tuple[ProposedApplication, ...], Meta(max_length=10)] | UnsetType = UNSET


type Limit = Annotated[int, Meta(ge=1, le=100)]
type Moment = Annotated[int, Meta(ge=0, le=9_999_999_999)]


class SubscribersQuery(Request, frozen=True, kw_only=True):
    """`GET /admin/subscribers`."""

    prefix: str = ""
    status: Literal["invited", "active", "disabled"] | UnsetType = UNSET
    enrolled: bool | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    limit: Limit = 50


class EventsQuery(Request, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """`GET /admin/audit`; times in epoch seconds, both included."""

    login_name: str | UnsetType = UNSET
    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    event: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    limit: Limit = 50


class OwnEventsQuery(Request, frozen=True, kw_only=True):
    """`GET /me/events`."""

    cursor: str | UnsetType = UNSET
    limit: Limit = 50
