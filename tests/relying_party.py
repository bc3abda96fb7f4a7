"""An application that sends its users to the pages: what it asks for, what comes back, and how it gets its tokens."""

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from secondstep.account import Application
from tests.browsing import Browser
from tests.service import ACCOUNT, Reply, Service

REDIRECT_URI = "https://app.example.test/callback"
DESK = Application("desk", "Service Desk", (REDIRECT_URI, "https://app.example.test/other?tenant=1"))
SHOP = Application("shop", "Shop", ("https://shop.example.test/back",))
REGISTERED = [msgspec.to_builtins(each) for each in (DESK, SHOP)]


def s256(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class RelyingParty:
    """One application with one sign-in under way: its state and its verifier are of this sign-in only."""

    def __init__(self, service: Service, application: Application = DESK) -> None:
        self.service = service
        self.client_id = application.client_id
        self.redirect_uri = application.redirect_uris[0]
        self.state = secrets.token_urlsafe(16)
        self.verifier = secrets.token_urlsafe(48)

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return what it asks for; a change to None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            "account": ACCOUNT,
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def address(self, **changes: str | None) -> str:
        """Return where it sends its user."""
        return f"/authorize?{urlencode(self.parameters(**changes))}"

    def code(self, browser: Browser, **changes: str | None) -> str:
        """Send a browser that is signed in, and return the code that comes back."""
        return answered(browser.get(self.address(**changes)))["code"]

    def redeem(self, code: str, **changes: str | None) -> Reply:
        """Change a code for tokens."""
        return self.post(
            grant_type="authorization_code",
            code=code,
            **{
                "client_id": self.client_id,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                **changes,
            },
        )

    def refresh(self, refresh_token: str, **changes: str | None) -> Reply:
        """Change a refresh token for new tokens."""
        return self.post(
            grant_type="refresh_token", refresh_token=refresh_token, **{"client_id": self.client_id, **changes}
        )

    def post(self, **fields: str | None) -> Reply:
        """Post a form to the token endpoint."""
        sent = {name: value for name, value in fields.items() if value is not None}
        return post_form(self.service, urlencode(sent))


def post_form(service: Service, body: str, **headers: str) -> Reply:
    """Post a body to the token endpoint, a form unless a header says otherwise."""
    sent: dict[str, Any] = {"Content-Type": "application/x-www-form-urlencoded"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer = service.gateway.client().open("/token", method="POST", data=body, headers=sent)
    return Reply(answer.status_code, answer.get_json(silent=True) or {}, answer.headers)


def destination(browser: Browser) -> str:
    """Return the address that the hand-over page leads to at once; its link is the same one."""
    assert browser.status == 200, (browser.path, browser.text)
    [content] = [said["content"] for tag, said in browser.page.tags if said.get("http-equiv") == "refresh"]
    wait, _, address = content.partition(";url=")
    assert wait == "0"
    assert address in browser.page.links
    return address


def answered(browser: Browser) -> dict[str, str]:
    """Return the parameters that the hand-over page takes to the application."""
    parsed = parse_qs(urlsplit(destination(browser)).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in parsed.values())
    return {name: values[0] for name, values in parsed.items()}
