"""What the service has answered and stored, told in the words of the model."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from local.template import ACCOUNT, REGION
from secondstep import challenge
from secondstep.session import Session, parse_refresh_token
from secondstep.store.codec import decode_item
from secondstep.store.layout import session_record, subscriber_record
from secondstep.subscriber import Identity, Subscriber
from tests.model.reference import Reference
from tests.model.world import Answer, Name, Steps
from tests.model.world import Session as HeldSession
from tests.service import Reply, Service

type Texts = dict[int, str]  # our number of a token, code, ticket or secret, and what the service called it


class Request(NamedTuple):
    """One request: what is sent, what the model makes of it, and which challenge, session or ticket it leans on."""

    rule: str
    about: Name
    send: Callable[[], Reply]
    expect: Callable[[Reference], Steps]
    leans_on: int | None = None
    code: str | None = None


class Stored(NamedTuple):
    """What lies under one subscriber's key."""

    person: Subscriber | None
    sessions: list[Session]
    events: Counter[str]


def stored(service: Service, name: Name) -> Stored:
    """Read a subscriber, its sessions and its audit events."""
    settings = service.services.settings
    pk = f"SUBSCRIBER#{Identity(*name).hash}" if name[1] else f"ACCOUNT#{name[0]}"
    events = Counter(f"{each['event']} {each['outcome']}" for each in _partition(service, settings.audit_table, pk))
    items = _partition(service, settings.state_table, pk) if name[1] else []
    people = [subscriber_record(each) for each in items if each["sk"] == "STATE"]
    sessions = [session_record(each) for each in items if each["sk"].startswith("SESSION#")]
    return Stored(people[0] if people else None, sessions, events)


def _partition(service: Service, table: str, pk: str) -> list[dict[str, Any]]:
    """Return the items under a key: from moto's memory, since a query costs ten times the request that it checks."""
    if not os.environ.get("DYNAMODB_LOCAL"):
        held = dynamodb_backends[ACCOUNT][REGION].tables[table].items.get(DynamoType({"S": pk}), {})
        return [decode_item(item.to_json()["Attributes"]) for item in held.values()]
    query = service._dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
    )
    return [decode_item(item) for page in query for item in page["Items"]]


def learned(reply: Reply, answer: Answer) -> Texts:
    """Return what an answer makes known of what the model only numbers."""
    texts: Texts = {}
    for member, numbers in answer.made.items():
        told = reply.body[member]
        texts |= dict(zip(numbers, told, strict=True)) if isinstance(numbers, list) else {numbers: told}
    return texts


def differs_in_answer(reply: Reply, answer: Answer, known: Texts) -> str | None:
    """Return how an answer differs from the model's, or None."""
    if (reply.status, reply.code) != (answer.status, answer.code):
        return f"answered {reply.status} {reply.code}, expected {answer.status} {answer.code}"
    wrong = {each: reply.body.get(each) for each, value in answer.shown.items() if reply.body.get(each) != value}
    if wrong:
        return f"answered {wrong}, expected {answer.shown}"
    missing = [each for each in answer.made if not reply.body.get(each)]
    if missing:
        return f"answered no {missing}"
    other = {known.setdefault(number, text) != text for number, text in learned(reply, answer).items()}
    return "the repeat has another successor" if True in other else None


def differs_in_store(it: Stored, world: Reference, name: Name, texts: Texts) -> str | None:
    """Return how what is stored differs from the model, or None."""
    told = Counter({event: times for (who, event), times in world.events.items() if who == name})
    if it.events != told:
        return f"recorded {dict(it.events - told)} too much, {dict(told - it.events)} not"
    held, expected = it.person, world.people.get(name)
    if held is None or expected is None:
        return None if held is None and expected is None else f"exists: {held is not None}"
    found, wanted = _as_stored(held), _as_expected(world, name, texts)
    wrong = {each: (found[each], wanted[each]) for each in wanted if found[each] != wanted[each]}
    living = {each.sid: _of_session(each) for each in it.sessions if each.belongs_to(held, world.now)}
    should_live = dict(
        _of_living(each, texts) for number, each in world.sessions.items() if each.name == name and world.living(number)
    )
    if living != should_live:
        wrong["sessions"] = (living, should_live)
    return f"stored, expected: {wrong}" if wrong else None


def _of_session(it: Session) -> tuple[object, ...]:
    return it.current_hash, it.rotations, it.rotated_at, it.step_up_failures, it.last_used_at


def _of_living(it: HeldSession, texts: Texts) -> tuple[str, tuple[object, ...]]:
    current = parse_refresh_token(texts[it.chain[-1]])
    return current.sid, (current.hash, len(it.chain) - 1, it.rotated, it.failures, it.last_used)


def _as_stored(it: Subscriber) -> dict[str, object]:
    return {
        "status": it.status.value,
        "role": it.role.value,
        "enrollment": it.enrollment.value,
        "run": it.run,
        "last_login": it.last_login_at,
        "last_steps": sorted(each.last_step for each in it.authenticators.values()),
        "recovery_codes": len(it.recovery_codes),
        "windows": [sorted(each.values()) for each in (it.recent, it.day, it.recovery_recent)],
        "tickets": [each and each.expires_at for each in (it.password_ticket, it.enrollment_ticket)],
        "challenges": {
            each.key: (each.purpose.value, each.expires_at, each.tries_left) for each in it.challenges.values()
        },
    }


def _as_expected(world: Reference, name: Name, texts: Texts) -> dict[str, object]:
    it = world.people[name]
    return {
        "status": it.status,
        "role": it.role,
        "enrollment": it.enrollment,
        "run": it.run,
        "last_login": it.last_login,
        "last_steps": sorted(each.last for each in it.authenticators.values()),
        "recovery_codes": len(it.recovery_codes),
        "windows": [sorted(each.values()) for each in (it.recent, it.day, it.recovery_recent)],
        "tickets": [each and each[1] for each in (it.password_ticket, it.enrollment_ticket)],
        "challenges": {
            challenge.parse(texts[number]).key: (each.purpose, each.expires, each.tries)
            for number, each in it.challenges.items()
        },
    }
