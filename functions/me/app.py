"""`GET /me` and `POST /logout`: the subscriber's own account. This function uses no KMS key."""

from msgspec import UNSET

from secondstep import bearer, contract, describing, shapes
from secondstep.errors import InvalidRequest
from secondstep.flows import session
from secondstep.http import App, Call
from secondstep.session import Accepts

handler = App()


@handler.route(contract.ME, shapes.Nothing)
def me(call: Call[shapes.Nothing]) -> shapes.MeAnswer:
    """Answer who the token belongs to, as it is now."""
    principal = bearer.authenticate(
        call.bearer_token(),
        Accepts.EITHER_TOKEN,
        call.services.store,
        call.services.keyring,
        call.context,
    )
    return describing.oneself(principal.subscriber)


@handler.route(contract.LOGOUT, shapes.LogoutRequest)
def log_out(call: Call[shapes.LogoutRequest]) -> None:
    """End the session of the bearer token, or of the refresh token that is given instead."""
    if call.body.refresh_token is not UNSET:
        if call.has_bearer_token():
            raise InvalidRequest("takes a bearer token or a refresh token, not both", field="refresh_token")
        session.log_out_by_refresh_token(call.body.refresh_token, store=call.services.store, context=call.context)
        return
    principal = bearer.authenticate(
        call.bearer_token(),
        Accepts.ACCOUNT_TOKEN,
        call.services.store,
        call.services.keyring,
        call.context,
    )
    session.log_out(principal, store=call.services.store, context=call.context)
