"""Other systems' password hashes, by the libraries that make them: at the cost of their defaults, and at a low one."""

import base64
import hashlib
import secrets
from collections.abc import Callable

import bcrypt
from argon2 import PasswordHasher
from werkzeug.security import generate_password_hash


class Maker:
    """Makes hashes of one format, and remembers the last one."""

    def __init__(self, make: Callable[[str], str]) -> None:
        self._make = make
        self.last = ""

    def __call__(self, typed: str) -> str:
        """Return a hash with a fresh salt."""
        self.last = self._make(typed)
        return self.last


def _django(iterations: int) -> Maker:
    def make(typed: str) -> str:
        salt = secrets.token_hex(11)
        raw = hashlib.pbkdf2_hmac("sha256", typed.encode(), salt.encode(), iterations)
        return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(raw).decode()}"

    return Maker(make)


def _keycloak(iterations: int) -> Maker:
    def make(typed: str) -> str:
        salt = secrets.token_bytes(16)
        raw = hashlib.pbkdf2_hmac("sha512", typed.encode(), salt, iterations, 64)
        return f"pbkdf2-sha512${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(raw).decode()}"

    return Maker(make)


def _argon2(hasher: PasswordHasher) -> Maker:
    return Maker(lambda typed: f"argon2{hasher.hash(typed)}")


def _bcrypt(rounds: int) -> Maker:
    return Maker(lambda typed: bcrypt.hashpw(typed.encode()[:72], bcrypt.gensalt(rounds)).decode())


def _werkzeug(method: str) -> Maker:
    return Maker(lambda typed: generate_password_hash(typed, method))


FULL = {
    "django": _django(1_000_000),
    "django argon2": _argon2(PasswordHasher(time_cost=2, memory_cost=102_400, parallelism=8)),
    "bcrypt": _bcrypt(12),
    "werkzeug": _werkzeug("scrypt:32768:8:1"),
    "keycloak": _keycloak(210_000),
}
REDUCED = {
    "django": _django(100),
    "django argon2": _argon2(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)),
    "bcrypt": _bcrypt(4),
    "werkzeug": _werkzeug("scrypt:1024:8:1"),
    "keycloak": _keycloak(100),
}
