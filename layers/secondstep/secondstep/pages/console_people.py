"""The console's first page: who belongs to the account, how many have enrolled, and the invitation of somebody new."""

from secondstep.acting import ActingAdmin
from secondstep.errors import Conflict, InvalidRequest, ServiceError
from secondstep.flows import directory, invitation
from secondstep.pages import console, cookies, fields
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.fields import WrongFields
from secondstep.shapes import InviteRequest, SubscribersAnswer
from secondstep.subscriber import canonical_login_name

_BACK = "admin"
_SHOWN = 25
_STATUSES = ("invited", "active", "disabled")
_ENROLLED = {"yes": True, "no": False}
_INVITED = ("login_name", "role", "email", "display_name", "locale")


def show(browser: Browser) -> Answer:
    """Show the list as this browser has asked for it."""
    return console.enter(browser, _list, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Search, turn the page, open a subscriber, or invite one."""
    act = _ACTS.get(browser.form.get("do", ""))
    if act is None:
        raise InvalidRequest("names no action", field="do")
    return console.enter(browser, act, back_to=_BACK)


def _list(browser: Browser, actor: ActingAdmin, refused: ServiceError | None = None) -> Page:
    wanted = console.asked(browser, cookies.PEOPLE)
    try:
        found = _found(browser, actor, wanted)
    except InvalidRequest:  # of another admin, or outdated
        wanted, found = {}, _found(browser, actor, {})
    typed = {name: browser.form.get(name, "") for name in _INVITED} if refused else dict.fromkeys(_INVITED, "")
    shows = {
        "wanted": {name: wanted.get(name, "") for name in ("prefix", "status", "enrolled", "cursor")},
        "subscribers": found.subscribers,
        "cursor": found.cursor,
        "counts": directory.summary(actor, store=browser.store, context=browser.context),
        "statuses": _STATUSES,
        "typed": typed,
        "wrong": refused.fields if isinstance(refused, WrongFields) else frozenset(),
    }
    return console.page(browser, actor, "console_people", shows, refused)


def _found(browser: Browser, actor: ActingAdmin, wanted: dict[str, str]) -> SubscribersAnswer:
    prefix, status = wanted.get("prefix", ""), wanted.get("status", "")
    return directory.subscribers(
        actor,
        prefix=prefix and canonical_login_name(prefix),
        status=status if status in _STATUSES else None,
        enrolled=_ENROLLED.get(wanted.get("enrolled", "")),
        cursor=wanted.get("cursor") or None,
        limit=_SHOWN,
        store=browser.store,
    )


def _search(browser: Browser, actor: ActingAdmin) -> Answer:
    wanted = {name: browser.form.get(name, "").strip() for name in ("prefix", "status", "enrolled", "cursor")}
    try:
        wanted["prefix"] = wanted["prefix"] and canonical_login_name(wanted["prefix"])
    except InvalidRequest:
        return _list(browser, actor, InvalidRequest("cannot begin a login name", field="prefix"))
    return GoTo("admin", (console.asking(cookies.PEOPLE, **wanted),))


def _show_all(_browser: Browser, _actor: ActingAdmin) -> Answer:
    return GoTo("admin", (cookies.dropped(cookies.PEOPLE),))


def _open(browser: Browser, _actor: ActingAdmin) -> Answer:
    login_name = canonical_login_name(browser.form.get("login_name", ""))
    return GoTo("admin/subscriber", (console.asking(cookies.SUBJECT, login_name=login_name),))


def _invite(browser: Browser, actor: ActingAdmin) -> Answer:
    typed = {name: browser.form.get(name, "").strip() for name in _INVITED}
    try:
        wanted = fields.read(InviteRequest, {name: value for name, value in typed.items() if value})
        made = invitation.invite(wanted, actor, store=browser.store, context=browser.context)
    except (Conflict, InvalidRequest) as refused:
        return _list(browser, actor, refused)
    login_name = canonical_login_name(wanted.login_name)
    return console.ticket_page(browser, actor, made, kind="invitation", login_name=login_name, begins_at="password")


_ACTS = {"search": _search, "all": _show_all, "open": _open, "invite": _invite}
