"""An application that has no login of its own: it sends its users to Secondstep and gets them back signed in.

Flask with Authlib, which does the parts that are easy to get wrong: `state`, PKCE, the exchange of the code.
"""

import os
import secrets
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, request, session, url_for
from werkzeug.wrappers import Response

SECONDSTEP = os.environ.get("SECONDSTEP", "http://127.0.0.1:3000")
ACCOUNT, CLIENT_ID = "acme", "example"
FRESH_SECONDS = 5 * 60

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
secondstep = OAuth(app).register(
    "secondstep",
    client_id=CLIENT_ID,
    server_metadata_url=f"{SECONDSTEP}/.well-known/openid-configuration",
    client_kwargs={"code_challenge_method": "S256", "token_endpoint_auth_method": "none"},
)


@dataclass
class SignedIn:
    """Who is signed in: the claims that were verified, and the token that gets the next ones."""

    claims: dict[str, Any]
    refresh_token: str


SIGNED_IN: dict[str, SignedIn] = {}  # by a random name in the cookie: tokens never leave the server


def who() -> SignedIn | None:
    """Return who is signed in with this browser."""
    return SIGNED_IN.get(session.get("name", ""))


def verified(access_token: str) -> dict[str, Any]:
    """Check a token without asking anybody: signature, issuer, audience, time, and that it was made for us."""
    metadata = secondstep.load_server_metadata()
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(access_token)
    claims: dict[str, Any] = jwt.decode(
        access_token, key, algorithms=["RS256"], audience=ACCOUNT, issuer=metadata["issuer"], leeway=60
    )
    if claims["client_id"] != CLIENT_ID:
        raise jwt.InvalidTokenError
    return claims


@app.get("/")
def home() -> str:
    """Say who is signed in, or offer to sign in."""
    return render_template_string(HOME, who=who())


@app.get("/sign-in")
def sign_in() -> Response:
    """Send the user to the pages; `?fresh` asks for a proof that is not older than five minutes."""
    extra = {"max_age": FRESH_SECONDS, "acr_values": "aal2"} if "fresh" in request.args else {}
    back = url_for("callback", _external=True)
    answer: Response = secondstep.authorize_redirect(back, account=ACCOUNT, **extra)
    return answer


@app.get("/callback")
def callback() -> Response | tuple[str, int]:
    """Take the code, change it for tokens, and believe what the verified token says: nothing else."""
    if request.args.get("iss") != secondstep.load_server_metadata()["issuer"]:  # RFC 9207
        return "This answer comes from somebody else.", 400
    try:
        tokens = secondstep.authorize_access_token()
    except OAuthError as refused:
        return render_template_string("Not signed in: {{ error }}", error=refused.error), 400
    session["name"] = secrets.token_urlsafe(32)
    SIGNED_IN[session["name"]] = SignedIn(verified(tokens["access_token"]), tokens["refresh_token"])
    return redirect(url_for("home"))


@app.post("/renew")
def renew() -> Response:
    """Get new tokens. Where that is refused, the session has ended: by a reset, a new password, or its time."""
    signed_in = who()
    if signed_in is not None:
        form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": signed_in.refresh_token}
        answer = requests.post(secondstep.load_server_metadata()["token_endpoint"], data=form, timeout=10)
        if answer.ok:
            tokens = answer.json()
            SIGNED_IN[session["name"]] = SignedIn(verified(tokens["access_token"]), tokens["refresh_token"])
        elif answer.json().get("error") == "invalid_grant":
            del SIGNED_IN[session["name"]]
    return redirect(url_for("home"))


@app.post("/sign-out")
def sign_out() -> Response:
    """End the session here and there; the browser stays signed in to the pages."""
    signed_in = SIGNED_IN.pop(session.pop("name", ""), None)
    if signed_in is not None:
        requests.post(f"{SECONDSTEP}/logout", json={"refresh_token": signed_in.refresh_token}, timeout=10)
    return redirect(url_for("home"))


HOME = """<!doctype html><html lang="en"><title>Example</title><h1>Example</h1>
{% if who %}<p>Hello, <strong>{{ who.claims.login_name }}</strong>, proven by {{ who.claims.amr | join(", ") }}.</p>
<p><a href="/sign-in?fresh">Prove again who I am</a></p>
<form method="post" action="/renew"><button>New tokens</button></form>
<form method="post" action="/sign-out"><button>Sign out</button></form>
{% else %}<p><a href="/sign-in">Sign in</a></p>{% endif %}</html>"""

if __name__ == "__main__":
    app.run(host="localhost", port=int(os.environ.get("PORT", "5000")))
