"""The admin routes but the reset. They stand behind the authorizer, and check again."""

from secondstep import contract
from secondstep.flows import invitation
from secondstep.http import App, Call

handler = App()


@handler.route(contract.INVITE, contract.InviteRequest)
def invite(call: Call[contract.InviteRequest]) -> contract.TicketAnswer:
    """Invite a subscriber of the admin's own account; the ticket is shown once."""
    return invitation.invite(call.body, call.acting_admin(), store=call.services.store, context=call.context)
