"""The import itself: a window of lines at a time, each user one transaction, nothing held but what is in flight.

A user whose line is refused leaves nothing behind. Users that exist are listed and not touched, so an import that was
interrupted is simply run again.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

from cli.importing.candidate import Refusal, Unreadable, WrongFormat
from cli.importing.patience import patiently
from cli.importing.report import Report
from secondstep.authenticators.password import Schemes
from secondstep.authenticators.totp import Secret
from secondstep.aws import AwsError, AwsUnavailable
from secondstep.errors import Unavailable
from secondstep.store import Store
from secondstep.store.administration import AlreadyExists
from secondstep.store.imports import SeedTaken, fingerprint
from secondstep.subscriber import Identity

_WORKERS = 8
_WINDOW = 4 * _WORKERS
_MOST_SCHEMES = 32  # each costs every login of the account an HMAC, and a part of an item

NAME_EXISTS = "the name exists"
SEED_EXISTS = "the seed is somebody's already: an authenticator belongs to one person"


class Entry(Protocol):
    """One user of a file, of whichever format, on its way into the account."""

    @property
    def line(self) -> int:
        """Return the line it stands on."""
        ...

    @property
    def identity(self) -> Identity:
        """Return the canonical name in the account."""
        ...

    @property
    def scheme(self) -> str | None:
        """Return the scheme of its password hash, if another system made that."""
        ...

    @property
    def secrets(self) -> list[Secret]:
        """Return its TOTP seeds, as far as they stand in the file in clear."""
        ...

    @property
    def has_authenticator(self) -> bool:
        """Tell whether it brings an authenticator."""
        ...

    @property
    def has_password(self) -> bool:
        """Tell whether it brings a password."""
        ...

    def write(self, schemes: Schemes) -> None:
        """Seal the seeds and make the subscriber; AlreadyExists, SeedTaken, Unreadable where that cannot be."""
        ...


class Outcome(NamedTuple):
    """What became of one line: `refusal` is None where it was imported, or would be."""

    entry: Entry | None
    refusal: Refusal | None


class Importer:
    """Takes entries in, in order; `dry_run` looks at everything and writes nothing."""

    def __init__(self, account: str, store: Store, *, dry_run: bool) -> None:
        self._account = account
        self._store = store
        self._dry_run = dry_run
        self._schemes = store.imports.schemes(account)
        self._names: dict[bytes, int] = {}
        self._seeds: dict[bytes, int] = {}

    def run(self, entries: Iterable[Entry | Refusal], report: Report, tell: Callable[[], object]) -> None:
        """Fill the report; `tell` is called after each line. A fault of AWS ends it: `report.stopped` says where."""
        for outcome in self._outcomes(entries, report):
            if outcome.refusal:
                report.refused.append(outcome.refusal)
            elif outcome.entry:
                report.imported += 1
                report.with_authenticator += outcome.entry.has_authenticator
                report.without_password += not outcome.entry.has_password
            tell()

    def _outcomes(self, entries: Iterable[Entry | Refusal], report: Report) -> Iterator[Outcome]:
        """Yield an outcome for each line, in order, from a window of lines that are in flight."""
        flying: deque[tuple[int, Future[Outcome]]] = deque()
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="import") as pool:
            for entry in self._met_until_broken(entries, report):
                flying.append((entry.line, pool.submit(self._judged, entry)))
                if len(flying) >= _WINDOW:
                    yield from _landed(flying.popleft(), report)
                if report.stopped:
                    break
            while flying:
                yield from _landed(flying.popleft(), report)

    def _met_until_broken(self, entries: Iterable[Entry | Refusal], report: Report) -> Iterator[Entry | Refusal]:
        """Yield the lines until the file cannot be read any further; what is in flight then still lands."""
        try:
            yield from map(self._met, entries)
        except (WrongFormat, UnicodeDecodeError) as broken:
            report.stopped = told(broken)
        except Unavailable:
            report.stopped = "AWS did not answer."

    def _met(self, entry: Entry | Refusal) -> Entry | Refusal:
        """Return the entry, or why this file has it twice; have its scheme known before anybody is made with it."""
        if isinstance(entry, Refusal):
            return entry
        twice = self._twice(entry)
        if twice:
            return Refusal(entry.line, twice, entry.identity.login_name)
        wanted = frozenset({entry.scheme} if entry.scheme else ())
        if len(self._schemes.foreign | wanted) > _MOST_SCHEMES:
            reason = f"the account has password hashes of {_MOST_SCHEMES} kinds and costs already"
            return Refusal(entry.line, reason, entry.identity.login_name)
        if not wanted <= self._schemes.foreign or not self._schemes.key:
            self._announce(wanted)
        return entry

    def _announce(self, wanted: frozenset[str]) -> None:
        if self._dry_run:
            self._schemes = Schemes(self._schemes.key, self._schemes.foreign | wanted)
        else:
            self._schemes = patiently(lambda: self._store.imports.announce(self._account, wanted))

    def _twice(self, entry: Entry) -> str | None:
        """Remember names and seeds by a part of their hash: a million lines take 100 MB."""
        name = bytes.fromhex(entry.identity.hash)
        seeds = [hashlib.sha256(each.raw).digest()[:16] for each in entry.secrets]
        if name in self._names:
            return f"the name stands on line {self._names[name]} already"
        if len(set(seeds)) < len(seeds):
            return "the user has the same seed twice"
        for seed in seeds:
            if seed in self._seeds:
                return f"the seed stands on line {self._seeds[seed]} already: an authenticator belongs to one person"
        self._names[name] = entry.line
        self._seeds |= dict.fromkeys(seeds, entry.line)
        return None

    def _judged(self, entry: Entry | Refusal) -> Outcome:
        if isinstance(entry, Refusal):
            return Outcome(None, entry)
        try:
            reason = patiently(lambda: self._reason_against(entry))
            if reason is None and not self._dry_run:
                entry.write(self._schemes)
        except AlreadyExists:
            reason = NAME_EXISTS
        except SeedTaken:
            reason = SEED_EXISTS
        except Unreadable as why:
            reason = str(why)
        refusal = Refusal(entry.line, reason, entry.identity.login_name) if reason else None
        return Outcome(entry, refusal)

    def _reason_against(self, entry: Entry) -> str | None:
        """Look first, so that neither a dry run nor a second run seals anything for a user who is there."""
        if self._store.subscribers.read(entry.identity.hash) is not None:
            return NAME_EXISTS
        for each in entry.secrets:
            if self._store.imports.is_taken(self._account, fingerprint(each, self._schemes)):
                return SEED_EXISTS
        return None


def told(broken: WrongFormat | UnicodeDecodeError) -> str:
    """Return why a file cannot be read, as a sentence."""
    return str(broken) if isinstance(broken, WrongFormat) else "The file is not UTF-8."


def _landed(flying: tuple[int, Future[Outcome]], report: Report) -> Iterator[Outcome]:
    line, future = flying
    try:
        yield future.result()
    except (Unavailable, AwsUnavailable):
        report.stopped = report.stopped or f"AWS did not answer for line {line}."
    except AwsError as refused:
        report.stopped = report.stopped or f"AWS refused line {line}: {refused}."
