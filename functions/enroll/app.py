"""`POST /enroll` and `POST /me/authenticators`: a new secret. This function may seal secrets, never open one."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.flows import addition, enrollment
from secondstep.http import App, Call
from secondstep.shapes import given

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App("authenticators.qr")


@handler.route(contract.ENROLL, shapes.EnrollRequest)
def enroll(call: Call[shapes.EnrollRequest]) -> shapes.EnrollAnswer:
    """Answer the secret, once, and the challenge that waits for its first code."""
    return enrollment.begin(
        call.body.challenge,
        given(call.body.ticket),
        call.body.name,
        store=call.services.store,
        seal_key=call.services.seal_key,
        context=call.context,
    )


@handler.route(contract.ADD_AUTHENTICATOR, shapes.AddRequest)
def add_authenticator(call: Call[shapes.AddRequest]) -> shapes.EnrollAnswer:
    """Answer the secret of a further authenticator, once, and this session's challenge for its first code."""
    return addition.begin(
        call.principal(),
        call.body.name,
        given(call.body.ticket),
        store=call.services.store,
        seal_key=call.services.seal_key,
        context=call.context,
    )


@handler.page(site_map.SHOW_ENROLL)
def show_enroll(browser: "Browser") -> "Answer":
    """Show what an enrollment is."""
    from secondstep.pages import enroll as page

    return page.show(browser)


@handler.page(site_map.SUBMIT_ENROLL)
def submit_enroll(browser: "Browser") -> "Answer":
    """Show the QR code, once."""
    from secondstep.pages import enroll as page

    return page.submit(browser)


@handler.page(site_map.SHOW_ADD)
def show_add(browser: "Browser") -> "Answer":
    """Show the page for a further authenticator."""
    from secondstep.pages import enroll as page

    return page.show_add(browser)


@handler.page(site_map.SUBMIT_ADD)
def submit_add(browser: "Browser") -> "Answer":
    """Show the further authenticator's QR code, once."""
    from secondstep.pages import enroll as page

    return page.submit_add(browser)
