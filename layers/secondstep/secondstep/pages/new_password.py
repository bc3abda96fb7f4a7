"""The password page: with a ticket that was given, or with the one that a login has just answered."""

from secondstep.bearer import Principal
from secondstep.errors import (
    Conflict,
    InvalidCredentials,
    InvalidRequest,
    PasswordRefused,
    ServiceError,
    StepUpRequired,
    TicketInvalid,
    TooManyAttempts,
)
from secondstep.flows import password
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import told
from secondstep.subscriber import Identity

_SAID_HERE = (Conflict, InvalidRequest, PasswordRefused, TicketInvalid, TooManyAttempts)


def show(browser: Browser) -> Answer:
    """Ask for name, ticket and new password. The address names the account only; the rest is typed."""
    last_account, last_name = browser.claimant
    account = browser.query.get("account", last_account)
    return _page(browser, account, last_name if account == last_account else "")


def submit(browser: Browser) -> Answer:
    """Redeem the ticket, then send to the sign-in page: a new password never signs anybody in by itself."""
    form = browser.form
    account, login_name = form.get("account", ""), form.get("login_name", "")
    ticket = form.get("ticket") or browser.cookies.get(cookies.TICKET, "")
    try:
        if form.get("new_password", "") != form.get("again", form.get("new_password", "")):
            raise InvalidRequest("is not the same as the first one", field="again")
        identity = Identity.parse(account=account, login_name=login_name)
        password.redeem(identity, ticket, form.get("new_password", ""), store=browser.store, context=browser.context)
    except _SAID_HERE as refused:
        return _page(browser, account, login_name, refused)
    dropped = (cookies.dropped(cookies.TICKET), cookies.dropped(cookies.CHALLENGE), cookies.dropped(cookies.SESSION))
    return Page(template="password_set", account=account, cookies=dropped, is_shown_again=False)


def _page(browser: Browser, account: str, login_name: str, refused: ServiceError | None = None) -> Page:
    """Ask; a held ticket that was not right is let go of, since it would hide the field for the one that is."""
    lets_go = isinstance(refused, TicketInvalid)
    known = _known(account)
    policy = browser.store.accounts.policy(known, browser.context.now)
    shows = {
        "login_name": login_name,
        "has_ticket": cookies.TICKET in browser.cookies and not lets_go,
        "shortest": policy.shortest_password,
        "error": told(refused),
        "account": account,
    }
    return Page(
        template="password",
        shows=shows,
        account=known,
        status=refused.status if refused else 200,
        cookies=(cookies.dropped(cookies.TICKET),) if lets_go else (),
    )


def _known(account: str) -> str:
    try:
        return Identity.parse(account=account, login_name="-").account
    except InvalidRequest:
        return ""


def show_change(browser: Browser) -> Answer:
    """Ask for the current and a new password."""
    return _change_page(browser, browser.principal())


def submit_change(browser: Browser) -> Answer:
    """Change the password from within the session; every other session ends."""
    form, principal = browser.form, browser.principal()
    try:
        if form.get("new_password", "") != form.get("again", ""):
            raise InvalidRequest("is not the same as the first one", field="again")
        password.change(
            principal,
            form.get("current_password", ""),
            form.get("new_password", ""),
            store=browser.store,
            context=browser.context,
        )
    except StepUpRequired:
        return GoTo("step-up")
    except (*_SAID_HERE, InvalidCredentials) as refused:
        return _change_page(browser, principal, refused)
    return GoTo("account")


def _change_page(browser: Browser, principal: Principal, refused: ServiceError | None = None) -> Page:
    account = principal.subscriber.account
    shortest = browser.store.accounts.policy(account, browser.context.now).shortest_password
    shows = {"login_name": principal.subscriber.login_name, "shortest": shortest, "error": told(refused)}
    return Page(template="change_password", shows=shows, account=account, status=refused.status if refused else 200)
