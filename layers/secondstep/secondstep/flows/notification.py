"""Notify: tell a subscriber by mail what happened to the login, once for each event and once for each burst.

It works on what the bus delivers, after the fact: nothing here can delay or refuse a login.
"""

from typing import NamedTuple

from secondstep.announcement import Announcement
from secondstep.mailer import Mailer
from secondstep.notices import letter, occasions
from secondstep.notices.occasions import Notice
from secondstep.store import Store
from secondstep.subscriber import Subscriber

_REMEMBERED_SECONDS = 2 * 24 * 60 * 60  # longer than stream and bus try again (a day each)


class _Told(NamedTuple):
    """What is told to whom: an event and the subscriber that it concerns."""

    event: Announcement
    subscriber_hash: str
    subscriber: Subscriber


def notify(event: Announcement, *, store: Store, mailer: Mailer) -> list[Notice]:
    """Send the notices that an event asks for and return them; none where the subscriber has no mail address.

    At most three reads and two writes. Raises AwsUnavailable, AwsRefused or Unavailable where a mail did not leave;
    the same event then finds its notice still to be sent.
    """
    notices = _asked_for(event, store)
    if not notices or event.subscriber is None or event.subject is None:
        return []
    subscriber = store.subscribers.read(event.subscriber)
    if subscriber is None or subscriber.sub != event.subject.sub:
        return []  # deleted, or deleted and the name given to somebody else
    told = _Told(event, event.subscriber, subscriber)
    return [notice for notice in notices if _send(notice, told, store, mailer)]


def _asked_for(event: Announcement, store: Store) -> list[Notice]:
    found = [occasions.change(event)]
    if event.subscriber is not None and occasions.is_attempt(event):
        before = store.notices.before(
            event.subscriber,
            milliseconds=event.milliseconds,
            event_id=event.id,
            seconds=occasions.WINDOW_SECONDS,
        )
        found.append(occasions.in_a_row(event, before))
    return [notice for notice in found if notice is not None]


def _send(notice: Notice, told: _Told, store: Store, mailer: Mailer) -> bool:
    """Claim, send, note: the mail leaves once, or twice where this dies between sending and noting it."""
    recipient = _recipient(notice, told)
    if recipient is None:
        return False
    event, is_burst = told.event, occasions.is_burst(notice)
    name = notice.value if is_burst else f"{notice}#{event.id}"
    silent_seconds = occasions.WINDOW_SECONDS if is_burst else _REMEMBERED_SECONDS
    if not store.notices.claim(
        told.subscriber_hash, name, event_id=event.id, at=event.at, silent_seconds=silent_seconds
    ):
        return False
    policy = store.accounts.policy(told.subscriber.account, event.at)
    subject, text = letter.write(notice, event, told.subscriber, policy)
    mailer.send(recipient=recipient, subject=subject, text=text)
    store.notices.note_sent(told.subscriber_hash, name, event_id=event.id, at=event.at)
    return True


def _recipient(notice: Notice, told: _Told) -> str | None:
    """Return the subscriber's address; of a changed one the old one, for whoever has lost it."""
    if notice is not Notice.EMAIL_CHANGED:
        return letter.address_of(told.subscriber)
    return letter.as_address(occasions.old_email(told.event)) or letter.as_address(told.subscriber.login_name)
