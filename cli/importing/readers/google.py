"""Google Authenticator's export: `otpauth-migration://offline?data=…`, one QR code's text on each line.

The payload is a Protocol Buffers message of two levels and three wire types; the few lines below read it, a library
and a compiled schema would be more to keep. Field numbers:
payload: 1 otp_parameters · 3 batch_size · 4 batch_index · 5 batch_id
otp_parameters: 1 secret · 2 name · 3 issuer · 4 algorithm · 5 digits · 6 type · 7 counter
"""

import base64
import binascii
from collections.abc import Iterator
from typing import IO
from urllib.parse import parse_qs, urlsplit

from cli.importing.candidate import Candidate, Read, Reader, Refusal, Seed, Unreadable
from cli.importing.seeds import account_of, seed

_LONGEST_LINE = 64 * 1024
_PARAMETERS, _SECRET, _NAME, _ALGORITHM, _DIGITS, _TYPE = 1, 1, 2, 4, 5, 6
_ALGORITHMS = {0: "SHA1", 1: "SHA1", 2: "SHA256", 3: "SHA512", 4: "MD5"}
_DIGIT_COUNTS = {0: 6, 1: 6, 2: 8}
_TYPES = {1: "hotp", 2: "totp"}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

type Field = int | bytes


def users(source: IO[str]) -> Reader:
    """Yield one user for each entry of each code; the login name is the entry's name behind the issuer."""
    line = 0
    while text := source.readline(_LONGEST_LINE):
        line += 1
        if text.strip():
            yield from _entries(line, text.strip())


def _entries(line: int, uri: str) -> Iterator[Read]:
    try:
        payload = list(fields(_payload(uri)))
    except Unreadable as why:
        yield Refusal(line, str(why))
        return
    for number, value in payload:
        if number == _PARAMETERS and isinstance(value, bytes):
            yield _entry(line, value)


def _entry(line: int, message: bytes) -> Read:
    name = ""
    try:
        held = dict(fields(message))
        name = account_of(_bytes(held.get(_NAME, b"")).decode())
        return Candidate(line, name, seeds=(_seed(held),))
    except Unreadable as why:
        return Refusal(line, str(why), name)
    except UnicodeDecodeError:
        return Refusal(line, "the name is not UTF-8")


def _seed(held: dict[int, Field]) -> Seed:
    kind = _TYPES.get(_integer(held.get(_TYPE, 0)), "unknown")
    if kind != "totp":
        raise Unreadable(f"the authenticator is of the type {kind}, not totp")
    algorithm = _ALGORITHMS.get(_integer(held.get(_ALGORITHM, 0)), "an unknown algorithm")
    digits = _DIGIT_COUNTS.get(_integer(held.get(_DIGITS, 0)), 0)
    return seed(_bytes(held.get(_SECRET, b"")), algorithm=algorithm, digits=digits)


def _payload(uri: str) -> bytes:
    parts = urlsplit(uri)
    if parts.scheme.lower() != "otpauth-migration":
        raise Unreadable("this is no otpauth-migration:// URI")
    data = (parse_qs(parts.query).get("data") or [""])[-1].replace(" ", "+")
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except binascii.Error as wrong:
        raise Unreadable("the payload is not Base64") from wrong


def fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """Yield the fields of a Protocol Buffers message: numbers as integers, texts and messages as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        length, at = {_FIXED64: (8, at), _FIXED32: (4, at)}.get(wire) or _length(message, at, wire)
        if at + length > len(message):
            raise Unreadable("the payload is cut short")
        yield number, message[at : at + length]
        at += length


def _length(message: bytes, at: int, wire: int) -> tuple[int, int]:
    if wire != _BYTES:
        raise Unreadable("the payload is no message of this kind")
    return _varint(message, at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise Unreadable("the payload is cut short")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise Unreadable("the payload is no message of this kind")


def _bytes(value: Field) -> bytes:
    if not isinstance(value, bytes):
        raise Unreadable("the payload is no message of this kind")
    return value


def _integer(value: Field) -> int:
    if not isinstance(value, int):
        raise Unreadable("the payload is no message of this kind")
    return value
