"""`POST /login`: the password; the answer says what comes next."""

from secondstep import contract, shapes
from secondstep.flows import login
from secondstep.http import App, Call
from secondstep.subscriber import Identity

handler = App()


@handler.route(contract.LOGIN, shapes.LoginRequest)
def log_in(call: Call[shapes.LoginRequest]) -> login.Answer:
    """Answer a challenge, or a session where the policy asks for no second factor."""
    identity = Identity.parse(account=call.body.account, login_name=call.body.login_name)
    return login.log_in(
        identity,
        call.body.password,
        store=call.services.store,
        keyring=call.services.keyring,
        context=call.context,
    )
