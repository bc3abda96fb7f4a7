"""`/me`: the subscriber's own account, but what needs a key or a password. This function uses no KMS key."""

from typing import TYPE_CHECKING

from msgspec import UNSET

from secondstep import contract, describing, shapes, site_map
from secondstep.errors import InvalidRequest
from secondstep.flows import directory, own_account, session
from secondstep.http import App, Call
from secondstep.session import Accepts
from secondstep.shapes import given

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App("tokens")


@handler.route(contract.ME, shapes.Nothing)
def me(call: Call[shapes.Nothing]) -> shapes.MeAnswer:
    """Answer who the token belongs to, as it is now."""
    return describing.oneself(call.principal(Accepts.EITHER_TOKEN).subscriber)


@handler.route(contract.CHANGE_PROFILE, shapes.ProfileRequest)
def change_profile(call: Call[shapes.ProfileRequest]) -> shapes.MeAnswer:
    """Change contact data, and answer all of it."""
    return own_account.change_profile(call.principal(), call.body, store=call.services.store, context=call.context)


@handler.route(contract.RENAME_AUTHENTICATOR, shapes.RenameRequest)
def rename_authenticator(call: Call[shapes.RenameRequest]) -> shapes.AuthenticatorAnswer:
    """Rename an authenticator, and answer it."""
    return own_account.rename_authenticator(
        call.principal(),
        call.path_parameter("id"),
        call.body.name,
        store=call.services.store,
        context=call.context,
    )


@handler.route(contract.REMOVE_AUTHENTICATOR, shapes.Nothing)
def remove_authenticator(call: Call[shapes.Nothing]) -> None:
    """Remove an authenticator."""
    own_account.remove_authenticator(
        call.principal(), call.path_parameter("id"), store=call.services.store, context=call.context
    )


@handler.route(contract.RENEW_RECOVERY_CODES, shapes.Nothing)
def renew_recovery_codes(call: Call[shapes.Nothing]) -> shapes.RecoveryCodesAnswer:
    """Answer ten new recovery codes, once."""
    return own_account.renew_recovery_codes(call.principal(), store=call.services.store, context=call.context)


@handler.route(contract.SESSIONS, shapes.Nothing)
def sessions(call: Call[shapes.Nothing]) -> list[shapes.SessionLine]:
    """Answer the living sessions."""
    return session.sessions(call.principal(), store=call.services.store, context=call.context)


@handler.route(contract.END_SESSION, shapes.Nothing)
def end_session(call: Call[shapes.Nothing]) -> None:
    """End one session."""
    session.end_session(call.principal(), call.path_parameter("id"), store=call.services.store, context=call.context)


@handler.route(contract.OWN_EVENTS, shapes.Nothing)
def events(call: Call[shapes.Nothing]) -> shapes.EventsAnswer:
    """Answer a page of what happened to this subscriber."""
    wanted = call.query(shapes.OwnEventsQuery)
    return directory.own_events(
        call.principal(), cursor=given(wanted.cursor), limit=wanted.limit, store=call.services.store
    )


@handler.route(contract.LOGOUT, shapes.LogoutRequest)
def log_out(call: Call[shapes.LogoutRequest]) -> None:
    """End the session of the bearer token, or of the refresh token that is given instead."""
    if call.body.refresh_token is UNSET:
        session.log_out(call.principal(), store=call.services.store, context=call.context)
        return
    if call.has_bearer_token():
        raise InvalidRequest("takes a bearer token or a refresh token, not both", field="refresh_token")
    session.log_out_by_refresh_token(call.body.refresh_token, store=call.services.store, context=call.context)


@handler.page(site_map.SHOW_ACCOUNT)
def show_account(browser: "Browser") -> "Answer":
    """Show the account page."""
    from secondstep.pages import account

    return account.show(browser)


@handler.page(site_map.SUBMIT_ACCOUNT)
def submit_account(browser: "Browser") -> "Answer":
    """Do what a button of the account page says."""
    from secondstep.pages import account

    return account.submit(browser)
