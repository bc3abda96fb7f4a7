"""The account page: who is signed in, by what, from where, what happened; and the changes that need no key."""

from collections.abc import Callable, Mapping

from secondstep.bearer import Principal
from secondstep.errors import Conflict, InvalidRequest, NotFound, StepUpRequired
from secondstep.flows import directory, own_account, session
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.codes import codes_page
from secondstep.pages.failing import told
from secondstep.pages.signed_in import left
from secondstep.shapes import ProfileRequest

_EVENTS_SHOWN = 10


def show(browser: Browser) -> Answer:
    """Show the account as it is now."""
    return _page(browser, browser.principal())


def submit(browser: Browser) -> Answer:
    """Do what the form's button says; what wants fresh proof leads to the step-up page first."""
    act = _ACTS.get(browser.form.get("do", ""))
    if act is None:
        raise InvalidRequest("names no action", field="do")
    principal = browser.principal()
    try:
        return act(browser, principal)
    except StepUpRequired:
        return GoTo("step-up")
    except (Conflict, NotFound) as refused:
        return _page(browser, principal, told(refused), refused.status)


def _sign_out(browser: Browser, principal: Principal) -> Answer:
    session.log_out(principal, store=browser.store, context=browser.context)
    return Page(template="signed_out", account=principal.subscriber.account, cookies=left())


def _rename(browser: Browser, principal: Principal) -> Answer:
    name, authenticator_id = browser.name("name"), browser.form.get("authenticator", "")
    own_account.rename_authenticator(principal, authenticator_id, name, store=browser.store, context=browser.context)
    return GoTo("account")


def _remove(browser: Browser, principal: Principal) -> Answer:
    own_account.remove_authenticator(
        principal, browser.form.get("authenticator", ""), store=browser.store, context=browser.context
    )
    return GoTo("account")


def _renew_codes(browser: Browser, principal: Principal) -> Answer:
    made = own_account.renew_recovery_codes(principal, store=browser.store, context=browser.context)
    return codes_page(browser, made.recovery_codes, principal.subscriber.account)


def _end_session(browser: Browser, principal: Principal) -> Answer:
    session.end_session(principal, browser.form.get("session", ""), store=browser.store, context=browser.context)
    return GoTo("account")


def _change_locale(browser: Browser, principal: Principal) -> Answer:
    wanted = ProfileRequest(locale=browser.language.tag)
    own_account.change_profile(principal, wanted, store=browser.store, context=browser.context)
    return GoTo("account")


_ACTS: Mapping[str, Callable[[Browser, Principal], Answer]] = {
    "sign-out": _sign_out,
    "rename": _rename,
    "remove": _remove,
    "codes": _renew_codes,
    "end-session": _end_session,
    "language": _change_locale,
}


def _page(browser: Browser, principal: Principal, error: Mapping[str, object] | None = None, status: int = 200) -> Page:
    store, context = browser.store, browser.context
    happened = directory.own_events(principal, cursor=None, limit=_EVENTS_SHOWN, store=store)
    shows = {
        "who": principal.subscriber,
        "authenticators": principal.subscriber.last_used_first(),
        "codes_left": len(principal.subscriber.recovery_codes),
        "sessions": session.sessions(principal, store=store, context=context),
        "events": happened.events,
        "error": error or told(None),
    }
    return Page(template="account", shows=shows, account=principal.subscriber.account, status=status)
