"""Keycloak: a realm or users export (`kc.sh export`): users with credentials of the types `password` and `otp`.

Hashes are PBKDF2 (SHA-1, SHA-256, SHA-512) or Argon2id. A TOTP secret stands there as text: its UTF-8 bytes are the
seed, unless `secretEncoding` says that it is Base32.
"""

from typing import IO, Any

from cli.importing.candidate import Candidate, Reader, Refusal, Seed, Unreadable
from cli.importing.hashes import stored_form
from cli.importing.readers.documents import entries, inner, load
from cli.importing.seeds import from_base32, seed

_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


def users(source: IO[str]) -> Reader:
    """Yield the users of an export; service accounts are no users."""
    for number, entry in enumerate(entries(load(source), "users"), start=1):
        if not isinstance(entry, dict):
            yield Refusal(number, "this is no object")
            continue
        if entry.get("serviceAccountClientId"):
            continue
        name = str(entry.get("username") or "")
        try:
            yield _user(number, name, entry)
        except Unreadable as why:
            yield Refusal(number, str(why), name)


def _user(number: int, name: str, entry: dict[str, Any]) -> Candidate:
    credentials = [each for each in entry.get("credentials") or [] if isinstance(each, dict)]
    passwords = [each for each in credentials if each.get("type") == "password"]
    if len(passwords) > 1:
        raise Unreadable("the user has several passwords")
    names = [entry.get("firstName"), entry.get("lastName")]
    return Candidate(
        line=number,
        login_name=name,
        password_hash=_password_hash(passwords[0]) if passwords else None,
        seeds=tuple(_seed(each) for each in credentials if each.get("type") == "otp"),
        email=entry.get("email") or None,
        display_name=" ".join(each for each in names if isinstance(each, str) and each) or None,
        is_disabled=entry.get("enabled") is False,
    )


def _password_hash(credential: dict[str, Any]) -> str | None:
    secret, data = inner(credential.get("secretData")), inner(credential.get("credentialData"))
    algorithm = str(data.get("algorithm"))
    value, salt = str(secret.get("value", "")), str(secret.get("salt", ""))
    if algorithm in _PBKDF2:
        return stored_form(f"pbkdf2-{_PBKDF2[algorithm]}${data.get('hashIterations')}${salt}${value}")
    if algorithm == "argon2":
        return stored_form(_argon2(data, salt, value))
    raise Unreadable(f"the password hash is of a format or cost that is not supported ({algorithm[:24]})")


def _argon2(data: dict[str, Any], salt: str, value: str) -> str:
    more = {name: _first(given) for name, given in (data.get("additionalParameters") or {}).items()}
    if more.get("type", "id") != "id" or more.get("version", "1.3") != "1.3":
        raise Unreadable("the password hash is of another Argon2 than Argon2id 1.3")
    parameters = f"m={more.get('memory')},t={data.get('hashIterations')},p={more.get('parallelism')}"
    return f"$argon2id$v=19${parameters}${salt.rstrip('=')}${value.rstrip('=')}"


def _first(given: object) -> str:
    return str(given[0] if isinstance(given, list) and given else given)


def _seed(credential: dict[str, Any]) -> Seed:
    secret, data = inner(credential.get("secretData")), inner(credential.get("credentialData"))
    if data.get("subType") != "totp":
        raise Unreadable(f"the authenticator is of the type {str(data.get('subType'))[:16]}, not totp")
    text = str(secret.get("value", ""))
    raw = from_base32(text) if data.get("secretEncoding") == "BASE32" else text.encode()
    return seed(
        raw,
        name=str(credential.get("userLabel") or ""),
        algorithm=data.get("algorithm"),
        digits=data.get("digits"),
        period=data.get("period"),
    )
