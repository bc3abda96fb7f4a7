"""The admin routes but the reset. They stand behind the authorizer, and check again."""

from secondstep import contract, shapes
from secondstep.flows import invitation
from secondstep.http import App, Call

handler = App()


@handler.route(contract.INVITE, shapes.InviteRequest)
def invite(call: Call[shapes.InviteRequest]) -> shapes.TicketAnswer:
    """Invite a subscriber of the admin's own account; the ticket is shown once."""
    return invitation.invite(call.body, call.acting_admin(), store=call.services.store, context=call.context)
