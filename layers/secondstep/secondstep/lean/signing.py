"""Signature Version 4 of a POST without a query ("Signature Version 4 signing process", AWS General Reference)."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from secondstep.aws import AwsUnavailable

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """What signs; the token is empty for credentials that last."""

    key_id: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Credentials":
        """Read the credentials of a function's role; AwsUnavailable where there are none, as with boto3."""
        key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if not key_id or not secret:
            raise AwsUnavailable("NoCredentialsError")
        return cls(key_id, secret, environment.get("AWS_SESSION_TOKEN", ""))


class Scope(NamedTuple):
    """What a signature is good for, besides its day."""

    region: str
    service: str


def signed(
    headers: Mapping[str, str], body: bytes, *, path: str, scope: Scope, credentials: Credentials, moment: float
) -> dict[str, str]:
    """Return the headers with date, token and signature; every one of them is signed. `moment` is in epoch seconds."""
    date = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")
    complete = {**headers, "X-Amz-Date": date}
    if credentials.token:
        complete["X-Amz-Security-Token"] = credentials.token
    canonical = sorted((name.lower(), " ".join(value.split())) for name, value in complete.items())
    names = ";".join(name for name, _ in canonical)
    lines = "\n".join(f"{name}:{value}" for name, value in canonical)
    payload = hashlib.sha256(body).hexdigest()
    request = f"POST\n{quote(path, safe='/~')}\n\n{lines}\n\n{names}\n{payload}"
    within = f"{date[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{date}\n{within}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _mac(_key(credentials.secret, date[:8], scope), text).hex()
    complete["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{within}, SignedHeaders={names}, Signature={signature}"
    )
    return complete


@lru_cache(maxsize=8)
def _key(secret: str, day: str, scope: Scope) -> bytes:
    of_day = _mac(f"AWS4{secret}".encode(), day)
    return _mac(_mac(_mac(of_day, scope.region), scope.service), "aws4_request")


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
