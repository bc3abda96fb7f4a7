"""The credentials of a function that was restored from a snapshot: asked for, not in the environment.

With SnapStart Lambda sets no AWS_ACCESS_KEY_ID: whatever stood there at INIT would be in every clone, and expired.
Two variables say where the credentials are to be had and with which token, as for a container ("Container credential
provider", AWS SDKs and Tools Reference Guide). Of that provider here is what Lambda uses; the variables of ECS
(`…_RELATIVE_URI`) and of EKS (`…_TOKEN_FILE`) are none of ours.

Whatever fails is AwsUnavailable without a cause: what `http.client` says of a header or of an answer quotes it, and
with it the token or the secret.
"""

from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Lock
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from secondstep.aws import AwsUnavailable
from secondstep.lean.signing import Credentials

_ADDRESS = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the name of a variable
_HOSTS = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"}  # botocore's, beside every loopback address
_SECONDS = 1
_LONGEST_ANSWER = 64 * 1024
_RENEWED_BEFORE = 5 * 60


class _Answer(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: str

    def __repr__(self) -> str:
        return "_Answer(…)"


class _Held(NamedTuple):
    credentials: Credentials
    expires_at: float


class Container:
    """The credentials of one client, kept until shortly before they expire; for any number of threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._held: _Held | None = None
        self._lock = Lock()  # whoever comes while they are fetched waits for those

    def credentials(self, now: float) -> Credentials:
        """Return credentials that are good at `now` (epoch seconds); AwsUnavailable where none are to be had.

        What still lasts a while is good enough where new ones cannot be had.
        """
        held = self._held
        if held and now < held.expires_at - _RENEWED_BEFORE:
            return held.credentials
        with self._lock:
            if self._held is held:
                self._held = self._renewed(held, now)
            return self._good(now)

    def _renewed(self, held: _Held | None, now: float) -> _Held:
        try:
            return _fetched(self._environment)
        except AwsUnavailable:
            if held and now < held.expires_at:
                return held
            raise

    def _good(self, now: float) -> Credentials:
        if self._held is None or now >= self._held.expires_at:
            raise AwsUnavailable("ExpiredCredentials")
        return self._held.credentials


def _fetched(environment: Mapping[str, str]) -> _Held:
    try:
        status, body = _asked(environment.get(_ADDRESS, ""), _headers(environment))
    except (OSError, HTTPException, ValueError):
        raise AwsUnavailable("CredentialRetrievalError") from None
    if status != 200:
        raise AwsUnavailable("CredentialRetrievalError")
    return _parsed(body)


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    token = environment.get(_TOKEN)
    return {"Accept": "application/json"} | ({} if token is None else {"Authorization": token})


def _asked(address: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Get an address of this machine; ValueError for any other: the token would go there in clear text."""
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname or not _is_here(parts.hostname):
        raise ValueError("address")
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=_SECONDS)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers=headers)
        response = connection.getresponse()
        return response.status, response.read(_LONGEST_ANSWER)
    finally:
        connection.close()


def _is_here(host: str) -> bool:
    try:
        return host in _HOSTS or ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(body: bytes) -> _Held:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        expires = datetime.fromisoformat(answer.expiration)
    except (msgspec.DecodeError, ValueError):
        raise AwsUnavailable("CredentialRetrievalError") from None
    if not (answer.access_key_id and answer.secret_access_key) or expires.tzinfo is None:
        raise AwsUnavailable("CredentialRetrievalError")
    return _Held(Credentials(answer.access_key_id, answer.secret_access_key, answer.token), expires.timestamp())
