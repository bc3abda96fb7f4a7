"""`POST /password` and `POST /me/password`: a new password, by a ticket or by the one before."""

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
