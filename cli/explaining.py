"""What each value of a policy means, in one sentence."""

from collections.abc import Callable

from secondstep.account import EnrollmentTicket, Policy

_TICKETS = {
    EnrollmentTicket.NEVER: "A first phone, and one after a reset, is enrolled with the password alone; admins need a "
    "ticket all the same.",
    EnrollmentTicket.AFTER_RESET: "A first phone is enrolled with the password alone; after a reset a ticket is needed "
    "beside it; admins always need one.",
    EnrollmentTicket.ALWAYS: "Every enrollment of a first phone needs a ticket beside the password.",
}


def _mfa(it: Policy) -> str:
    if it.mfa_required:
        return "Everybody enrolls an authenticator and enters a code at every login."
    return "Who has an authenticator is asked for a code; who has none gets in with the password alone (15 characters)."


def _apps(it: Policy) -> str:
    names = ", ".join(each.name for each in it.apps)
    return f"The enrollment page shows {names} with links to the stores." if names else "No app is recommended."


def _apps_required(it: Policy) -> str:
    if it.apps_required:
        return "People are told to use one of these apps; a code cannot prove which app made it."
    return "Any authenticator app may be used."


def _tolerance(it: Policy) -> str:
    if it.tolerance_steps:
        return "A code is also good 30 seconds before and after its time, so a phone's clock may be a little off."
    return "A code is good for its own 30 seconds alone: a phone whose clock is off does not get in."


def _authenticators(it: Policy) -> str:
    if it.max_authenticators == 1:
        return "A subscriber has one authenticator at a time."
    return f"A subscriber may have up to {it.max_authenticators} authenticators."


def _applications(it: Policy) -> str:
    names = ", ".join(each.name for each in it.applications)
    return (
        f"These applications may send their users to the login pages: {names}."
        if names
        else ("No application may send its users to the login pages.")
    )


MEANINGS: dict[str, Callable[[Policy], str]] = {
    "display_name": lambda it: f"People see {it.display_name} on the pages and in mails.",
    "mfa_required": _mfa,
    "enrollment_ticket": lambda it: _TICKETS[it.enrollment_ticket],
    "otp_issuer": lambda it: (
        f"Authenticator apps show {it.otp_issuer} beside the code, for phones enrolled from now on."
    ),
    "apps": _apps,
    "apps_required": _apps_required,
    "tolerance_steps": _tolerance,
    "session_hours": lambda it: f"A login lasts {it.session_hours} hours at most, then password and code again.",
    "idle_minutes": lambda it: f"A login that nobody uses for {it.idle_minutes} minutes ends.",
    "max_authenticators": _authenticators,
    "invitation_hours": lambda it: f"An invitation's ticket is good for {it.invitation_hours} hours.",
    "accent_colour": lambda it: f"The pages use {it.accent_colour} for buttons and links.",
    "help_text": lambda it: (
        "The pages show this to who has lost the phone."
        if it.help_text
        else "Who has lost the phone is told to ask an admin of the account."
    ),
    "applications": _applications,
}


def meaning(field: str, policy: Policy) -> str:
    """Return what a field's value in force means; a field that this version does not know is only shown."""
    return MEANINGS[field](policy) if field in MEANINGS else "This version of the command does not know it."
