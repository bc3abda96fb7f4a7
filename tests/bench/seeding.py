"""Fill the tables of DynamoDB Local with subscribers as a deployment has them, as fast as it takes them.

Each has a password, a bound authenticator, ten recovery codes and the event of the last login: two items, and each its
entry in the account's index. They are the product's own records in the product's own layout. What nobody looks into is
the same for all: the password's hash, and the ciphertext, which is a real one of somebody else and so opens for nobody.
DynamoDB Local looks at no signature, so nothing is signed.
"""

import base64
import http.client
import json
import random
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from secondstep.audit import Event, EventName, Outcome, event_about
from secondstep.authenticators.recovery_codes import CODES_IN_A_SET
from secondstep.context import RequestContext
from secondstep.settings import Settings
from secondstep.store.codec import encode_item
from secondstep.store.layout import event_item, subscriber_item
from secondstep.subscriber import Authenticator, Enrollment, Role, Status, Subscriber, new_epoch, new_id

_CALL = 25 // 2  # BatchWriteItem takes 25 items
_WRITERS = 4
DAYS = 30
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=x",
}


class Alike(NamedTuple):
    """What all seeded subscribers have in common; `now` in epoch seconds."""

    account: str
    password_hash: str
    sealed_secret: bytes
    now: int
    source: str


def seed(endpoint: str, settings: Settings, alike: Alike, count: int) -> None:
    """Write so many further subscribers and their events; RuntimeError where DynamoDB Local takes one of them not."""
    shares = [count // _WRITERS + (number < count % _WRITERS) for number in range(_WRITERS)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda share: _write(endpoint, settings, alike, share), shares))


def subscribers(alike: Alike, count: int) -> Iterator[tuple[Subscriber, Event]]:
    """Yield subscribers who have logged in within a month, each with the event of that login."""
    for _ in range(count):
        used_at = alike.now - random.randrange(60, DAYS * 86_400)
        subscriber = _subscriber(alike, used_at)
        [authenticator] = subscriber.authenticators
        context, detail = _context(alike, used_at), {"authenticator": authenticator}
        yield subscriber, event_about(subscriber, EventName.VERIFY, Outcome.SUCCESS, context, detail=detail)


def _subscriber(alike: Alike, used_at: int) -> Subscriber:
    bound = Authenticator(
        id=new_id(),
        name="Authenticator",
        sealed_secret=alike.sealed_secret,
        created_at=used_at,
        last_step=used_at // 30,
        last_used_at=used_at,
    )
    return Subscriber(
        account=alike.account,
        login_name=secrets.token_hex(8),
        sub=new_id(),
        role=Role.AGENT,
        status=Status.ACTIVE,
        enrollment=Enrollment.BOUND,
        password_hash=alike.password_hash,
        epoch=new_epoch(),
        created_at=used_at,
        authenticators={bound.id: bound},
        recovery_codes=frozenset(secrets.token_bytes(16) for _ in range(CODES_IN_A_SET)),
        last_login_at=used_at,
    )


def _context(alike: Alike, at: int) -> RequestContext:
    milliseconds = at * 1000 + random.randrange(1000)
    return RequestContext(
        now=at,
        milliseconds=milliseconds,
        source=alike.source,
        charged_address=None,
        request_id=secrets.token_hex(18),
        issuer="",
    )


def _write(endpoint: str, settings: Settings, alike: Alike, count: int) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    for pairs in batched(subscribers(alike, count), _CALL, strict=False):
        items = {
            settings.state_table: [_put(subscriber_item(subscriber)) for subscriber, _ in pairs],
            settings.audit_table: [_put(event_item(event)) for _, event in pairs],
        }
        connection.request("POST", "/", json.dumps({"RequestItems": items}, default=_base64), _HEADERS)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200 or said.get("UnprocessedItems"):
            raise RuntimeError(f"{answer.status} {said}")
    connection.close()


def _put(item: dict[str, Any]) -> dict[str, Any]:
    return {"PutRequest": {"Item": encode_item(item)}}


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
