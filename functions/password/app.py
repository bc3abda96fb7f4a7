"""`POST /password` and `POST /me/password`: a new password, by a ticket or by the one before."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.flows import password
from secondstep.http import App, Call
from secondstep.subscriber import Identity

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App()


@handler.route(contract.PASSWORD, shapes.PasswordRequest)
def set_password(call: Call[shapes.PasswordRequest]) -> None:
    """Set the password, end every session and challenge."""
    identity = Identity.parse(account=call.body.account, login_name=call.body.login_name)
    password.redeem(identity, call.body.ticket, call.body.new_password, store=call.services.store, context=call.context)


@handler.route(contract.CHANGE_PASSWORD, shapes.ChangePasswordRequest)
def change_password(call: Call[shapes.ChangePasswordRequest]) -> None:
    """Change the password, end every other session."""
    password.change(
        call.principal(),
        call.body.current_password,
        call.body.new_password,
        store=call.services.store,
        context=call.context,
    )


@handler.page(site_map.SHOW_PASSWORD)
def show_password(browser: "Browser") -> "Answer":
    """Show the page for a new password."""
    from secondstep.pages import new_password

    return new_password.show(browser)


@handler.page(site_map.SUBMIT_PASSWORD)
def submit_password(browser: "Browser") -> "Answer":
    """Take ticket and new password."""
    from secondstep.pages import new_password

    return new_password.submit(browser)


@handler.page(site_map.SHOW_CHANGE_PASSWORD)
def show_change_password(browser: "Browser") -> "Answer":
    """Show the page for another password."""
    from secondstep.pages import new_password

    return new_password.show_change(browser)


@handler.page(site_map.SUBMIT_CHANGE_PASSWORD)
def submit_change_password(browser: "Browser") -> "Answer":
    """Take another password."""
    from secondstep.pages import new_password

    return new_password.submit_change(browser)
