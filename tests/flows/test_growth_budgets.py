"""A login and a page of what an admin looks at make the same calls in an account of a few and in one of many."""

from collections.abc import Callable

import pytest

from cli.importing.exporting import everybody
from secondstep.store.codec import encode_item
from secondstep.store.layout import event_item, subscriber_item
from tests.bench.seeding import Alike, subscribers
from tests.service import ACCOUNT, SOURCE, Person, Service

_FULL_PAGE, _MANY = 100, 330
_AMID = "8"  # the names of the crowd are random hex

PAGES = (
    "/admin/subscribers?limit=20",
    f"/admin/subscribers?limit=20&prefix={_AMID}",
    "/admin/audit",
    "/admin/audit?event=verify&limit=10",
)


def crowd(service: Service, like: Person, count: int) -> None:
    """Write further subscribers, each with the event of a login."""
    record, table = service.record(like), service.services.settings.audit_table
    [authenticator] = record.authenticators.values()
    alike = Alike(ACCOUNT, str(record.password_hash), authenticator.sealed_secret, service.now(), SOURCE)
    for subscriber, event in subscribers(alike, count):
        service.put(subscriber_item(subscriber))
        service._dynamodb.put_item(TableName=table, Item=encode_item(event_item(event)))


def calls(service: Service, act: Callable[[], object]) -> list[str]:
    """Return the calls of an act, in a warm environment."""
    service.session(service.bound_person("warm"))
    service.recorder.clear()
    act()
    return sorted([*service.recorder.dynamodb, *service.recorder.kms])


@pytest.mark.parametrize("path", PAGES)
def test_a_page_makes_the_same_calls_however_many_there_are(
    service: Service, enrolled: Person, admin_token: str, path: str
) -> None:
    def look() -> None:
        assert service.get(path, token=admin_token).status == 200

    service.person(_AMID)
    crowd(service, enrolled, _FULL_PAGE)
    few = calls(service, look)
    crowd(service, enrolled, _MANY)
    assert calls(service, look) == few


def test_a_login_makes_the_same_calls_however_many_there_are(service: Service, enrolled: Person) -> None:
    few = calls(service, lambda: service.session(enrolled))
    crowd(service, enrolled, _MANY)
    service.clock.advance(31)
    assert calls(service, lambda: service.session(enrolled)) == few


def test_an_export_reads_two_calls_for_a_hundred(service: Service, enrolled: Person) -> None:
    crowd(service, enrolled, _MANY)
    service.recorder.clear()
    assert len(list(everybody(service.services.store, ACCOUNT))) == _MANY + 1
    assert sorted(service.recorder.dynamodb) == ["batch_get_item"] * 4 + ["query"] * 4
