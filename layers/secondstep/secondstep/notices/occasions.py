"""Which events a subscriber is told of, and the two that only show in a row of events (OWASP ASVS 6.3.5, 6.3.7)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import takewhile
from typing import Any

from secondstep.announcement import Announcement
from secondstep.audit import Event, EventName, Outcome

WINDOW_SECONDS = 60 * 60
MANY = 5


class Notice(StrEnum):
    """The notices there are."""

    ENROLLED = "enrolled"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    RESET = "reset"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    PASSWORD_SET = "password_set"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    EMAIL_CHANGED = "email_changed"
    LOGIN_AFTER_FAILURES = "login_after_failures"
    SECOND_STEP_FAILED = "second_step_failed"


# The audit names its events by the same words.
_CHANGES = {
    each.value: each
    for each in (
        Notice.ENROLLED,
        Notice.AUTHENTICATOR_ADDED,
        Notice.AUTHENTICATOR_REMOVED,
        Notice.RESET,
        Notice.RECOVERY_CODE_USED,
        Notice.RECOVERY_CODES_RENEWED,
        Notice.PASSWORD_SET,
        Notice.PASSWORD_CHANGED,
    )
}

_OLD_EMAIL = "old_email"  # a change of the address alone may say it so; else it stands in `old` and `new`
_SECOND_STEPS = frozenset({EventName.VERIFY.value, EventName.RECOVERY_CODE_USED.value})
_LOGINS = _SECOND_STEPS | {EventName.LOGIN.value}


def change(told: Announcement) -> Notice | None:
    """Return the notice of a change that a single event tells of."""
    if told.outcome is not Outcome.SUCCESS:
        return None
    if told.event == EventName.PROFILE_CHANGED:
        return Notice.EMAIL_CHANGED if _changes_email(told.detail or {}) else None
    return _CHANGES.get(told.event)


def _changes_email(detail: Mapping[str, Any]) -> bool:
    return _OLD_EMAIL in detail or any("email" in detail.get(side, {}) for side in ("old", "new"))


def old_email(told: Announcement) -> object:
    """Return the address that a changed profile had before, None where it had none."""
    detail = told.detail or {}
    return detail.get(_OLD_EMAIL) or detail.get("old", {}).get("email")


def is_attempt(told: Announcement) -> bool:
    """Tell whether the events before this one decide about a notice: who is refused before the password never does."""
    is_second_step = told.event in _SECOND_STEPS
    return is_second_step or (told.event in _LOGINS and told.outcome is Outcome.SUCCESS)


def in_a_row(told: Announcement, newest_first: Iterable[Event]) -> Notice | None:
    """Return the notice that an attempt asks for, by the events of the hour before it.

    A login after five failures since the login before it; or the fifth failed second step of an hour, whether or not
    the subscriber got in meanwhile (who guesses between the owner's logins shall not stay hidden).
    """
    if told.outcome is Outcome.SUCCESS:
        since_last = takewhile(lambda each: not _is(each, _LOGINS, Outcome.SUCCESS), newest_first)
        failures = sum(_is(each, _LOGINS, Outcome.FAILURE) for each in since_last)
        return Notice.LOGIN_AFTER_FAILURES if failures >= MANY else None
    failures = 1 + sum(_is(each, _SECOND_STEPS, Outcome.FAILURE) for each in newest_first)
    return Notice.SECOND_STEP_FAILED if failures >= MANY else None


def is_burst(notice: Notice) -> bool:
    """Tell whether more events of the same burst ask for this notice again: then it is silent for the window."""
    return notice is Notice.SECOND_STEP_FAILED


def _is(event: Event, names: frozenset[str], outcome: Outcome) -> bool:
    return event.event in names and event.outcome is outcome
