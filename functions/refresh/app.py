"""`POST /refresh`: rotate the refresh token."""

from secondstep import contract, shapes
from secondstep.flows import session
from secondstep.http import App, Call

handler = App()


@handler.route(contract.REFRESH, shapes.RefreshRequest)
def refresh(call: Call[shapes.RefreshRequest]) -> shapes.SessionAnswer:
    """Answer new tokens and the successor of the refresh token."""
    return session.refresh(
        call.body.refresh_token,
        store=call.services.store,
        keyring=call.services.keyring,
        context=call.context,
    )
