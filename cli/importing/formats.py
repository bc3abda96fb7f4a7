"""The formats that can be read, by the name that the operator gives."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import IO

from cli.importing.candidate import Candidate, Reader, Refusal, Seed
from cli.importing.readers import django, google, keycloak, otpauth, privacyidea, rows
from secondstep.errors import InvalidRequest
from secondstep.subscriber import canonical_login_name


class Format(StrEnum):
    """What a file is."""

    DJANGO = "django"
    ROWS = "rows"
    KEYCLOAK = "keycloak"
    PRIVACYIDEA = "privacyidea"
    OTPAUTH = "otpauth"
    GOOGLE = "google"
    SECONDSTEP = "secondstep"


class SeedFormat(StrEnum):
    """What a file of authenticators is, whose users stand in another file."""

    ROWS = "rows"
    PRIVACYIDEA = "privacyidea"
    OTPAUTH = "otpauth"
    GOOGLE = "google"


READERS: dict[str, Callable[[IO[str]], Reader]] = {
    Format.DJANGO: django.users,
    Format.ROWS: rows.users,
    Format.KEYCLOAK: keycloak.users,
    Format.PRIVACYIDEA: privacyidea.users,
    Format.OTPAUTH: otpauth.users,
    Format.GOOGLE: google.users,
}


class Authenticators:
    """Seeds of a second file, by login name; held as a whole, some 200 bytes each."""

    def __init__(self, reads: Reader) -> None:
        self.refused: list[Refusal] = []
        self._waiting: dict[str, Candidate] = {}
        for each in reads:
            if isinstance(each, Refusal):
                self.refused.append(each)
            else:
                self._add(each)

    def joined(self, users: Reader) -> Reader:
        """Yield the users of the first file, each with its seeds of the second one.

        A user whose authenticator could not be read is refused: who had a second factor never comes in without it.
        """
        unreadable = {_canonical(each.login_name): each.reason for each in self.refused if each.login_name}
        for user in users:
            name = _canonical(user.login_name)
            if isinstance(user, Candidate) and name in unreadable:
                yield Refusal(user.line, f"its authenticator cannot be imported: {unreadable[name]}", user.login_name)
            elif isinstance(user, Candidate) and name in self._waiting:
                yield user._replace(seeds=(*user.seeds, *self._waiting.pop(name).seeds))
            else:
                yield user

    def left_over(self) -> Iterator[Refusal]:
        """Yield what nobody in the first file owned."""
        for each in self._waiting.values():
            yield Refusal(each.line, "there is no such user in the file of users", each.login_name)

    def _add(self, each: Candidate) -> None:
        name = _canonical(each.login_name)
        seeds: tuple[Seed, ...] = self._waiting[name].seeds if name in self._waiting else ()
        self._waiting[name] = each._replace(seeds=(*seeds, *each.seeds))


def _canonical(login_name: str) -> str:
    try:
        return canonical_login_name(login_name)
    except InvalidRequest:
        return login_name
