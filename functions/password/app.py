"""`POST /password`: redeem a password ticket."""

from secondstep import contract, shapes
from secondstep.flows import password
from secondstep.http import App, Call
from secondstep.subscriber import Identity

handler = App()


@handler.route(contract.PASSWORD, shapes.PasswordRequest)
def set_password(call: Call[shapes.PasswordRequest]) -> None:
    """Set the password, end every session and challenge."""
    identity = Identity.parse(account=call.body.account, login_name=call.body.login_name)
    password.redeem(identity, call.body.ticket, call.body.new_password, store=call.services.store, context=call.context)
