"""The way of an application's users: its request, the pages that it may need, and the hand-over back to it.

Between the two the request waits in a cookie of the browser. What comes back in it is believed no more than what stood
in the address, and is checked all over again. Who changes it there could have changed it in the address as well; so an
application reads `auth_time` and `acr` from its token, and never trusts that it was asked for.
"""

import base64
import json
from collections.abc import Mapping, Sequence

import msgspec

from secondstep.errors import InvalidRequest
from secondstep.flows import authorization
from secondstep.flows.authorization import Next
from secondstep.oauth import (
    REQUEST_PARAMETERS,
    AuthorizationRequest,
    NotRegistered,
    SentBack,
    answer_address,
    parse_request,
)
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.subscriber import Identity

_WAITS_SECONDS = 30 * 60  # a sign-in with an enrollment takes twenty minutes at most
_ASKED_FOR = (*REQUEST_PARAMETERS, "account")


class Waiting(msgspec.Struct, frozen=True):
    """A request as it lies in the cookie: its parameters, each once, and when it came (epoch seconds)."""

    sent: dict[str, str]
    asked_at: int


def show(browser: Browser) -> Answer:
    """Take an application's request: hand over at once, or lead through what is missing."""
    accounts = browser.parameters.get("account") or [_known_account(browser)]
    if len(accounts) > 1 or (accounts[0] and not _is_account(accounts[0])):
        return _refused()
    if not accounts[0]:
        return _ask_for_account(browser)
    return _proceed(browser, browser.parameters, accounts[0], browser.context.now)


def go_on(browser: Browser) -> Answer:
    """Go on with the request that has waited for a sign-in."""
    held = _waiting(browser)
    if held is None:
        return GoTo("account", _DROPPED)
    account, principal = held.sent.get("account", ""), browser.principal_or_none()
    if not _is_account(account):
        return _refused()
    if principal is not None and principal.subscriber.account != account:
        return _refused("other_account")
    return _proceed(browser, {name: [value] for name, value in held.sent.items()}, account, held.asked_at)


def _proceed(browser: Browser, sent: Mapping[str, Sequence[str]], account: str, asked_at: int) -> Answer:
    applications = browser.store.accounts.policy(account, browser.context.now).applications
    try:
        request = parse_request(sent, account=account, applications=applications, asked_at=asked_at)
    except NotRegistered:
        return _refused(account=account)
    except SentBack as back:
        return _send_back(browser, back, account)
    principal = browser.principal_or_none()
    if principal is None or principal.subscriber.account != account:
        return GoTo(f"login?account={account}", _kept(sent, request))
    match authorization.next_step(request, principal, store=browser.store, context=browser.context):
        case Next.HAND_OVER:
            address = authorization.hand_over(request, principal, store=browser.store, context=browser.context)
            return _hand_over(browser, address, request.client_id, account)
        case Next.STEP_UP:
            return GoTo("step-up?then=continue", _kept(sent, request))
        case Next.LOG_IN:
            return GoTo(f"login?account={account}", _kept(sent, request))
        case Next.NOTHING_HELPS:
            unmet = SentBack("unmet_authentication_requirements", request.redirect_uri, request.state)
            return _send_back(browser, unmet, account)


def _send_back(browser: Browser, back: SentBack, account: str) -> Page:
    issuer = browser.context.issuer
    address = answer_address(back.redirect_uri, state=back.state, issuer=issuer, error=back.error)
    return _hand_over(browser, address, "", account)


def _hand_over(browser: Browser, address: str, client_id: str, account: str) -> Page:
    """Answer a page that leads on at once: a redirect out of a form would be stopped by the pages' `form-action`."""
    applications = browser.store.accounts.policy(account, browser.context.now).applications
    name = next((each.name for each in applications if each.client_id == client_id), "")
    shows = {"address": address, "application": name}
    return Page(template="hand_over", shows=shows, account=account, cookies=_DROPPED, is_shown_again=False)


def _refused(why: str = "not_registered", *, account: str = "") -> Page:
    """Answer a page that says so, and lead nowhere: to where is what cannot be trusted."""
    return Page(
        template="refused_request",
        shows={"why": why},
        account=account,
        status=400,
        cookies=_DROPPED,
        code=InvalidRequest.code,
        is_shown_again=False,
    )


def _ask_for_account(browser: Browser) -> Page:
    """Ask for what the request lacks, and send all of it again: the form is a link with one more parameter."""
    known = (*REQUEST_PARAMETERS, "ui_locales")
    sent = [(name, value) for name in known for value in browser.parameters.get(name, [])]
    shows = {"sent": sent, "action": f"{browser.prefix}/authorize"}
    return Page(template="which_account", shows=shows, is_shown_again=False)


def _known_account(browser: Browser) -> str:
    """Return the account of this browser's session, else the one that was typed last, else an empty text."""
    principal = browser.principal_or_none()
    typed, _ = browser.claimant
    known = principal.subscriber.account if principal else typed
    return known if _is_account(known) else ""


def _is_account(text: str) -> bool:
    try:
        Identity.parse(account=text, login_name="-")
    except InvalidRequest:
        return False
    return True


# --- the request that waits

_DROPPED = (cookies.dropped(cookies.AUTHORIZE),)


def _kept(sent: Mapping[str, Sequence[str]], request: AuthorizationRequest) -> tuple[str, ...]:
    """Return the cookie of a request that waits."""
    once = {name: values[0] for name in _ASKED_FOR if len(values := sent.get(name, ())) == 1}
    held = Waiting(once | {"account": request.account}, request.asked_at)
    value = base64.urlsafe_b64encode(msgspec.json.encode(held)).rstrip(b"=").decode()
    return (cookies.kept(cookies.AUTHORIZE, value, seconds=_WAITS_SECONDS),)


def _waiting(browser: Browser) -> Waiting | None:
    """Return the request that waits in this browser; None where there is none, or it has waited too long."""
    try:
        raw = base64.urlsafe_b64decode(browser.cookies.get(cookies.AUTHORIZE, "") + "==")
        held = msgspec.convert(json.loads(raw), Waiting)
    except (ValueError, msgspec.ValidationError):
        return None
    return held if 0 <= browser.context.now - held.asked_at <= _WAITS_SECONDS else None
