"""`POST /login`: the password; the answer says what comes next."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.authenticators import password
from secondstep.flows import login
from secondstep.http import App, Call
from secondstep.issuing import login_answer
from secondstep.session import Carrier, Login
from secondstep.subscriber import Identity

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App()
password.take_memory()


@handler.route(contract.LOGIN, shapes.LoginRequest)
def log_in(call: Call[shapes.LoginRequest]) -> object:
    """Answer a challenge, or a session where the policy asks for no second factor."""
    identity = Identity.parse(account=call.body.account, login_name=call.body.login_name)
    keyring, now = call.services.keyring, call.context.now
    answer = login.log_in(
        identity,
        call.body.password,
        store=call.services.store,
        carrier=Carrier.TOKENS,
        ready=lambda: keyring.signing_key(now),
        context=call.context,
    )
    return login_answer(keyring.signing_key(now), answer, call.context) if isinstance(answer, Login) else answer


@handler.page(site_map.ROOT)
@handler.page(site_map.ENTRANCE)
def enter(browser: "Browser") -> "Answer":
    """Lead to the sign-in page."""
    from secondstep.pages import sign_in

    return sign_in.enter(browser)


@handler.page(site_map.SHOW_LOGIN)
def show_login(browser: "Browser") -> "Answer":
    """Show the sign-in page."""
    from secondstep.pages import sign_in

    return sign_in.show(browser)


@handler.page(site_map.SUBMIT_LOGIN)
def submit_login(browser: "Browser") -> "Answer":
    """Take the password, and go on."""
    from secondstep.pages import sign_in

    return sign_in.submit(browser)


@handler.page(site_map.COLOURS)
def colours(browser: "Browser") -> "Answer":
    """Answer the account's colours."""
    from secondstep.pages import sign_in

    return sign_in.colours(browser)


@handler.page(site_map.LOGO)
def logo(browser: "Browser") -> "Answer":
    """Answer the account's picture."""
    from secondstep.pages import logo as page

    return page.show(browser)
