"""What does not grow: a login, and a page of what an admin looks at, beside more of everything, on DynamoDB Local."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from secondstep.store.codec import encode_item
from secondstep.store.layout import summary_key
from tests import dynamodb_local
from tests.attacks import successes
from tests.bench.counts import counted
from tests.bench.moving import addresses_of, command
from tests.bench.seeding import DAYS, Alike, seed
from tests.bench.telling import say
from tests.bench.world import world
from tests.service import ACCOUNT, SOURCE, Person, Service

_ROUNDS, _LOGINS, _BURST = 30, 100, 15  # the least counts: enough, and far enough apart, for a busy machine
_PAGE = 100
_MIDDLE = "8"  # the seeded names are random hex


class Growth(NamedTuple):
    """A request beside a number of something: calls, units, bytes, and CPU of this process (ours and the test's)."""

    request: str
    beside: str
    number: int
    calls: int
    read_units: float
    write_units: int
    bytes_answered: int
    cpu_ms: float
    median_ms: float


class Filling(NamedTuple):
    """How long DynamoDB Local took to hold so many subscribers, each with an event, and how busy the machine was."""

    subscribers: int
    seconds: float
    items_per_second: float
    load: float


class Exported(NamedTuple):
    """The operator's export of a whole account: how long it took, and the most memory that the command held."""

    subscribers: int
    seconds: float
    peak_mb: float


class Found(NamedTuple):
    """What was measured; no export where none was asked for."""

    growth: list[Growth]
    filling: list[Filling]
    exports: list[Exported]


def measure(subscribers: tuple[int, ...], *, exporting: bool = False) -> Found:
    """Measure beside more and more subscribers (ascending), authenticators, open challenges and sessions."""
    found = Found([], [], [])
    with dynamodb_local.dynamodb_local() as endpoint, world(dynamodb_endpoint=endpoint, cheap_hash=True) as made:
        alike, present = _alike(made.service), 1
        for number in subscribers:
            say(f"growth: {number:,} subscribers")
            found.filling.append(_filled(made.service, endpoint, alike, present, number))
            present = number
            found.growth.extend(_by_subscribers(made.service, number))
            if exporting:
                found.exports.append(_exported(endpoint, number))
        found.growth.extend(_by_possessions(made.service))
    return found


def _alike(service: Service) -> Alike:
    """Write the first subscriber, and return what the others have in common with it."""
    first = service.record(service.bound_person("first"))
    [authenticator] = first.authenticators.values()
    return Alike(ACCOUNT, str(first.password_hash), authenticator.sealed_secret, service.now(), SOURCE)


def _filled(service: Service, endpoint: str, alike: Alike, present: int, number: int) -> Filling:
    since = time.perf_counter()
    seed(endpoint, service.services.settings, alike, number - present)
    seconds = time.perf_counter() - since
    return Filling(number, seconds, 2 * (number - present) / seconds, os.getloadavg()[0])


def _exported(endpoint: str, number: int) -> Exported:
    with addresses_of(endpoint) as addresses, TemporaryDirectory() as folder:
        seconds, peak_mb = command(addresses, "export", ACCOUNT, Path(folder, "exported.jsonl"), "--json")
    return Exported(number, seconds, peak_mb)


def _nothing() -> None:
    """Do nothing before what is measured."""


class _Timed:
    """A row while it is measured: what it asks is counted once, its CPU is taken in rounds.

    `after` puts things back for the next round, and is no part of it.
    """

    def __init__(
        self,
        service: Service,
        row: tuple[str, str, int],
        send: Callable[[], object],
        after: Callable[[], object] = _nothing,
    ) -> None:
        self._row, self._send, self._after = row, send, after
        self._cpu: list[float] = []
        service.clock.advance(61)
        service.session(service.bound_person("warm"))  # the policy's new minute: it is read for nobody else
        self._count = counted(service, row[0], send)
        after()

    def time(self, rounds: int = 1) -> None:
        """Take the CPU of some rounds more."""
        for _ in range(rounds):
            since = time.process_time_ns()
            self._send()
            self._cpu.append((time.process_time_ns() - since) / 1e6)
            self._after()

    @property
    def growth(self) -> Growth:
        """Return what was found."""
        it = self._count
        return Growth(
            *self._row,
            len(it.operations),
            it.read_units,
            it.write_units,
            it.bytes_answered,
            min(self._cpu),
            statistics.median(self._cpu),
        )


def _by_subscribers(service: Service, number: int) -> Iterator[Growth]:
    """Measure each page, and a login in bursts between them: a machine that is busy for a while does not meet all."""
    person, step = service.bound_person(f"one-of-{number}"), partial(service.clock.advance, 31)
    login = _Timed(service, ("login", "subscribers", number), _both(service, person), after=step)
    for request, (path, after) in _pages(service).items():
        send = _getting(service, path) if path else _exporting(service)
        page = _Timed(service, (request, "subscribers", number), send, after)
        page.time(_ROUNDS)
        login.time(_BURST)
        yield page.growth
    yield login.growth


def _pages(service: Service) -> dict[str, tuple[str, Callable[[], object]]]:
    """Return the pages of what an admin looks at, of the beginning and amid, and what puts things back after each."""
    fortnight = service.now() - DAYS * 43_200
    return {
        "list, the first page": ("/admin/subscribers", _nothing),
        "list, a page amid": (f"/admin/subscribers?prefix={_MIDDLE}", _nothing),
        "audit, the newest": ("/admin/audit", _nothing),
        "audit, a page amid": (f"/admin/audit?to={fortnight}", _nothing),
        "export, a page amid": ("", _nothing),
        "count, a request's": ("/admin/summary", partial(_forget_the_count, service)),
    }


def _forget_the_count(service: Service) -> None:
    """Have the summary counted anew; what is counted is kept for a minute."""
    table, key = service.services.settings.state_table, encode_item(summary_key(ACCOUNT))
    service._dynamodb.delete_item(TableName=table, Key=key)


def _by_possessions(service: Service) -> list[Growth]:
    """Measure logins beside what their owners have, in turns: what else the machine does meets them alike."""
    rows = []
    for number in (1, 5):
        person = service.bound_person(f"a{number}", authenticators=number)
        rows.append(_Timed(service, ("login", "authenticators", number), _both(service, person)))
    rows += [_beside_challenges(service, number) for number in (0, 5)]
    for number in (1, 10):
        person = service.bound_person(f"s{number}")
        for _ in range(number):
            service.clock.advance(31)
            service.session(person)
        rows.append(_Timed(service, ("login", "sessions", number), _both(service, person)))
    for _ in range(_LOGINS):
        service.clock.advance(31)
        for each in rows:
            each.time()
    return [each.growth for each in rows]


def _beside_challenges(service: Service, number: int) -> _Timed:
    """Return a login that opens one more: the oldest of five makes room for it, so another is opened after each."""
    person = service.bound_person(f"c{number}")
    again = partial(service.challenge, person) if number else _nothing
    for _ in range(number):
        service.challenge(person)
    return _Timed(service, ("login", "open challenges", number), _both(service, person), after=again)


def _both(service: Service, person: Person) -> Callable[[], None]:
    """Return both steps of a login; each wants a time step of its own."""

    def both() -> None:
        reply = service.verify(service.challenge(person), service.code(person))
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return both


def _getting(service: Service, path: str) -> Callable[[], None]:
    token = successes.admin_token(service)

    def get() -> None:
        reply = service.get(path, token=token)
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return get


def _exporting(service: Service) -> Callable[[], object]:
    directory = service.services.store.directory
    return lambda: directory.subscribers(ACCOUNT, prefix="", after=_MIDDLE, limit=_PAGE)
