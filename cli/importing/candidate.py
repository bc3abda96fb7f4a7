"""What a reader makes of one user of a file, whatever system wrote it."""

from collections.abc import Iterator
from typing import NamedTuple

from secondstep.authenticators.totp import Secret


class Seed(NamedTuple):
    """A TOTP seed of SHA-1, six digits and 30 seconds, and what its owner calls the authenticator."""

    secret: Secret
    name: str = ""


class Candidate(NamedTuple):
    """A user as a file names it; nothing is checked yet but the shape of what was read.

    `line` counts the lines of a file, or the entries of a document, from 1.
    """

    line: int
    login_name: str
    password_hash: str | None = None
    seeds: tuple[Seed, ...] = ()
    email: str | None = None
    display_name: str | None = None
    locale: str | None = None
    is_disabled: bool = False

    def __repr__(self) -> str:
        return f"Candidate(line={self.line}, …)"


class Refusal(NamedTuple):
    """A line that is not imported, and why; the reason never holds what is secret."""

    line: int
    reason: str
    login_name: str = ""


type Read = Candidate | Refusal
type Reader = Iterator[Read]


class Unreadable(Exception):
    """A line cannot be imported; the message is the reason."""


class WrongFormat(Exception):
    """The file as a whole is not of the format that was named; the message says what it looks like."""
