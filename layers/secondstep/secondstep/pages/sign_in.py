"""The sign-in page: account, login name, password; what comes next is the flow's to say."""

from secondstep.account import Policy
from secondstep.errors import InvalidCredentials, InvalidRequest, ServiceError, TooManyAttempts
from secondstep.flows import login
from secondstep.pages import colour, cookies
from secondstep.pages.answer import Answer, Asset, GoTo, Page
from secondstep.pages.browser import Browser, as_claimant
from secondstep.pages.failing import told
from secondstep.pages.signed_in import destination, entered
from secondstep.session import Carrier, Login
from secondstep.shapes import EnrollNext, PasswordNext, VerifyNext
from secondstep.subscriber import Identity

_CLAIMANT_SECONDS = 60 * 60


def enter(browser: Browser) -> Answer:
    """Lead whoever has typed the host alone to the sign-in page, which asks for the account where none was named."""
    account = browser.query.get("account", "")
    return GoTo(f"login?account={account}" if _is_an_account(account) else "login")


def show(browser: Browser) -> Answer:
    """Show the page; the account comes from the address, or from the last time."""
    last_account, last_name = browser.claimant
    account = browser.query.get("account", last_account)
    return _page(account, last_name if account == last_account else "")


def submit(browser: Browser) -> Answer:
    """Check the password, and go where the answer says. What was refused is said on the same page."""
    account, login_name = browser.form.get("account", ""), browser.form.get("login_name", "")
    try:
        identity = Identity.parse(account=account, login_name=login_name)
        answer = login.log_in(
            identity,
            browser.form.get("password", ""),
            store=browser.store,
            carrier=Carrier.BROWSER,
            ready=lambda: None,
            context=browser.context,
        )
    except (InvalidCredentials, InvalidRequest, TooManyAttempts) as refused:
        return _page(account, login_name, refused)
    return _next(browser, answer, identity)


def _next(browser: Browser, answer: login.Answer, identity: Identity) -> Answer:
    who = cookies.kept(cookies.CLAIMANT, as_claimant(identity.account, identity.login_name), seconds=_CLAIMANT_SECONDS)
    match answer:
        case VerifyNext():
            return GoTo("verify", (who, cookies.kept(cookies.CHALLENGE, answer.challenge, seconds=answer.expires_in)))
        case EnrollNext():
            return GoTo("enroll", (who, cookies.kept(cookies.CHALLENGE, answer.challenge, seconds=answer.expires_in)))
        case PasswordNext():
            return GoTo("password", (who, _ticket(answer)))
        case Login():
            return GoTo(destination(browser), (who, *entered(answer)))


def _ticket(answer: PasswordNext) -> str:
    """Return the cookie that holds the ticket; where an admin has given one, that is typed."""
    held = answer.ticket
    return cookies.kept(cookies.TICKET, held, seconds=answer.expires_in) if held else cookies.dropped(cookies.TICKET)


def _page(account: str, login_name: str, refused: ServiceError | None = None) -> Page:
    shows = {"login_name": login_name, "error": told(refused), "account": account}
    return Page(
        template="login",
        shows=shows,
        account=account if _is_an_account(account) else "",
        status=refused.status if refused else 200,
    )


def _is_an_account(text: str) -> bool:
    try:
        Identity.parse(account=text, login_name="-")
    except InvalidRequest:
        return False
    return True


def colours(browser: Browser) -> Asset:
    """Answer the account's colours as a stylesheet: the pages have no inline style."""
    account = browser.query.get("account", "")
    policy = browser.store.accounts.policy(account, browser.context.now) if _is_an_account(account) else None
    css = colour.stylesheet((policy or Policy()).accent_colour)
    return Asset(content=css.encode(), media_type="text/css; charset=utf-8", cached_seconds=60)
