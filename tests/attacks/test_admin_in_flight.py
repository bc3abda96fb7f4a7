"""Attacks on the admin's writes while they are on their way: the actor changes, the subject changes, others race.

An admin who is one no more when the write arrives has changed nothing, and no outcome is without its record
(promises 4 and 7).
"""

from collections.abc import Callable, Iterator
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from secondstep import contract, http
from secondstep.aws import Answer, AwsUnavailable
from secondstep.contract import Route
from secondstep.store.codec import decode_item
from secondstep.subscriber import Role, Status, new_epoch, new_id
from tests.attacks import admin_requests
from tests.attacks.admin_requests import WRITES, WRITES_ABOUT_ONE, in_flight, name_of, remove, stored
from tests.attacks.raw import assert_is_problem
from tests.recording import Called
from tests.service import Person, Service, race

WITHOUT_EPOCH = (contract.RESET,)  # a reset beats everything in flight, so it asks for no epoch of the subject


@pytest.fixture(autouse=True)
def _no_fault_is_left(service: Service) -> Iterator[None]:
    """Fail a test whose write never came: it would have shown nothing."""
    yield
    assert service.recorder.fault is None


# --- the actor


def _log_out(service: Service, admin: Person) -> None:
    [session] = service.sessions(admin)
    remove(service, session)


ACTORS: dict[str, Callable[[Service, Person], object]] = {
    "demoted": lambda service, admin: service.change(admin, role=Role.AGENT),
    "disabled": lambda service, admin: service.change(admin, status=Status.DISABLED),
    "of another epoch": lambda service, admin: service.change(admin, epoch=new_epoch()),
    "somebody else": lambda service, admin: service.change(admin, sub=new_id()),
    "deleted": lambda service, admin: remove(service, service.item(admin)),
    "logged out": _log_out,
}


@pytest.mark.parametrize("became", ACTORS)
@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_an_admin_who_is_none_any_more_changes_nothing_even_in_flight(
    service: Service, admin: Person, admin_token: str, enrolled: Person, route: Route, became: str
) -> None:
    before: list[dict[str, Any]] = []

    def change(_: Called) -> None:
        ACTORS[became](service, admin)
        before.extend(stored(service))

    in_flight(service, change)
    assert_is_problem(admin_requests.send(service, route, admin_token), "invalid_token")
    assert stored(service) == before


# --- the subject

SUBJECTS: dict[str, Callable[[Service, Person], object]] = {
    "disabled": lambda service, person: service.change(person, status=Status.DISABLED),
    "promoted": lambda service, person: service.change(person, role=Role.ADMIN),
    "of another epoch": lambda service, person: service.change(person, epoch=new_epoch()),
    "somebody else": lambda service, person: service.change(person, sub=new_id()),
    "deleted": lambda service, person: remove(service, service.item(person)),
}


@pytest.mark.parametrize("became", SUBJECTS)
@pytest.mark.parametrize("route", WRITES_ABOUT_ONE, ids=name_of)
def test_a_subject_who_changes_in_flight_is_looked_at_again(
    service: Service, admin_token: str, enrolled: Person, route: Route, became: str
) -> None:
    before: list[dict[str, Any]] = []

    def change(_: Called) -> None:
        SUBJECTS[became](service, enrolled)
        before.extend(stored(service))

    in_flight(service, change)
    reply = admin_requests.send(service, route, admin_token)
    if route in WITHOUT_EPOCH and became in ("disabled", "of another epoch"):
        assert reply.status == 200
        return
    assert_is_problem(reply, *(("not_found",) if became == "deleted" else ("conflict", "not_found")))
    assert stored(service) == before


def test_a_name_that_is_taken_in_flight_is_not_invited(service: Service, admin_token: str) -> None:
    before: list[dict[str, Any]] = []

    def change(_: Called) -> None:
        service.person("newcomer")
        before.extend(stored(service))

    in_flight(service, change)
    assert_is_problem(admin_requests.send(service, contract.INVITE, admin_token), "conflict")
    assert stored(service) == before


def test_contact_data_that_changes_in_flight_is_not_put_back(
    service: Service, admin_token: str, enrolled: Person
) -> None:
    """Disabling says nothing about an address; a new one must not silently become the old one again."""
    service.change(enrolled, email="old@example.com")
    in_flight(service, lambda _: service.change(enrolled, email="new@example.com"))
    reply = service.call("PATCH", "/admin/subscribers/enrolled", {"display_name": "Ann"}, token=admin_token)
    assert reply.status in (200, 409)
    assert service.record(enrolled).email == "new@example.com"


def test_a_reset_ends_a_recovery_code_in_flight(service: Service, admin_token: str, enrolled: Person) -> None:
    """A35: of a recovery code and a reset that race, the reset wins: no session of the old set is left."""
    challenge = service.challenge(enrolled)
    in_flight(service, lambda _: service.reset(admin_token, "enrolled"))
    reply = service.post("/verify", {"challenge": challenge, "recovery_code": enrolled.recovery_codes[0]})
    assert reply.code in ("challenge_invalid", "invalid_code")
    assert service.sessions(enrolled) == []
    assert service.record(enrolled).recovery_codes == frozenset()
    assert len(service.events("reset")) == 1


# --- no outcome without its record


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_write_that_cannot_be_recorded_is_not_made(
    service: Service, admin_token: str, enrolled: Person, route: Route
) -> None:
    """Something stands where the record would lie, so the record is refused; what it records must not happen."""
    before: list[dict[str, Any]] = []
    audit = service.services.settings.audit_table

    def occupy(called: Called) -> None:
        parts = [part["Put"]["Item"] for part in called.request["TransactItems"] if "Put" in part]
        records = [item for item in parts if "event" in item]
        assert records, "nothing is recorded"
        service._dynamodb.put_item(TableName=audit, Item=records[-1])
        before.extend(stored(service))
        assert decode_item(records[-1]) in before

    in_flight(service, occupy)
    assert admin_requests.send(service, route, admin_token).status >= 400
    assert stored(service) == before


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_fault_at_the_write_leaves_neither_the_change_nor_its_record(
    service: Service, admin_token: str, enrolled: Person, route: Route
) -> None:
    before = stored(service)

    def fail(called: Called) -> None:
        raise AwsUnavailable("throttled")

    in_flight(service, fail)
    assert_is_problem(admin_requests.send(service, route, admin_token), "unavailable")
    assert stored(service) == before
    assert admin_requests.send(service, route, admin_token).status == route.status


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_lost_reply_is_no_success_but_change_and_record_are_both_there(
    service: Service, admin_token: str, enrolled: Person, route: Route
) -> None:
    items, events = service.state(), service.events()

    def lose(called: Called, send: Callable[[], Answer]) -> Answer:
        answer = send()
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            raise AwsUnavailable("no reply")
        return answer

    service.recorder.fault = lose
    assert_is_problem(admin_requests.send(service, route, admin_token), "unavailable")
    assert service.state() != items
    recorded = [each for each in service.events() if each not in events]
    assert len({each["request_id"] for each in recorded}) == 1
    assert len({each["event"] for each in recorded}) == len(recorded)
    assert {each["actor"]["login_name"] for each in recorded} == {"boss"}


# --- policies race


def test_of_policies_that_race_one_wins(service: Service, admin_token: str) -> None:
    for _ in range(5):
        tag = service.get("/admin/policy", token=admin_token).headers["ETag"]
        before = len(service.events("policy_changed"))
        puts = [
            partial(
                service.call,
                "PUT",
                "/admin/policy",
                {"session_hours": hours},
                token=admin_token,
                headers={"If-Match": tag},
            )
            for hours in range(2, 10)
        ]
        replies = race(*puts)
        [won] = [reply for reply in replies if reply.status == 200]
        assert {reply.code for reply in replies} == {"ok", "precondition_failed"}
        held = service.get("/admin/policy", token=admin_token)
        assert (held.body, held.headers["ETag"]) == (won.body, won.headers["ETag"])
        assert len(service.events("policy_changed")) == before + 1


def test_a_policy_that_is_lost_is_made_again_once(service: Service, admin_token: str) -> None:
    [item] = [each for each in service.state() if (each["pk"], each["sk"]) == ("ACCOUNT#acme", "POLICY")]
    remove(service, item)
    puts = [
        partial(
            service.call, "PUT", "/admin/policy", {"session_hours": n}, token=admin_token, headers={"If-Match": "*"}
        )
        for n in range(2, 10)
    ]
    replies = race(*puts)
    won = [reply for reply in replies if reply.status == 200]
    assert won
    assert {reply.code for reply in replies} <= {"ok", "precondition_failed"}
    assert len({reply.headers["ETag"] for reply in won}) == len(won) == len(service.events("policy_changed"))


def test_a_policy_that_changes_in_flight_is_not_overwritten(service: Service, admin_token: str) -> None:
    in_flight(service, lambda _: service.put({"pk": "ACCOUNT#acme", "sk": "POLICY", "policy": {}, "version": 7}))
    reply = admin_requests.send(service, contract.REPLACE_POLICY, admin_token)
    assert_is_problem(reply, "precondition_failed")
    assert service.events("policy_changed") == []


# --- two requests in one process


def test_requests_at_the_same_time_are_answered_each_to_its_own(
    service: Service, admin_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A48: both have arrived before either is routed; neither may be answered as the other."""
    service.account("other", display_name="Other Inc")
    foreign = service.session(service.bound_admin("chief", account="other"))["account_token"]
    arrived, answer = Barrier(2), http._guarded

    def guarded(route: Callable[[http.Event], http.Reply], event: http.Event) -> http.Reply:
        arrived.wait()
        return answer(route, event)

    monkeypatch.setattr(http, "_guarded", guarded)
    replies = race(*(partial(service.get, "/admin/policy", token=token) for token in (admin_token, foreign)))
    assert [reply.body["policy"]["display_name"] for reply in replies] == ["Acme Support", "Other Inc"]
