"""`POST /refresh`, and how an application gets its tokens: `GET /authorize`, `POST /token`."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.flows import authorization, session
from secondstep.http import App, Call
from secondstep.issuing import login_answer, token_answer
from secondstep.oauth import TokenRefused
from secondstep.session import OWN_CLIENT, Login

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App()


@handler.route(contract.REFRESH, shapes.RefreshRequest)
def refresh(call: Call[shapes.RefreshRequest]) -> shapes.SessionAnswer:
    """Answer new tokens and the successor of the refresh token."""
    keyring, now = call.services.keyring, call.context.now
    renewed = session.refresh(
        call.body.refresh_token,
        store=call.services.store,
        ready=lambda: keyring.signing_key(now),
        context=call.context,
    )
    return login_answer(keyring.signing_key(now), renewed, call.context)


@handler.form(contract.TOKEN, shapes.TokenRequest)
def token(call: Call[shapes.TokenRequest]) -> shapes.TokenAnswer:
    """Answer an application's tokens: for a code, or for its refresh token."""
    if call.has_bearer_token():
        raise TokenRefused("invalid_client", "Applications have no secret here: send client_id alone.", status=401)
    if call.body.client_id == OWN_CLIENT:  # the service's own sessions are refreshed at POST /refresh
        raise TokenRefused("invalid_client", "No application has this client_id.")
    key = call.services.keyring.signing_key(call.context.now)  # no key, no code is spent
    return token_answer(key, _granted(call), call.context)


def _granted(call: Call[shapes.TokenRequest]) -> Login:
    asked, store, context = call.body, call.services.store, call.context
    match asked.grant_type:
        case "authorization_code":
            _wants(asked, "client_id", "code", "redirect_uri", "code_verifier")
            return authorization.redeem(
                asked.code,
                client_id=asked.client_id,
                redirect_uri=asked.redirect_uri,
                code_verifier=asked.code_verifier,
                store=store,
                context=context,
            )
        case "refresh_token":
            _wants(asked, "client_id", "refresh_token")
            return session.refresh(
                asked.refresh_token, client_id=asked.client_id, store=store, ready=lambda: None, context=context
            )
        case "":
            raise TokenRefused("invalid_request", "grant_type is missing.")
        case _:
            raise TokenRefused("unsupported_grant_type", "Send authorization_code or refresh_token.")


def _wants(asked: shapes.TokenRequest, *names: str) -> None:
    missing = [name for name in names if not getattr(asked, name)]
    if missing:
        raise TokenRefused("invalid_request", f"{missing[0]} is missing.")


@handler.page(site_map.AUTHORIZE)
def authorize(browser: "Browser") -> "Answer":
    """Lead an application's user through the pages, or straight back."""
    from secondstep.pages import authorize

    return authorize.show(browser)


@handler.page(site_map.CONTINUE)
def go_on(browser: "Browser") -> "Answer":
    """Go on where a sign-in has interrupted the way to an application."""
    from secondstep.pages import authorize

    return authorize.go_on(browser)
