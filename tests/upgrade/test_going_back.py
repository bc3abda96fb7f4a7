"""What a later release adds to an item, this one leaves alone: so one deployment back nobody is locked out.

It is also what holds while a deployment runs, when environments of both releases answer side by side.
"""

from typing import Any

import pytest

from secondstep.announcement import announce
from secondstep.store.codec import encode_item
from secondstep.store.layout import account_key
from secondstep.store.stream import appended
from tests.browsing import Browser
from tests.outside import stream_record
from tests.service import ACCOUNT, Person, Service

_LATER = "zz"  # no name of store/layout.py
_ADDED = {"of": "a later release"}


def _with_more(service: Service, item: dict[str, Any], *inner: str) -> None:
    """Write an item with an attribute of a later release, in itself and in each map of these maps."""
    maps = {name: {key: each | {_LATER: _ADDED} for key, each in item[name].items()} for name in inner}
    service.put(item | maps | {_LATER: _ADDED})


def test_a_subscriber_with_more_than_this_release_knows_logs_in_and_keeps_it(
    service: Service, enrolled: Person
) -> None:
    challenge = service.challenge(enrolled)
    _with_more(service, service.item(enrolled), "t", "c")
    assert service.verify(challenge, service.wrong_code(enrolled)).code == "invalid_code"
    assert service.verify(challenge, service.code(enrolled)).status == 200
    item = service.item(enrolled)
    assert item[_LATER] == _ADDED
    assert [each[_LATER] for each in item["t"].values()] == [_ADDED]
    assert [each["outcome"] for each in service.events("verify")] == ["failure", "success"]


def test_a_session_with_more_than_this_release_knows_goes_on_and_keeps_it(service: Service, enrolled: Person) -> None:
    session = service.session(enrolled)
    [item] = service.sessions(enrolled)
    _with_more(service, item)
    assert service.post("/refresh", {"refresh_token": session["refresh_token"]}).status == 200
    assert service.get("/me", token=session["account_token"]).status == 200
    assert [each[_LATER] for each in service.sessions(enrolled)] == [_ADDED]


def test_a_policy_with_a_field_of_a_later_release_is_in_force_without_it(service: Service) -> None:
    fields = {"mfa_required": False, "session_hours": 3, "of_a_later_release": True}
    service.put(account_key(ACCOUNT) | {"policy": fields, "version": 1})
    policy = service.services.store.accounts.stored_policy(ACCOUNT).in_force
    assert (policy.mfa_required, policy.session_hours) == (False, 3)


_LATER_EVENT = "passkey_added"
_LATER_ACTORS = [{"sub": "s", "login_name": "n", "zz": "more"}, {"of_a_later_kind": "who"}]


def _later_event(service: Service, person: Person, **changes: Any) -> dict[str, Any]:
    """Have a subscriber's latest event be one that only a later release writes; return its item."""
    [latest] = service.events("verify")[-1:]
    item = latest | {"event": _LATER_EVENT, "zz": "more", "subject": latest["subject"] | {"zz": "more"}} | changes
    assert latest["subject"]["login_name"] == person.login_name
    service._dynamodb.put_item(TableName=service.services.settings.audit_table, Item=encode_item(item))
    return item


def test_an_event_of_a_later_release_is_listed_by_its_name(service: Service, admin: Person, admin_token: str) -> None:
    _later_event(service, admin)
    for path in ("/admin/audit", "/admin/audit?login_name=boss", f"/admin/audit?event={_LATER_EVENT}", "/me/events"):
        reply = service.get(path, token=admin_token)
        assert (reply.status, [each["event"] for each in reply.body["events"]][:1]) == (200, [_LATER_EVENT]), path
        assert reply.body["events"][0]["subject"] == {"sub": admin.sub, "login_name": "boss"}


def test_the_pages_show_an_event_of_a_later_release(service: Service, admin: Person) -> None:
    browser = Browser(service).log_in(admin)
    _later_event(service, admin)
    for path in ("/ui/admin/audit", "/ui/account"):
        assert browser.get(path).status == 200
        assert _LATER_EVENT in browser.text


@pytest.mark.parametrize("actor", _LATER_ACTORS)
def test_an_actor_of_a_later_release_is_shown_as_far_as_it_is_known(
    service: Service, admin: Person, admin_token: str, actor: dict[str, str]
) -> None:
    _later_event(service, admin, actor=actor)
    reply = service.get("/admin/audit", token=admin_token)
    assert reply.status == 200
    assert reply.body["events"][0]["actor"] == ({"sub": "s", "login_name": "n"} if "sub" in actor else None)


def test_an_event_of_a_later_release_does_not_hold_up_the_bus(
    service: Service, admin: Person, admin_token: str
) -> None:
    item = _later_event(service, admin)
    event = appended(stream_record(item, 1))
    assert event is not None
    assert announce(event).event == _LATER_EVENT
