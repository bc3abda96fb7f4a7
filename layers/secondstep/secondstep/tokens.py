"""Signed tokens, as they come back: RS256 by a key of ours, of our type, for us, in their time (RFC 9068 section 4).

Imported where a token is verified, and not before: PyJWT is a quarter of a cold start, and a login only issues tokens.
"""

import re
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from secondstep.errors import InvalidToken
from secondstep.session import ALGORITHM, TOKEN_TYPE, Accepts, Claims

_COMPACT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")  # RFC 7515 section 2: no padding; PyJWT forgives it
_TEXT_CLAIMS = ("iss", "sub", "aud", "account", "sid", "jti", "login_name", "acr")
_TIME_CLAIMS = ("exp", "nbf", "iat", "auth_time")


def key_id(token: str) -> str:
    """Return the id of the key that a token says it was signed with; InvalidToken where it is not ours."""
    if not _COMPACT.fullmatch(token):  # one token has one spelling
        raise InvalidToken
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as refused:
        raise InvalidToken from refused
    kid = header.get("kid")
    if header.get("typ") != TOKEN_TYPE or header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise InvalidToken
    return kid


def verify_token(token: str, key: RSAPublicKey, *, expected_issuer: str, accepts: Accepts, now: int) -> Claims:
    """Return the claims of a token of ours; InvalidToken where signature, type, issuer, audience or time is wrong.

    The times are judged by the service's clock, so pyjwt only checks the signature and that the claims are there.
    """
    try:
        payload = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            options={
                "require": [*_TEXT_CLAIMS, *_TIME_CLAIMS],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except jwt.InvalidTokenError as refused:
        raise InvalidToken from refused
    _verify_shape(payload)
    _verify_issuer(payload, expected_issuer)
    _verify_audience(payload, expected_issuer, accepts)
    _verify_times(payload, now)
    return Claims(
        sub=payload["sub"],
        aud=payload["aud"],
        account=payload["account"],
        login_name=payload["login_name"],
        sid=payload["sid"],
        auth_time=payload["auth_time"],
        amr=tuple(payload["amr"]),
    )


def _verify_shape(payload: Mapping[str, Any]) -> None:
    texts = all(isinstance(payload[claim], str) for claim in _TEXT_CLAIMS)
    times = all(type(payload[claim]) is int for claim in _TIME_CLAIMS)
    amr = payload.get("amr")
    factors = isinstance(amr, list) and all(isinstance(each, str) for each in amr)
    if not (texts and times and factors):
        raise InvalidToken


def _verify_issuer(payload: Mapping[str, Any], expected_issuer: str) -> None:
    if payload["iss"] != expected_issuer:
        raise InvalidToken


def _verify_audience(payload: Mapping[str, Any], expected_issuer: str, accepts: Accepts) -> None:
    for_this_service = payload["aud"] == expected_issuer
    for_an_application = payload["aud"] == payload["account"]
    if not (for_this_service or (accepts is Accepts.EITHER_TOKEN and for_an_application)):
        raise InvalidToken


def _verify_times(payload: Mapping[str, Any], now: int) -> None:
    if not payload["nbf"] <= now < payload["exp"]:
        raise InvalidToken
