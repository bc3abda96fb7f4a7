"""The account's logo in the console: the one that is shown, a form that brings another, and its removal."""

from secondstep.acting import PRIVILEGE_MAX_AGE_SECONDS, ActingAdmin
from secondstep.contract import LARGEST_PICTURE
from secondstep.errors import InvalidRequest, PayloadTooLarge, ServiceError
from secondstep.flows import policy
from secondstep.pages import console
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser

_BACK = "admin/logo"


def show(browser: Browser) -> Answer:
    """Show the logo as it is stored, and ask for another one."""
    return console.enter(browser, _page, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Set the logo, or remove it."""
    act = {"set": _set, "remove": _remove}.get(browser.form.get("do", ""))
    if act is None:
        raise InvalidRequest("names no action", field="do")
    return console.enter(browser, act, back_to=_BACK)


def _set(browser: Browser, actor: ActingAdmin) -> Answer:
    try:
        policy.set_logo(_chosen(browser), actor, store=browser.store, context=browser.context)
    except (InvalidRequest, PayloadTooLarge) as refused:
        return _page(browser, actor, refused)
    return GoTo("admin/logo?done=saved")


def _chosen(browser: Browser) -> bytes:
    if not browser.file:
        raise InvalidRequest("was not chosen", field="file")
    if len(browser.file) > LARGEST_PICTURE:
        raise PayloadTooLarge
    return browser.file


def _remove(browser: Browser, actor: ActingAdmin) -> Answer:
    policy.remove_logo(actor, store=browser.store, context=browser.context)
    return GoTo("admin/logo?done=removed")


def _page(browser: Browser, actor: ActingAdmin, refused: ServiceError | None = None) -> Page:
    shows = {
        "logo": browser.store.accounts.stored_logo(actor.account),
        "is_stale": browser.context.now - actor.auth_time > PRIVILEGE_MAX_AGE_SECONDS,
    }
    return console.page(browser, actor, "console_logo", shows, refused)
