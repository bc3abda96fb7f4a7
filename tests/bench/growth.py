"""What does not grow: a login, and a page of what an admin looks at, beside more of everything, on DynamoDB Local."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from local.aws_door import AwsDoor
from local.server import Server, bound
from local.template import REGION
from secondstep.store.codec import encode_item
from secondstep.store.layout import summary_key
from tests import dynamodb_local
from tests.attacks import successes
from tests.bench.counts import counted
from tests.bench.moving import command
from tests.bench.seeding import DAYS, Alike, seed
from tests.bench.telling import say
from tests.bench.world import world
from tests.service import ACCOUNT, SOURCE, Person, Service

_ROUNDS, _LOGINS = 30, 100  # the least of them counts: enough that a busy machine leaves some of them alone
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
    server = Server(AwsDoor(), bound(0))
    server.start()
    addresses = {
        "AWS_ENDPOINT_URL": f"http://localhost:{server.port}",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_REGION": REGION,
    }
    try:
        with TemporaryDirectory() as folder:
            seconds, peak_mb = command(addresses, "export", ACCOUNT, Path(folder, "exported.jsonl"), "--json")
    finally:
        server.stop()
    return Exported(number, seconds, peak_mb)


def _by_subscribers(service: Service, number: int) -> Iterator[Growth]:
    admin = successes.admin_token(service)
    for request, send in _pages(service, admin).items():
        yield _measured(service, request, "subscribers", number, send)
    count, anew = _getting(service, "/admin/summary", admin), partial(_forget_the_count, service)
    yield _measured(service, "count, a request's", "subscribers", number, count, before=anew)
    yield _login(service, "subscribers", number, service.bound_person(f"one-of-{number}"))


def _pages(service: Service, admin: str) -> dict[str, Callable[[], None]]:
    """Return the reading of each page of what an admin looks at: at the beginning of the account, and amid it."""
    store, fortnight = service.services.store, service.now() - DAYS * 43_200

    def export() -> None:
        store.directory.subscribers(ACCOUNT, prefix="", after=_MIDDLE, limit=_PAGE)

    return {
        "list, the first page": _getting(service, "/admin/subscribers", admin),
        "list, a page amid": _getting(service, f"/admin/subscribers?prefix={_MIDDLE}", admin),
        "audit, the newest": _getting(service, "/admin/audit", admin),
        "audit, a page amid": _getting(service, f"/admin/audit?to={fortnight}", admin),
        "export, a page amid": export,
    }


def _forget_the_count(service: Service) -> None:
    """Have the summary counted anew; what is counted is kept for a minute."""
    table, key = service.services.settings.state_table, encode_item(summary_key(ACCOUNT))
    service._dynamodb.delete_item(TableName=table, Key=key)


def _by_possessions(service: Service) -> Iterator[Growth]:
    for number in (1, 5):
        yield _login(service, "authenticators", number, service.bound_person(f"a{number}", authenticators=number))
    for number in (0, 5):
        yield _beside_challenges(service, number)
    for number in (1, 10):
        person = service.bound_person(f"s{number}")
        for _ in range(number):
            service.clock.advance(31)
            service.session(person)
        yield _login(service, "sessions", number, person)


def _beside_challenges(service: Service, number: int) -> Growth:
    """Measure a login that opens one more; the oldest of five makes room for it, so another is opened before each."""
    person = service.bound_person(f"c{number}")
    for _ in range(number - 1):
        service.challenge(person)
    again = partial(service.challenge, person) if number else _nothing
    return _login(service, "open challenges", number, person, before=again)


def _nothing() -> None:
    """Do nothing before what is measured."""


def _login(
    service: Service, beside: str, number: int, person: Person, *, before: Callable[[], object] = _nothing
) -> Growth:
    def both() -> None:
        service.clock.advance(31)
        reply = service.verify(service.challenge(person), service.code(person))
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return _measured(service, "login", beside, number, both, before=before, rounds=_LOGINS)


def _getting(service: Service, path: str, token: str) -> Callable[[], None]:
    def get() -> None:
        reply = service.get(path, token=token)
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return get


def _measured(
    service: Service,
    request: str,
    beside: str,
    number: int,
    send: Callable[[], None],
    *,
    before: Callable[[], object] = _nothing,
    rounds: int = _ROUNDS,
) -> Growth:
    service.clock.advance(61)
    service.session(service.bound_person("warm"))  # the policy's new minute begins here, so it is read for nobody else
    before()
    it = counted(service, request, send)
    cpu = [_cpu(send, before) for _ in range(rounds)]
    counts = (len(it.operations), it.read_units, it.write_units, it.bytes_answered)
    return Growth(request, beside, number, *counts, min(cpu), statistics.median(cpu))


def _cpu(act: Callable[[], object], before: Callable[[], object]) -> float:
    before()
    since = time.process_time_ns()
    act()
    return (time.process_time_ns() - since) / 1e6
