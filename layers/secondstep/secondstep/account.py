"""The account (the manual's brand) and its policy, as data."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class EnrollmentTicket(StrEnum):
    """When the first binding wants a ticket; an admin's always does."""

    NEVER = "never"
    AFTER_RESET = "after_reset"
    ALWAYS = "always"


_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$(?!\n)"
_HTTPS = r"^https://[^\s\x00-\x1f]+$(?!\n)"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_BELOW = r"(?::[0-9]{1,5})?(?:/[!$-\[\]-~]*)?"  # ASCII without blank, quote, hash and backslash
_REDIRECT = rf"^(https://{_HOST}|http://(localhost|127\.0\.0\.1)){_BELOW}$(?!\n)"

type Line = Annotated[str, Meta(max_length=64, pattern=_LINE)]
type AppUrl = Annotated[str, Meta(max_length=300, pattern=_HTTPS)]
type RedirectUri = Annotated[str, Meta(max_length=300, pattern=_REDIRECT)]
type ClientId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$(?!\n)")]
type Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$(?!\n)")]
type HelpText = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$(?!\n)")]
type ToleranceSteps = Annotated[int, Meta(ge=0, le=1)]
type SessionHours = Annotated[int, Meta(ge=1, le=24)]
type IdleMinutes = Annotated[int, Meta(ge=20, le=60)]
type MaxAuthenticators = Annotated[int, Meta(ge=1, le=5)]
type InvitationHours = Annotated[int, Meta(ge=24, le=168)]


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authenticator app that the account recommends, with its two store links."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=_LINE)]
    ios_url: AppUrl
    android_url: AppUrl


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An application of the account that sends its users to the pages; redirects match exactly."""

    client_id: ClientId
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=_LINE)]
    redirect_uris: Annotated[tuple[RedirectUri, ...], Meta(min_length=1, max_length=10)]


RECOMMENDED_APPS = (
    App(
        "Google Authenticator",
        "https://apps.apple.com/app/google-authenticator/id388497605",
        "https://play.google.com/store/apps/details?id=com.google.android.apps.authenticator2",
    ),
    App(
        "Authy",
        "https://apps.apple.com/app/twilio-authy/id494168017",
        "https://play.google.com/store/apps/details?id=com.authy.authy",
    ),
    App(
        "Okta Verify",
        "https://apps.apple.com/app/okta-verify/id490179405",
        "https://play.google.com/store/apps/details?id=com.okta.android.auth",
    ),
)


type Apps = Annotated[tuple[App, ...], Meta(max_length=10)]
type Applications = Annotated[tuple[Application, ...], Meta(max_length=10)]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the account's admins decide. The defaults are the safe values: a missing policy is this one."""

    display_name: Line = ""
    mfa_required: bool = True
    enrollment_ticket: EnrollmentTicket = EnrollmentTicket.AFTER_RESET
    otp_issuer: Line = ""
    apps: Apps = RECOMMENDED_APPS
    apps_required: bool = False
    tolerance_steps: ToleranceSteps = 1
    session_hours: SessionHours = 12
    idle_minutes: IdleMinutes = 60
    max_authenticators: MaxAuthenticators = 3
    invitation_hours: InvitationHours = 72
    accent_colour: Colour = "#1a5fb4"
    help_text: HelpText = ""
    applications: Applications = ()

    def issuer_for(self, account: str) -> str:
        """Return the name that authenticator apps show beside the code."""
        return self.otp_issuer or self.display_name or account

    @property
    def shortest_password(self) -> int:
        """Return the least password length: 8 beside a second factor, 15 alone (NIST SP 800-63B-4, 3.1.1.2)."""
        return 8 if self.mfa_required else 15
