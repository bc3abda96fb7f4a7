"""Users as JSON lines or CSV with the obvious columns, whatever system they come from.

`login_name` (or `username`), `password_hash` (or `password`), `otpauth` (a URI, or a list of them), `secret` (Base32),
`email`, `display_name`, `locale`, `active`.
"""

from typing import IO

from cli.importing.candidate import Candidate, Reader, Seed, Unreadable
from cli.importing.hashes import stored_form
from cli.importing.readers.lines import Record, name_in, read, text_in, truth_in
from cli.importing.seeds import from_base32, from_uri, seed


def users(source: IO[str]) -> Reader:
    """Yield the users of a file."""
    return read(source, _user)


def _user(line: int, record: Record) -> Candidate:
    return Candidate(
        line=line,
        login_name=name_in(record),
        password_hash=stored_form(text_in(record, "password_hash", "password")),
        seeds=tuple(_seeds(record)),
        email=text_in(record, "email"),
        display_name=text_in(record, "display_name"),
        locale=text_in(record, "locale"),
        is_disabled=not truth_in(record, "active", default=True),
    )


def _seeds(record: Record) -> list[Seed]:
    given = record.get("otpauth") or []
    uris = given if isinstance(given, list) else [given]
    if not all(isinstance(uri, str) for uri in uris):
        raise Unreadable("otpauth must be a URI or a list of URIs")
    found = [from_uri(uri)[1] for uri in uris]
    secret = text_in(record, "secret")
    if secret:
        algorithm, digits, period = (record.get(name) for name in ("algorithm", "digits", "period"))
        found.append(seed(from_base32(secret), algorithm=algorithm, digits=digits, period=period))
    return found
