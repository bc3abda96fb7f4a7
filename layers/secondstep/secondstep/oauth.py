"""OAuth 2.0 authorization code with PKCE, as values and pure checks (RFC 6749, 7636, 9207, 9470).

Two kinds of refusal at the front: who is not registered is told to the person and redirected nowhere, everything else
goes back to the application. At `POST /token` a refusal has a word of RFC 6749 section 5.2.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from secondstep.account import Application
from secondstep.session import OWN_CLIENT, Standing

CODE_SECONDS = 60
REQUEST_PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "max_age",
    "acr_values",
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits of SHA-256 in Base64url, no padding
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_LARGEST_STATE = 1024  # bytes; the request waits in a cookie while its user signs in
_LEVELS = {"aal1", "aal2"}

type SentBackError = Literal["invalid_request", "unsupported_response_type", "unmet_authentication_requirements"]
type TokenError = Literal["invalid_request", "invalid_grant", "invalid_client", "unsupported_grant_type"]


class NotRegistered(Exception):
    """No application of this account may ask so: nobody is redirected, because to where is what is in doubt."""


class SentBack(Exception):
    """The request is refused, and the application is told at its own address (RFC 6749 section 4.1.2.1)."""

    def __init__(self, error: SentBackError, redirect_uri: str, state: str) -> None:
        super().__init__(error)
        self.error = error
        self.redirect_uri = redirect_uri
        self.state = state


class TokenRefused(Exception):
    """`POST /token` gives nothing (RFC 6749 section 5.2)."""

    def __init__(self, error: TokenError, description: str, *, status: Literal[400, 401] = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a registered application asks for; `asked_at` (epoch seconds) is what `max_age` counts from."""

    account: str
    client_id: str
    redirect_uri: str
    code_challenge: str
    asked_at: int
    state: str
    max_age: int | None
    wants_second_factor: bool

    def oldest_login(self) -> int:
        """Return the earliest `auth_time` that is good enough, in epoch seconds."""
        return 0 if self.max_age is None else self.asked_at - self.max_age


class HandOverCode(msgspec.Struct, frozen=True, kw_only=True):
    """A stored code: the browser's session that it stands on, who may redeem it and how, and the session it made."""

    hash: str
    standing: Standing
    client_id: str
    redirect_uri: str
    code_challenge: str
    expires_at: int
    spent_by: str | None = None

    def is_for(self, *, client_id: str, redirect_uri: str, code_verifier: str) -> bool:
        """Tell whether this application asked for it, at this address, and holds what the challenge was made of."""
        is_same = (client_id, redirect_uri) == (self.client_id, self.redirect_uri)
        return is_same and _proves(code_verifier, self.code_challenge)


def is_registered(applications: Iterable[Application], client_id: str, redirect_uri: str | None = None) -> bool:
    """Tell whether an account has such an application, and with this very address: no pattern, no normal form.

    Nobody is registered by the name that the service's own sessions bear: theirs get account tokens.
    """
    return client_id != OWN_CLIENT and any(
        each.client_id == client_id and (redirect_uri is None or redirect_uri in each.redirect_uris)
        for each in applications
    )


def parse_request(
    sent: Mapping[str, Sequence[str]], *, account: str, applications: Iterable[Application], asked_at: int
) -> AuthorizationRequest:
    """Return the request of an application of this account.

    A parameter without a value counts as omitted, an unknown one is ignored, one that comes twice is refused (RFC 6749
    section 3.1). Raises NotRegistered, SentBack.
    """
    client_id, redirect_uri, state = (_only(sent, name) for name in ("client_id", "redirect_uri", "state"))
    if not is_registered(applications, client_id, redirect_uri):
        raise NotRegistered
    error = _error_in(sent)
    if error is not None:
        raise SentBack(error, redirect_uri, state)
    max_age, levels = _only(sent, "max_age"), _only(sent, "acr_values").split()
    return AuthorizationRequest(
        account=account,
        client_id=client_id,
        redirect_uri=redirect_uri,
        code_challenge=_only(sent, "code_challenge"),
        asked_at=asked_at,
        state=state,
        max_age=int(max_age) if max_age else None,
        wants_second_factor="aal2" in levels and "aal1" not in levels,
    )


def _only(sent: Mapping[str, Sequence[str]], name: str) -> str:
    """Return a parameter that came once, as text that can go over the wire again; else an empty text."""
    values = sent.get(name, ())
    is_text = len(values) == 1 and not re.search("[\ud800-\udfff]", values[0])
    return values[0] if is_text else ""


def _error_in(sent: Mapping[str, Sequence[str]]) -> SentBackError | None:
    if any(len(sent.get(name, ())) > 1 for name in REQUEST_PARAMETERS):
        return "invalid_request"
    if _only(sent, "response_type") not in ("", "code"):
        return "unsupported_response_type"
    levels = set(_only(sent, "acr_values").split())
    is_whole = (
        _only(sent, "response_type") == "code",
        _only(sent, "code_challenge_method") == "S256",  # without it RFC 7636 means `plain`, which protects nothing
        _CHALLENGE.fullmatch(_only(sent, "code_challenge")),
        len(_only(sent, "state").encode()) <= _LARGEST_STATE,
        not _only(sent, "max_age") or _SECONDS.fullmatch(_only(sent, "max_age")),
    )
    if not all(is_whole):
        return "invalid_request"
    return "unmet_authentication_requirements" if levels and not levels & _LEVELS else None


def answer_address(redirect_uri: str, *, state: str, issuer: str, **answer: str) -> str:
    """Return where the browser goes with an answer; the address' own query stays (RFC 6749 section 3.1.2).

    `iss` says who answers, so that an application with several servers cannot be confused (RFC 9207).
    """
    said = {**answer, **({"state": state} if state else {}), "iss": issuer}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(said, quote_via=quote)}"


def new_code() -> str:
    """Return a code: 256 random bits, which name nobody."""
    return secrets.token_urlsafe(32)


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a code."""
    return _CODE.fullmatch(text) is not None


def is_verifier(text: str) -> bool:
    """Tell whether a text has the form of a code verifier (RFC 7636 section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def hash_code(code: str) -> str:
    """Return 128 bits of SHA-256 in hex: what is stored of a code; 256 random bits need no slow hash."""
    return hashlib.sha256(code.encode()).digest()[:16].hex()


def _proves(code_verifier: str, code_challenge: str) -> bool:
    """Match a verifier against its challenge (S256, RFC 7636 section 4.6)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), code_challenge.encode())
