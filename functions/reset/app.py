"""`POST /admin/subscribers/{login_name}/reset`: a function of its own, with no use of any key."""

from secondstep import contract, shapes
from secondstep.flows import reset as resetting
from secondstep.http import App, Call
from secondstep.subscriber import canonical_login_name

handler = App()


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
