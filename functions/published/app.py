"""What everybody may read: keys, discovery, the contract, health; and the CORS preflight of every route."""

from typing import TYPE_CHECKING

from secondstep import __version__, contract, openapi, shapes, site_map
from secondstep.http import App, Call

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App()


@handler.route(contract.JWKS, shapes.Nothing)
def jwks(call: Call[shapes.Nothing]) -> object:
    """Answer the public keys."""
    return call.services.keyring.published(call.context.now)


@handler.route(contract.DISCOVERY, shapes.Nothing)
def discovery(call: Call[shapes.Nothing]) -> shapes.Discovery:
    """Answer where things are (RFC 8414)."""
    issuer = call.context.issuer
    return shapes.Discovery(
        issuer=issuer,
        jwks_uri=f"{issuer}{contract.JWKS.path}",
        authorization_endpoint=f"{issuer}{site_map.AUTHORIZE.path}",
        token_endpoint=f"{issuer}{contract.TOKEN.path}",
        response_types_supported=["code"],
        grant_types_supported=["authorization_code", "refresh_token"],
        code_challenge_methods_supported=["S256"],
        subject_types_supported=["public"],
        acr_values_supported=["aal1", "aal2"],
        response_modes_supported=["query"],
        token_endpoint_auth_methods_supported=["none"],  # public clients: PKCE is what binds a code to who asked
        authorization_response_iss_parameter_supported=True,
    )


@handler.route(contract.OPENAPI, shapes.Nothing)
def contract_document(call: Call[shapes.Nothing]) -> object:
    """Answer the contract."""
    return openapi.document(call.context.issuer)


@handler.route(contract.HEALTH, shapes.Nothing)
def health(_: Call[shapes.Nothing]) -> shapes.HealthAnswer:
    """Answer without a call to AWS."""
    return shapes.HealthAnswer(status="ok", version=__version__)


for path in {route.path for route in (*contract.ROUTES, contract.TOKEN)}:
    handler.preflight(path)


@handler.page(site_map.STYLESHEET)
def stylesheet(_: "Browser") -> "Answer":
    """Answer the stylesheet of the pages."""
    from secondstep.pages import assets

    return assets.stylesheet()


@handler.page(site_map.SCRIPT)
def script(_: "Browser") -> "Answer":
    """Answer the script of the pages; they work without it."""
    from secondstep.pages import assets

    return assets.script()
