"""privacyIDEA: its tokens with their seeds, as JSON: a list, or an object with `tokens`, or one token on each line.

A token is what `pi-tokenjanitor find … export` writes (in YAML; as JSON it is the same): `owner` (`login@realm`) or
`user`, `type`, `otpkey` (hexadecimal), `otplen`, `info_list` with `hashlib` and `timeStep`. A user's tokens may stand
anywhere in the file, so it is held as a whole.
"""

import json
from typing import IO, Any

from cli.importing.candidate import Candidate, Reader, Refusal, Seed, Unreadable, WrongFormat
from cli.importing.readers.documents import entries
from cli.importing.seeds import from_hex, seed


def users(source: IO[str]) -> Reader:
    """Yield the owners of the tokens, each once with all of them; a token that cannot be taken refuses its owner."""
    found: dict[str, Candidate] = {}
    refused: dict[str, Refusal] = {}
    for number, entry in enumerate(_tokens(source), start=1):
        owner = _owner(entry) if isinstance(entry, dict) else ""
        if not owner:
            yield Refusal(number, "the token has no owner")
            continue
        try:
            read = _seed(entry)
        except Unreadable as why:
            refused.setdefault(owner, Refusal(number, str(why), owner))
        else:
            known = found.setdefault(owner, Candidate(number, owner))
            found[owner] = known._replace(seeds=(*known.seeds, read))
    yield from sorted(refused.values())
    yield from (each for owner, each in found.items() if owner not in refused)


def _tokens(source: IO[str]) -> list[Any]:
    text = source.read()
    try:
        return entries(json.loads(text), "tokens")
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as wrong:
        raise WrongFormat("This is neither a JSON document nor JSON lines.") from wrong


def _owner(token: dict[str, Any]) -> str:
    user = token.get("user")
    if isinstance(user, dict):
        return str(user.get("login") or user.get("username") or "")
    named = token.get("username") or user
    if named:
        return str(named)
    owner = str(token.get("owner") or "")
    login, _, realm = owner.rpartition("@")
    return login if realm and login else "" if owner == "n/a" else owner


def _seed(token: dict[str, Any]) -> Seed:
    kind = str(token.get("type") or token.get("tokentype") or "").lower()
    if kind != "totp":
        raise Unreadable(f"the token is of the type {kind[:16] or 'unknown'}, not totp")
    info = token.get("info_list") or token.get("info") or token.get("tokeninfo") or {}
    if not isinstance(info, dict):
        raise Unreadable("info_list must be an object")
    parameters = {**info, **token}
    return seed(
        from_hex(str(token.get("otpkey") or "")),
        name=str(token.get("description") or ""),
        algorithm=parameters.get("hashlib"),
        digits=parameters.get("otplen"),
        period=parameters.get("timeStep"),
    )
