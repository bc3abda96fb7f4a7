"""A notice in words: plain text in the subscriber's language; no link, no code, nothing that opens anything."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from secondstep.account import Policy
from secondstep.announcement import Announcement
from secondstep.notices.catalogue import CATALOGUE, FALLBACK, Wording
from secondstep.notices.occasions import Notice
from secondstep.subscriber import Subscriber

# ASCII only, and nothing that begins a second address, a name or a comment: SES takes no more without quoting.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LONGEST_ADDRESS = 254
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


class Letter(NamedTuple):
    """One mail."""

    subject: str
    text: str


def write(notice: Notice, told: Announcement, subscriber: Subscriber, policy: Policy) -> Letter:
    """Return a notice: what happened, when (UTC), from where or by whom, and what to do."""
    words = CATALOGUE[language_of(subscriber.locale)]
    account = one_line(policy.display_name or subscriber.account)
    facts = [
        words.account.format(account=account),
        words.login_name.format(login_name=subscriber.login_name),
        words.when.format(when=_utc(told.at)),
        _by_whom(told, words),
    ]
    closing = [words.nothing_to_do, words.not_you, policy.help_text.strip() or words.ask_admin]
    paragraphs = [words.happened[notice], "\n".join(facts), *closing, words.automatic]
    return Letter(f"{account}: {words.subjects[notice]}", "\n\n".join(paragraphs) + "\n")


def _by_whom(told: Announcement, words: Wording) -> str:
    """Return the source address of the subscriber's own act, or who else did it: never an admin's address."""
    actor = told.actor
    if actor is not None and actor.operator is not None:
        return words.by_operator
    if actor is not None and told.subject is not None and actor.sub != told.subject.sub:
        return words.by.format(login_name=actor.login_name)
    return words.source.format(source=told.source)


def language_of(locale: str | None) -> str:
    """Return the language of a locale (`de-AT`, `de_AT`) that there are words in; English otherwise."""
    language = re.split("[-_]", locale or "")[0].lower()
    return language if language in CATALOGUE else FALLBACK


def address_of(subscriber: Subscriber) -> str | None:
    """Return where to write to: `email`, else a login name that is an address, else None."""
    return as_address(subscriber.email) or as_address(subscriber.login_name)


def as_address(text: object) -> str | None:
    """Return the text where it is one plain mail address."""
    if not isinstance(text, str) or len(text) > _LONGEST_ADDRESS:
        return None
    return text if _ADDRESS.fullmatch(text) else None


def one_line(text: str) -> str:
    """Return a text without line breaks: a subject is a header."""
    return _LINE_BREAKS.sub(" ", text).strip()


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
