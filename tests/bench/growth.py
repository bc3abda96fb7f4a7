"""What does not grow: a login, and a page of the admin's views, beside more of everything, on DynamoDB Local."""

import base64
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from secondstep.store.codec import encode_item
from secondstep.store.layout import subscriber_item
from secondstep.subscriber import Enrollment, Identity, Role, Status, Subscriber, new_epoch, new_id
from tests import dynamodb_local
from tests.attacks import successes
from tests.bench.counts import counted
from tests.bench.world import world
from tests.service import ACCOUNT, Person, Service

_ROUNDS = 15
_BATCH = 25
_WRITERS = 4
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=x",
}


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


def growth(subscribers: tuple[int, ...]) -> list[Growth]:
    """Measure beside more and more subscribers (ascending), authenticators, open challenges and sessions."""
    with dynamodb_local.dynamodb_local() as endpoint, world(dynamodb_endpoint=endpoint, cheap_hash=True) as made:
        return [*_by_subscribers(made.service, endpoint, subscribers), *_by_possessions(made.service)]


def _by_subscribers(service: Service, endpoint: str, numbers: tuple[int, ...]) -> Iterator[Growth]:
    present = 0
    for number in numbers:
        _fill(service, endpoint, number - present)
        present = number
        admin = successes.admin_token(service)
        for path in ("/admin/subscribers", "/admin/audit"):
            yield _measured(service, f"GET {path}", "subscribers", number, _getting(service, path, admin))
        yield _login(service, "subscribers", number, service.bound_person(f"one-of-{number}"))


def _by_possessions(service: Service) -> Iterator[Growth]:
    for number in (1, 5):
        yield _login(service, "authenticators", number, service.bound_person(f"a{number}", authenticators=number))
    for number in (0, 4):
        person = service.bound_person(f"c{number}")
        for _ in range(number):
            service.challenge(person)
        yield _login(service, "open challenges", number, person)
    for number in (1, 10):
        person = service.bound_person(f"s{number}")
        for _ in range(number):
            service.clock.advance(31)
            service.session(person)
        yield _login(service, "sessions", number, person)


def _login(service: Service, beside: str, number: int, person: Person) -> Growth:
    def both() -> None:
        service.clock.advance(31)
        reply = service.verify(service.challenge(person), service.code(person))
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return _measured(service, "login", beside, number, both)


def _getting(service: Service, path: str, token: str) -> Callable[[], None]:
    def get() -> None:
        reply = service.get(path, token=token)
        if reply.status != 200:
            raise RuntimeError(str(reply.body))

    return get


def _measured(service: Service, request: str, beside: str, number: int, send: Callable[[], None]) -> Growth:
    service.clock.advance(61)
    service.session(
        service.bound_person("warm")
    )  # a new minute of the policy begins here, so it is read for nobody else
    it = counted(service, request, send)
    cpu = min(_cpu(send) for _ in range(_ROUNDS))
    return Growth(request, beside, number, len(it.operations), it.read_units, it.write_units, it.bytes_answered, cpu)


def _cpu(act: Callable[[], object]) -> float:
    before = time.process_time_ns()
    act()
    return (time.process_time_ns() - before) / 1e6


def _fill(service: Service, endpoint: str, count: int) -> None:
    """Write subscribers as fast as DynamoDB Local takes them: unsigned, for it looks at no signature."""
    table, now = service.services.settings.state_table, service.now()
    sizes = [min(_BATCH, count - first) for first in range(0, count, _BATCH)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        shares = [sizes[each::_WRITERS] for each in range(_WRITERS)]
        list(pool.map(lambda share: _write(endpoint, table, now, share), shares))


def _write(endpoint: str, table: str, now: int, sizes: list[int]) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    for size in sizes:
        items = [{"PutRequest": {"Item": _filler(now)}} for _ in range(size)]
        connection.request("POST", "/", json.dumps({"RequestItems": {table: items}}, default=_base64), _HEADERS)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200 or said.get("UnprocessedItems"):
            raise RuntimeError(f"{answer.status} {said}")
    connection.close()


def _filler(now: int) -> dict[str, Any]:
    record = Subscriber(
        account=ACCOUNT,
        login_name=Identity(ACCOUNT, secrets.token_hex(8)).login_name,
        sub=new_id(),
        role=Role.AGENT,
        status=Status.ACTIVE,
        enrollment=Enrollment.OPEN,
        epoch=new_epoch(),
        created_at=now,
    )
    return encode_item(subscriber_item(record))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
