"""`POST /enroll`: a secret and its QR code. This function may seal secrets, never open one."""

from msgspec import UNSET

from secondstep import contract, shapes
from secondstep.flows import enrollment
from secondstep.http import App, Call

handler = App()


@handler.route(contract.ENROLL, shapes.EnrollRequest)
def enroll(call: Call[shapes.EnrollRequest]) -> shapes.EnrollAnswer:
    """Answer the secret, once, and the challenge that waits for its first code."""
    ticket = call.body.ticket
    return enrollment.begin(
        call.body.challenge,
        None if ticket is UNSET else ticket,
        call.body.name,
        store=call.services.store,
        seal_key=call.services.seal_key,
        context=call.context,
    )
