"""A browser between the two steps: the challenge it holds, or the page that says why there is none any more."""

from typing import NamedTuple

from secondstep import challenge as challenges
from secondstep.errors import ChallengeInvalid, ServiceError
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, GoTo, Page
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


def start_again(browser: Browser, gone: ServiceError) -> Answer:
    """Say that the way there must be gone again, and drop what was held of it.

    Whoever is signed in has gone it, in this window or in another one: Back and Reload lead to the account, and a form
    that comes too late is told so.
    """
    principal, dropped = browser.principal_or_none(), (cookies.dropped(cookies.CHALLENGE),)
    if principal is not None and browser.event["httpMethod"] == "GET":
        return GoTo("account", dropped)
    account = principal.subscriber.account if principal else browser.claimant[0]
    shows = {"error": told(gone), "is_signed_in": principal is not None}
    return Page(template="expired", shows=shows, account=account, status=gone.status, cookies=dropped)
