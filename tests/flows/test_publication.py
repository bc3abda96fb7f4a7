"""Audit events on the bus: the documented shape, at least once, nothing secret; what was not taken comes again."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import msgspec
import pytest

from local.template import REGION
from secondstep import announcement
from secondstep.announcement import Announcement
from secondstep.audit import EventName
from secondstep.aws import Answer, AwsRefused, AwsUnavailable
from secondstep.boto3_client import Boto3EventBridge
from secondstep.bus import Bus
from secondstep.flows.publication import publish
from secondstep.store.stream import appended
from tests.outside import BUS, Outside, Record, stream_record
from tests.service import PASSWORD, Person, Service

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "events.schema.json").read_text("utf-8"))


class FussyBus:
    """EventBridge that takes what it is told to: `fails(place of the call, detail)` decides."""

    def __init__(self, fails: Callable[[int, dict[str, Any]], bool] = lambda *_: False) -> None:
        self._fails = fails
        self.calls: list[list[str]] = []
        self.taken: list[str] = []

    def put_events(self, **request: Any) -> Answer:
        number = len(self.calls)
        details = [json.loads(each["Detail"]) for each in request["Entries"]]
        self.calls.append([each["id"] for each in details])
        failed = [self._fails(number, each) for each in details]
        self.taken += [each["id"] for each, has_failed in zip(details, failed, strict=True) if not has_failed]
        entries = [{"ErrorCode": "ThrottlingException"} if each else {"EventId": "1"} for each in failed]
        return {"FailedEntryCount": sum(failed), "Entries": entries}


def record(number: int, **changes: Any) -> Record:
    item = {
        "pk": "SUBSCRIBER#0123",
        "sk": f"1795519590{number:03d}#id{number}",
        "as": "acme#1",
        "event": "verify",
        "outcome": "success",
        "at": 1795519590,
        "actor": {"sub": "s", "login_name": "agent"},
        "subject": {"sub": "s", "login_name": "agent"},
        "source": "203.0.113.7",
        "request_id": "r",
        "purge_at": 1830079590,
    }
    return stream_record(item | changes, number)


def numbers(*records: Record) -> list[str]:
    return [each["dynamodb"]["SequenceNumber"] for each in records]


def details(outside: Outside, *names: str) -> list[dict[str, Any]]:
    found = [json.loads(each["Detail"]) for each in outside.entries]
    return [each for each in found if not names or each["event"] in names]


# --- the shape


def test_the_schema_in_the_docs_is_what_is_sent() -> None:
    assert announcement.schema() == SCHEMA


def test_every_event_of_a_journey_has_the_documented_shape_and_nothing_secret(
    service: Service, enrolled: Person, admin_token: str
) -> None:
    outside = Outside(service)
    secrets = [PASSWORD, "not the password", *enrolled.recovery_codes, enrolled.secret.base32]
    service.log_in(enrolled, "not the password")
    service.post("/login", {"account": "acme", "login_name": "typed by mistake", "password": "not the password"})
    challenge = service.challenge(enrolled)
    secrets += [challenge, service.wrong_code(enrolled), service.code(enrolled)]
    service.verify(challenge, service.wrong_code(enrolled))
    tokens = service.verify(challenge, service.code(enrolled)).body
    recovery = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    service.post("/verify", recovery)
    reset = service.reset(admin_token, enrolled.login_name).body
    bound, secret = service.bind(enrolled, ticket=reset["ticket"])
    assert bound.status == 200
    secrets += [reset["ticket"], secret.base32, *bound.body["recovery_codes"]]
    secrets += [tokens["access_token"], tokens["account_token"], tokens["refresh_token"], "typed by mistake"]
    outside.deliver()
    assert {each["event"] for each in details(outside)} == {
        "login",
        "verify",
        "recovery_code_used",
        "reset",
        "enrolled",
    }
    for each in details(outside):
        jsonschema.validate(each, SCHEMA)
    everything = json.dumps(outside.entries)
    assert not [each for each in secrets if each in everything]


def test_an_event_on_the_bus_is_the_one_in_the_audit(service: Service, enrolled: Person) -> None:
    outside = Outside(service)
    service.session(enrolled)
    outside.deliver()
    [entry], [item] = outside.entries, service.events("verify")
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (BUS, "secondstep", "verify")
    assert entry["Time"] == item["at"]
    assert json.loads(entry["Detail"]) == {
        "version": 1,
        "id": item["sk"].partition("#")[2],
        "at": item["at"],
        "milliseconds": int(item["sk"].partition("#")[0]),
        "event": "verify",
        "outcome": "success",
        "account": "acme",
        "subscriber": enrolled.identity.hash,
        "subject": {"sub": enrolled.sub, "login_name": "enrolled"},
        "actor": {"sub": enrolled.sub, "login_name": "enrolled"},
        "source": item["source"],
        "request_id": item["request_id"],
        "detail": item["detail"],
    }


def test_a_refused_password_is_told_by_its_hash_alone(service: Service, enrolled: Person) -> None:
    outside = Outside(service)
    service.log_in(enrolled, "wrong")
    outside.deliver()
    [told] = details(outside)
    assert told["subscriber"] == enrolled.identity.hash
    assert not {"account", "subject", "actor"} & set(told)


def test_who_acted_is_told_for_an_admin_and_for_the_operator() -> None:
    bus = FussyBus()
    by_operator = {"operator": "arn:aws:iam::1:user/ops"}
    event = appended(record(1, event="reset", actor=by_operator, reason="lost phone"))
    assert event is not None
    told = announcement.announce(event)
    assert told.actor == announcement.Actor(operator="arn:aws:iam::1:user/ops")
    assert told.reason == "lost phone"
    assert publish([record(1, event="reset", actor=by_operator)], Bus(bus, BUS)) == []


def test_an_announcement_of_another_version_is_refused() -> None:
    event = appended(record(1))
    assert event is not None
    told = json.loads(msgspec.json.encode(announcement.announce(event)))
    assert isinstance(announcement.parse(told | {"further": 1}), Announcement)
    with pytest.raises(msgspec.ValidationError):
        announcement.parse(told | {"version": 2})


# --- at least once


def test_a_batch_is_sent_ten_at_a_time_in_the_streams_order() -> None:
    bus = FussyBus()
    assert publish([record(each) for each in range(25)], Bus(bus, BUS)) == []
    assert [len(call) for call in bus.calls] == [10, 10, 5]
    assert bus.taken == [f"id{each}" for each in range(25)]


def test_the_entries_that_were_not_taken_are_tried_again_alone() -> None:
    bus = FussyBus(lambda call, told: call == 0 and told["id"] in ("id2", "id5"))
    assert publish([record(each) for each in range(10)], Bus(bus, BUS)) == []
    assert bus.calls[1] == ["id2", "id5"]
    assert sorted(bus.taken) == [f"id{each}" for each in range(10)]


def test_what_stays_out_comes_again_with_all_behind_it_and_nothing_further_is_sent() -> None:
    bus = FussyBus(lambda _, told: told["id"] == "id12")
    records = [record(each) for each in range(30)]
    assert publish(records, Bus(bus, BUS)) == numbers(*records[12:])
    assert "id20" not in bus.taken


def test_a_repeated_record_has_the_same_id() -> None:
    bus = FussyBus()
    for _ in range(2):
        publish([record(7)], Bus(bus, BUS))
    assert bus.taken == ["id7", "id7"]


def test_a_bus_that_cannot_answer_loses_nothing() -> None:
    class Silent:
        def put_events(self, **_: Any) -> Answer:
            raise AwsUnavailable("ConnectTimeoutError")

    records = [record(1), record(2)]
    assert publish(records, Bus(Silent(), BUS)) == numbers(*records)


def test_a_refused_call_fails_the_function_so_that_lambda_halves_the_batch() -> None:
    class Closed:
        def put_events(self, **_: Any) -> Answer:
            raise AwsRefused("AccessDeniedException")

    with pytest.raises(AwsRefused):
        publish([record(1)], Bus(Closed(), BUS))


def test_a_record_that_cannot_be_read_stops_in_its_place() -> None:
    bus = FussyBus()
    records = [record(1), record(2, outcome="unheard_of"), record(3)]
    assert publish(records, Bus(bus, BUS)) == numbers(*records[1:])
    assert bus.taken == ["id1"]


def test_what_ttl_removes_is_not_an_event() -> None:
    removed = record(1) | {"eventName": "REMOVE"}
    removed["dynamodb"].pop("NewImage")
    bus = FussyBus()
    assert publish([removed], Bus(bus, BUS)) == []
    assert not bus.calls


def test_the_function_tells_lambda_which_records_come_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = Outside(service)
    records = [record(1), record(2, outcome="unheard_of")]
    answer = outside.invoke("NotifyFunction", {"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": number} for number in numbers(records[1])]}
    assert outside.invoke("NotifyFunction", {"Records": records[:1]}) == {"batchItemFailures": []}


# --- by boto3


def test_eventbridge_takes_what_is_published(service: Service) -> None:
    """The entries have the shape that the service's own client accepts."""
    events = boto3.client("events", region_name=REGION)
    events.create_event_bus(Name=BUS)
    try:
        assert publish([record(1), record(2, event="reset")], Bus(Boto3EventBridge(REGION), BUS)) == []
    finally:
        events.delete_event_bus(Name=BUS)


def test_the_docs_name_every_event() -> None:
    table = (DOCS / "events.md").read_text("utf-8").partition("## The names")[2].partition("## Listening")[0]
    named = {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert {each.value for each in EventName} <= named


def test_the_example_in_the_docs_has_the_documented_shape() -> None:
    example = (DOCS / "events.md").read_text("utf-8").partition("```json")[2].partition("```")[0]
    jsonschema.validate(json.loads(example), SCHEMA)
    announcement.parse(json.loads(example))
