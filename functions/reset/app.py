"""`POST /admin/subscribers/{login_name}/reset` and its page: a function of its own, with no use of any key."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.flows import reset as resetting
from secondstep.http import App, Call
from secondstep.subscriber import canonical_login_name

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App("tokens")


@handler.route(contract.RESET, shapes.ReasonRequest)
def reset(call: Call[shapes.ReasonRequest]) -> shapes.TicketAnswer:
    """Reset a subscriber of the admin's own account; the enrollment ticket is shown once."""
    actor = call.acting_admin()
    return resetting.reset(
        canonical_login_name(call.path_parameter("login_name")),
        call.body.reason,
        actor,
        store=call.services.store,
        context=call.context,
    )


@handler.page(site_map.SHOW_RESET)
def show_reset(browser: "Browser") -> "Answer":
    """Ask for the reason and the confirmation."""
    from secondstep.pages import console_reset

    return console_reset.show(browser)


@handler.page(site_map.SUBMIT_RESET)
def submit_reset(browser: "Browser") -> "Answer":
    """Reset; the ticket is shown once, in the answer."""
    from secondstep.pages import console_reset

    return console_reset.submit(browser)
