"""A browser between the two steps: the challenge it holds, or the page that says why there is none any more."""

from typing import NamedTuple

from secondstep import challenge as challenges
from secondstep.errors import ChallengeInvalid, ServiceError
from secondstep.pages import cookies
from secondstep.pages.answer import Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import told
from secondstep.subscriber import Challenge, Purpose, Subscriber


class Waiting(NamedTuple):
    """A claimant whose challenge is open."""

    subscriber: Subscriber
    challenge: Challenge


def waiting(browser: Browser, *purposes: Purpose) -> Waiting:
    """Return whose challenge this browser holds; ChallengeInvalid where it is none of these purposes, or not open.

    It is read from the item: only that says what works now.
    """
    presented = challenges.parse(browser.challenge)
    subscriber = browser.store.subscribers.read(presented.subscriber_hash)
    held = subscriber.challenges.get(presented.key) if subscriber and subscriber.is_active else None
    if subscriber is None or held is None:
        raise ChallengeInvalid
    if not challenges.is_open(held, frozenset(purposes), epoch=subscriber.epoch, now=browser.context.now):
        raise ChallengeInvalid
    return Waiting(subscriber, held)


def start_again(browser: Browser, gone: ServiceError) -> Page:
    """Say that the way there must be gone again, and drop what was held of it."""
    account, _ = browser.claimant
    dropped = (cookies.dropped(cookies.CHALLENGE),)
    return Page(template="expired", shows={"error": told(gone)}, account=account, status=gone.status, cookies=dropped)
