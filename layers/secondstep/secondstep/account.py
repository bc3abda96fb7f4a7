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


class App(msgspec.Struct, frozen=True):
    """An authenticator app that the account recommends."""

    name: str
    ios_url: str
    android_url: str


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


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the account's admins decide. The defaults are the safe values: a missing policy is this one."""

    display_name: str = ""
    mfa_required: bool = True
    enrollment_ticket: EnrollmentTicket = EnrollmentTicket.AFTER_RESET
    otp_issuer: str = ""
    apps: tuple[App, ...] = RECOMMENDED_APPS
    tolerance_steps: Annotated[int, Meta(ge=0, le=1)] = 1
    session_hours: Annotated[int, Meta(ge=1, le=24)] = 12
    idle_minutes: Annotated[int, Meta(ge=20, le=60)] = 60
    invitation_hours: Annotated[int, Meta(ge=24, le=168)] = 72

    def issuer_for(self, account: str) -> str:
        """Return the name that authenticator apps show beside the code."""
        return self.otp_issuer or self.display_name or account

    @property
    def shortest_password(self) -> int:
        """Return the least password length: 8 beside a second factor, 15 alone (NIST SP 800-63B-4, 3.1.1.2)."""
        return 8 if self.mfa_required else 15
