"""The admin console: who may be here, what this browser has asked it for, and what a refusal becomes.

The authorizer has read the session's cookie already; here it is read once more, and every write checks the standing
in its own transaction. No name stands in an address: what is looked at is typed into a form, or held by a cookie.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from secondstep.acting import ActingAdmin
from secondstep.bearer import console_admin
from secondstep.errors import Forbidden, ServiceError, StepUpRequired
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import told
from secondstep.shapes import TicketAnswer

_ASKED_SECONDS = 60 * 60

type Act = Callable[[Browser, ActingAdmin], Answer]


def enter(browser: Browser, act: Act, *, back_to: str, about: str = "") -> Answer:
    """Let the admin act. What wants fresh proof leads to the step-up page, and from there back to `back_to`.

    `about` is the login name that the form was made for, so that it is that one which is shown again.
    """
    try:
        actor = _acting(browser)
    except Forbidden as refused:
        return Page(template="console_refused", status=refused.status, code=refused.code)
    try:
        return act(browser, actor)
    except StepUpRequired:
        return GoTo(f"step-up?then={back_to}", (asking(cookies.SUBJECT, login_name=about),) if about else ())


def _acting(browser: Browser) -> ActingAdmin:
    handed = (browser.event.get("requestContext") or {}).get("authorizer") or {}
    return console_admin(browser.principal(), handed)


def page(
    browser: Browser,
    actor: ActingAdmin,
    template: str,
    shows: Mapping[str, Any],
    refused: ServiceError | None = None,
) -> Page:
    """Return a page of the console; `error` is why the form before it was refused, `done` what it has done."""
    said = {
        "me": actor.person.login_name,
        "error": {**told(refused), "detail": refused.detail if refused else ""},
        "done": browser.query.get("done", ""),
    }
    status = refused.status if refused else 200
    return Page(template=template, shows={**said, **shows}, account=actor.account, status=status)


def ticket_page(
    browser: Browser, actor: ActingAdmin, made: TicketAnswer, *, kind: str, login_name: str, begins_at: str
) -> Page:
    """Return the page of a ticket that has just been made: shown this once. `begins_at` is where it is used."""
    shows = {
        "kind": kind,
        "login_name": login_name,
        "ticket": made.ticket,
        "expires_at": made.expires_at,
        "place": f"{browser.context.issuer}/ui/{begins_at}?account={actor.account}",
    }
    return msgspec.structs.replace(page(browser, actor, "console_ticket", shows), is_shown_again=False)


def asked(browser: Browser, cookie: str) -> dict[str, str]:
    """Return what this browser has asked a list for; nothing where the cookie is none of ours."""
    try:
        held = json.loads(base64.urlsafe_b64decode(browser.cookies.get(cookie, "") + "=="))
    except ValueError:
        return {}
    is_ours = isinstance(held, dict) and all(isinstance(each, str) for each in held.values())
    return held if is_ours else {}


def asking(cookie: str, **wanted: str) -> str:
    """Return the Set-Cookie header by which this browser holds what it asks a list for."""
    text = json.dumps({name: value for name, value in wanted.items() if value}, ensure_ascii=False)
    value = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return cookies.kept(cookie, value, seconds=_ASKED_SECONDS)
