"""One subscriber, as an admin of the account sees it, and what an admin may do about it but the reset.

Each form carries the name that it was made for: what another window looks at meanwhile changes nothing.
"""

from collections.abc import Mapping

from secondstep.acting import ActingAdmin
from secondstep.audit import PROFILE_FIELDS
from secondstep.errors import Conflict, Forbidden, InvalidRequest, NotFound, ServiceError
from secondstep.flows import administration
from secondstep.pages import console, cookies, fields
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.fields import WrongFields
from secondstep.shapes import ChangeSubscriberRequest, ReasonRequest
from secondstep.subscriber import canonical_login_name

_BACK = "admin/subscriber"
_GONE = GoTo("admin?done=gone", (cookies.dropped(cookies.SUBJECT),))


def show(browser: Browser) -> Answer:
    """Show the subscriber that this browser has opened last; without one, the list."""
    return console.enter(browser, _opened, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Do what the form's button says."""
    if browser.form.get("do", "") not in _ACTS:
        raise InvalidRequest("names no action", field="do")
    return console.enter(browser, _done, back_to=_BACK, about=browser.form.get("login_name", ""))


def _opened(browser: Browser, actor: ActingAdmin) -> Answer:
    login_name = console.asked(browser, cookies.SUBJECT).get("login_name", "")
    try:
        return _page(browser, actor, login_name)
    except NotFound:
        return _GONE if login_name else GoTo("admin")


def _done(browser: Browser, actor: ActingAdmin) -> Answer:
    login_name = canonical_login_name(browser.form.get("login_name", ""))
    try:
        try:
            return _ACTS[browser.form["do"]](browser, actor, login_name)
        except (Conflict, Forbidden, InvalidRequest) as refused:
            return _page(browser, actor, login_name, refused)
    except NotFound:
        return _GONE


def _page(browser: Browser, actor: ActingAdmin, login_name: str, refused: ServiceError | None = None) -> Page:
    it = administration.read(login_name, actor, store=browser.store, context=browser.context)
    stored = {name: getattr(it, name) or "" for name in PROFILE_FIELDS}
    wrong = refused.fields & stored.keys() if isinstance(refused, WrongFields) else frozenset()
    shows = {
        "it": it,
        "is_oneself": actor.is_oneself(it.sub),
        "typed": {name: browser.form.get(name, "") for name in stored} if wrong else stored,
        "wrong": wrong,
    }
    return console.page(browser, actor, "console_subscriber", shows, refused)


def _again(login_name: str, done: str) -> GoTo:
    return GoTo(f"admin/subscriber?done={done}", (console.asking(cookies.SUBJECT, login_name=login_name),))


def _change(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    wanted = _CHANGES[browser.form["do"]]
    administration.change(login_name, wanted, actor, store=browser.store, context=browser.context)
    return _again(login_name, "changed")


def _change_contact(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    """Change what was typed anew; what was left alone stays, whatever another admin has made of it meanwhile."""
    typed = {name: browser.form.get(name, "").strip() for name in PROFILE_FIELDS}
    anew = {name: text or None for name, text in typed.items() if text != browser.form.get(f"was-{name}", "")}
    wanted = fields.read(ChangeSubscriberRequest, anew)
    administration.change(login_name, wanted, actor, store=browser.store, context=browser.context)
    return _again(login_name, "saved")


def _unlock(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    administration.unlock(login_name, actor, store=browser.store, context=browser.context)
    return _again(login_name, "unlocked")


def _reset_password(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    wanted = fields.read(ReasonRequest, {"reason": browser.form.get("reason", "").strip()})
    made = administration.reset_password(login_name, wanted.reason, actor, store=browser.store, context=browser.context)
    return console.ticket_page(browser, actor, made, kind="password", login_name=login_name, begins_at="password")


def _ask_before_deleting(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    it = administration.read(login_name, actor, store=browser.store, context=browser.context)
    return console.page(browser, actor, "console_delete", {"it": it})


def _delete(browser: Browser, actor: ActingAdmin, login_name: str) -> Answer:
    administration.delete(login_name, actor, store=browser.store, context=browser.context)
    return GoTo("admin?done=deleted", (cookies.dropped(cookies.SUBJECT),))


_CHANGES: Mapping[str, ChangeSubscriberRequest] = {
    "disable": ChangeSubscriberRequest(status="disabled"),
    "enable": ChangeSubscriberRequest(status="active"),
    "make-admin": ChangeSubscriberRequest(role="admin"),
    "make-agent": ChangeSubscriberRequest(role="agent"),
}
_ACTS = {
    **dict.fromkeys(_CHANGES, _change),
    "contact": _change_contact,
    "unlock": _unlock,
    "reset-password": _reset_password,
    "ask-delete": _ask_before_deleting,
    "delete": _delete,
}
