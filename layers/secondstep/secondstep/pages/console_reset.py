"""The reset in the console: a reason, a confirmation, and the ticket that is shown once, as the answer to the form."""

from secondstep.acting import ActingAdmin
from secondstep.errors import Conflict, Forbidden, InvalidRequest, NotFound, ServiceError
from secondstep.flows import reset
from secondstep.pages import console, cookies, fields
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.shapes import ReasonRequest
from secondstep.subscriber import Identity, Subscriber, canonical_login_name

_BACK = "admin/reset"
_GONE = GoTo("admin?done=gone", (cookies.dropped(cookies.SUBJECT),))


def show(browser: Browser) -> Answer:
    """Ask for the reason and the confirmation; nothing is changed by it, and no ticket ever shown."""
    return console.enter(browser, _opened, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Go to the form of a subscriber, or do the reset that it asks for."""
    act = {"ask": _ask, "reset": _reset}.get(browser.form.get("do", ""))
    if act is None:
        raise InvalidRequest("names no action", field="do")
    return console.enter(browser, act, back_to=_BACK, about=browser.form.get("login_name", ""))


def _opened(browser: Browser, actor: ActingAdmin) -> Answer:
    login_name = console.asked(browser, cookies.SUBJECT).get("login_name", "")
    try:
        return _page(browser, actor, _subject(browser, actor, login_name))
    except NotFound:
        return _GONE if login_name else GoTo("admin")


def _ask(browser: Browser, _actor: ActingAdmin) -> Answer:
    login_name = canonical_login_name(browser.form.get("login_name", ""))
    return GoTo("admin/reset", (console.asking(cookies.SUBJECT, login_name=login_name),))


def _reset(browser: Browser, actor: ActingAdmin) -> Answer:
    login_name = canonical_login_name(browser.form.get("login_name", ""))
    try:
        subject = _subject(browser, actor, login_name)
        return _done(browser, actor, subject)
    except NotFound:
        return _GONE


def _done(browser: Browser, actor: ActingAdmin, subject: Subscriber) -> Answer:
    login_name, typed = subject.login_name, browser.form.get("reason", "").strip()
    if browser.form.get("sure") != "yes":
        return _page(browser, actor, subject, InvalidRequest("must be confirmed", field="sure"), reason=typed)
    try:
        reason = fields.read(ReasonRequest, {"reason": typed}).reason
        made = reset.reset(login_name, reason, actor.about(subject), store=browser.store, context=browser.context)
    except (Conflict, Forbidden, InvalidRequest) as refused:
        return _page(browser, actor, subject, refused, reason=typed)
    return console.ticket_page(browser, actor, made, kind="reset", login_name=login_name, begins_at="login")


def _subject(browser: Browser, actor: ActingAdmin, login_name: str) -> Subscriber:
    """Return the subscriber of the admin's own account as it is now; NotFound for anybody else."""
    identity = Identity(actor.account, login_name)
    found = browser.store.subscribers.read(identity.hash)
    if found is None or found.identity != identity:
        raise NotFound
    return found


def _page(
    browser: Browser,
    actor: ActingAdmin,
    subject: Subscriber,
    refused: ServiceError | None = None,
    *,
    reason: str = "",
) -> Page:
    shows = {"it": subject, "reason_typed": reason, "is_oneself": actor.is_oneself(subject.sub)}
    return console.page(browser, actor, "console_reset", shows, refused)
