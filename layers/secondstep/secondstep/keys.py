"""KMS: sealing and opening of TOTP secrets, and the keys that sign tokens.

A sealed secret opens only with its own subscriber's and authenticator's encryption context, so a ciphertext that is
moved elsewhere is of no use. A signing key is opened once per environment and hour; only rotation makes one. Which keys
there are is read once a minute, so a key that is retired in an emergency is of no use anywhere a minute later.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from secondstep import measures
from secondstep.authenticators.totp import Secret
from secondstep.aws import AwsError, AwsUnavailable, Kms
from secondstep.errors import InvalidToken, Unavailable
from secondstep.measures import Measure
from secondstep.session import ACCESS_TOKEN_SECONDS, SigningKey
from secondstep.store.signing_keys import SealedSigningKey, SigningKeys
from secondstep.subscriber import Subscriber, new_id

_APP = "secondstep"
_OPENED_SECONDS = 60 * 60
_KNOWN_SECONDS = 60  # a retired key lives no longer anywhere, and a storm of unknown `kid`s causes no more reads
ANNOUNCED_SECONDS = 24 * 60 * 60  # a key stands in the JWKS a day before it signs
_RSA_BITS = 2048


@contextmanager
def _asking() -> Iterator[None]:
    """Count what KMS did not do. What it may do later is Unavailable; what it never will (denied) stays a defect."""
    try:
        yield
    except AwsError as fault:
        measures.note(Measure.KEY_FAILED)
        if isinstance(fault, AwsUnavailable):
            raise Unavailable from fault
        raise


class SealKey:
    """The KMS key of the TOTP secrets."""

    def __init__(self, client: Kms, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def seal(self, secret: Secret, subscriber: Subscriber, authenticator_id: str) -> bytes:
        """Return the secret as a ciphertext of this subscriber's and authenticator's own (one Encrypt)."""
        with _asking():
            answer = self._client.encrypt(
                KeyId=self._key_id,
                Plaintext=secret.raw,
                EncryptionContext=seal_context(subscriber, authenticator_id),
            )
        return bytes(answer["CiphertextBlob"])

    def open(self, sealed: bytes, subscriber: Subscriber, authenticator_id: str) -> Secret:
        """Return the secret (one Decrypt); a ciphertext of somebody else's is a defect, never a wrong code."""
        with _asking():
            answer = self._client.decrypt(
                KeyId=self._key_id,
                CiphertextBlob=sealed,
                EncryptionContext=seal_context(subscriber, authenticator_id),
            )
        return Secret(bytes(answer["Plaintext"]))


def seal_context(subscriber: Subscriber, authenticator_id: str) -> dict[str, str]:
    """Return the encryption context of a subscriber's sealed secret: elsewhere the ciphertext does not open."""
    return {
        "app": _APP,
        "account": subscriber.account,
        "sub": subscriber.sub,
        "authenticator": authenticator_id,
    }


class Keyring:
    """The signing keys as an environment holds them: read once a minute at most, opened when first signed with."""

    def __init__(self, client: Kms, key_id: str, stored: SigningKeys) -> None:
        self._client = client
        self._key_id = key_id
        self._stored = stored
        self._keys: list[SealedSigningKey] = []
        self._read_at: int | None = None
        self._opened: tuple[int, SigningKey] | None = None

    def signing_key(self, now: int) -> SigningKey:
        """Return the key that signs now: the latest whose time has come and not gone. No key: Unavailable."""
        due = next((key for key in self._current(now) if key.signs_from <= now and not key.is_retired(now)), None)
        if due is None:
            self._read_at = None  # look again at the next request: a deployment's first key may just be made
            raise Unavailable
        if self._opened and self._opened[1].kid == due.kid and 0 <= now - self._opened[0] < _OPENED_SECONDS:
            return self._opened[1]
        self._opened = (now, SigningKey(due.kid, self._open(due)))
        return self._opened[1]

    def public_key(self, kid: str, now: int) -> rsa.RSAPublicKey:
        """Return the public half of a key that may still verify; InvalidToken for an unknown or retired one."""
        known = {key.kid: key for key in self._current(now)}
        if kid not in known or known[kid].is_retired(now):
            raise InvalidToken
        jwk = known[kid].public_jwk
        return rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()

    def published(self, now: int) -> dict[str, Any]:
        """Return the JWKS: the next key a day before it signs, the old one until its last token has expired."""
        return {"keys": [key.public_jwk for key in self._current(now) if not key.is_retired(now)]}

    def _current(self, now: int) -> list[SealedSigningKey]:
        if self._read_at is None or not 0 <= now - self._read_at < _KNOWN_SECONDS:
            self._keys, self._read_at = self._stored.read(), now
        return self._keys

    def _open(self, sealed: SealedSigningKey) -> rsa.RSAPrivateKey:
        with _asking():
            answer = self._client.decrypt(
                KeyId=self._key_id,
                CiphertextBlob=sealed.sealed_private_key,
                EncryptionContext=_signing_context(sealed.kid),
            )
        # Validating an RSA key costs 35 ms of every cold start; KMS has authenticated this one under its own context.
        key = load_der_private_key(bytes(answer["Plaintext"]), password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Unavailable
        return key


class Rotation:
    """Makes signing keys; only the rotation function holds the rights for it."""

    def __init__(self, client: Kms, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def make(self, *, made_at: int, signs_from: int) -> SealedSigningKey:
        """Return a new RSA 2048 pair, its private half sealed under its own `kid` (one Encrypt)."""
        kid, private = new_id(), rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        with _asking():
            answer = self._client.encrypt(KeyId=self._key_id, Plaintext=der, EncryptionContext=_signing_context(kid))
        return SealedSigningKey(
            kid=kid,
            sealed_private_key=bytes(answer["CiphertextBlob"]),
            public_jwk=_jwk(kid, private.public_key()),
            made_at=made_at,
            signs_from=signs_from,
        )


def retires_at(successor_signs_from: int) -> int:
    """Return when a key may leave the JWKS: the last token it signed has expired, in every environment.

    An environment may sign with the old key for an hour after its successor's time, if its clock lags.
    """
    return successor_signs_from + _OPENED_SECONDS + ACCESS_TOKEN_SECONDS


def _signing_context(kid: str) -> dict[str, str]:
    return {"purpose": "signing", "kid": kid}


def _jwk(kid: str, public: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _integer(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
