"""What the benchmark fills its tables with is what the product would have left there, and the product works with it."""

import os
from collections.abc import Iterator

import pytest

from local.aws_door import AwsDoor
from local.server import Server, bound
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.layout import event_item, event_record, subscriber_item, subscriber_record
from tests.bench.seeding import Alike, seed, subscribers
from tests.service import ACCOUNT, SOURCE, Person, Service
from tests.units import size_of_item

_COUNT = 30  # more than one BatchWriteItem takes of any writer


@pytest.fixture
def alike(service: Service, enrolled: Person) -> Alike:
    """Return what seeded subscribers have in common with one who has enrolled."""
    record = service.record(enrolled)
    [authenticator] = record.authenticators.values()
    return Alike(ACCOUNT, str(record.password_hash), authenticator.sealed_secret, service.now(), SOURCE)


@pytest.fixture
def endpoint(service: Service) -> Iterator[str]:
    """Return where the service's DynamoDB is reached over HTTP: the local cloud's, or DynamoDB Local."""
    if local := os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
        yield local
        return
    server = Server(AwsDoor(), bound(0))
    server.start()
    yield f"http://localhost:{server.port}"
    server.stop()


def test_what_is_seeded_is_read_back_by_the_products_own_decoders(alike: Alike) -> None:
    for subscriber, event in subscribers(alike, 5):
        assert subscriber_record(decode_item(encode_item(subscriber_item(subscriber)))) == subscriber
        assert event_record(decode_item(encode_item(event_item(event)))) == event


def test_a_seeded_subscriber_is_as_large_as_one_who_enrolled_and_logged_in(service: Service, alike: Alike) -> None:
    agent = service.person("sixteen-or-so-ch")
    _, secret = service.bind(agent)
    service.clock.advance(31)
    service.session(agent._replace(secret=secret))
    made, [event] = service.item(agent), service.events("verify")
    [(seeded, seeded_event)] = subscribers(alike, 1)
    assert encode_item(subscriber_item(seeded)).keys() == made.keys()
    assert encode_item(event_item(seeded_event)).keys() == event.keys()
    ours, theirs = size_of_item(encode_item(subscriber_item(seeded))), size_of_item(encode_item(made))
    assert abs(ours - theirs) < 20, (ours, theirs)
    assert abs(size_of_item(encode_item(event_item(seeded_event))) - size_of_item(encode_item(event))) < 20


def test_the_service_lists_audits_and_asks_seeded_subscribers_for_a_code(
    service: Service, alike: Alike, endpoint: str, admin_token: str
) -> None:
    before = {event["sk"] for event in service.events()}
    seed(endpoint, service.services.settings, alike, _COUNT)
    [page] = service.services.store.directory.pages(ACCOUNT)
    seeded = [each for each in page.entries if each.password_hash == alike.password_hash and len(each.login_name) == 16]
    assert len({each.login_name for each in seeded}) == _COUNT
    shown = service.get("/admin/audit?event=verify&limit=100", token=admin_token).body["events"]
    assert {each.login_name for each in seeded} <= {each["subject"]["login_name"] for each in shown}
    assert len(service.events()) == len(before) + _COUNT
    reply = service.log_in(Person(seeded[0].identity, seeded[0].sub, None, []))  # type: ignore[arg-type]
    assert (reply.status, reply.body["next"]) == (200, "verify")
