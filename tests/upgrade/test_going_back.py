"""What a later release adds to an item, this one leaves alone: so one deployment back nobody is locked out.

It is also what holds while a deployment runs, when environments of both releases answer side by side.
"""

from typing import Any

from secondstep.store.layout import account_key
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
