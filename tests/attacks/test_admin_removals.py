"""Attacks on an account's last admin: admins and operators who remove each other at the same time leave one."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest

from secondstep.acting import ActingOperator
from secondstep.audit import Operator
from secondstep.context import RequestContext
from secondstep.errors import Conflict, ServiceError
from secondstep.flows import administration
from secondstep.shapes import ChangeSubscriberRequest
from secondstep.store.layout import subscriber_key
from secondstep.subscriber import Identity, Role, Status
from tests.attacks.admin_requests import in_flight, stored
from tests.service import Person, Reply, Service, race

# --- admins against each other

REMOVALS: dict[str, tuple[str, dict[str, str] | None]] = {
    "demotes": ("PATCH", {"role": "agent"}),
    "disables": ("PATCH", {"status": "disabled"}),
    "deletes": ("DELETE", None),
}
REFUSED = {"invalid_token", "forbidden", "not_found", "conflict"}
ROUNDS = 6


def _removing(service: Service, token: str, how: str, whom: Person) -> Callable[[], Reply]:
    method, body = REMOVALS[how]
    return partial(service.call, method, f"/admin/subscribers/{whom.login_name}", body, token=token)


def _code_of(removal: Callable[[], Reply]) -> str:
    return removal().code


def _remaining(service: Service, *people: Person) -> list[Person]:
    items = {each["pk"]: each for each in service.state() if each["sk"] == "STATE"}
    found = [items.get(subscriber_key(person.identity.hash)["pk"]) for person in people]
    return [
        person
        for person, item in zip(people, found, strict=True)
        if item and (item["r"], item["s"]) == (Role.ADMIN.value, Status.ACTIVE.value)
    ]


@pytest.mark.parametrize(("first", "second"), list(product(REMOVALS, REMOVALS)))
def test_of_two_admins_who_remove_each_other_one_remains(
    service: Service, admin: Person, first: str, second: str
) -> None:
    """Each write checks its actor, so they cannot both win; many rounds, each as if nothing had been."""
    other = service.bound_admin("other")
    people = (admin, other)
    tokens = [str(service.session(person)["account_token"]) for person in people]
    items = [service.item(person) for person in people]
    for _ in range(ROUNDS):
        for item in items:
            service.put(item)
        events = len(service.events())
        replies = race(
            _removing(service, tokens[0], first, other),
            _removing(service, tokens[1], second, admin),
        )
        won = [reply for reply in replies if reply.status < 300]
        assert len(won) == 1, [reply.body for reply in replies]
        assert {reply.code for reply in replies if reply.status >= 300} <= REFUSED
        [left] = _remaining(service, *people)
        assert len(service.events()) == events + 1
        assert service.get("/admin/summary", token=tokens[people.index(left)]).status == 200
        lost = service.get("/admin/summary", token=tokens[1 - people.index(left)])
        assert lost.code == "invalid_token"


def test_of_three_admins_in_a_ring_one_remains(service: Service, admin: Person) -> None:
    people = [admin, service.bound_admin("other"), service.bound_admin("third")]
    tokens = [str(service.session(person)["account_token"]) for person in people]
    items = [service.item(person) for person in people]
    for _ in range(ROUNDS):
        for item in items:
            service.put(item)
        ring = [_removing(service, tokens[n], "deletes", people[(n + 1) % 3]) for n in range(3)]
        replies = race(*ring)
        won = sum(reply.status < 300 for reply in replies)
        assert len(_remaining(service, *people)) == 3 - won
        assert 1 <= won <= 2


# --- the operator

OPERATOR = ActingOperator("acme", Operator("arn:aws:iam::123456789012:user/ops"))


def context(service: Service) -> RequestContext:
    moment = service.clock()
    return RequestContext(
        now=int(moment),
        milliseconds=int(moment * 1000),
        source="terminal",
        charged_address=None,
        request_id="operator",
        issuer="https://login.example.test",
    )


def _by_operator(service: Service, how: str, whom: Person) -> str:
    """Remove somebody as the operator does, and return `ok` or the refusal's code."""
    parts: dict[str, Any] = {"store": service.services.store, "context": context(service)}
    try:
        if how == "deletes":
            administration.delete(whom.login_name, OPERATOR, **parts)
        else:
            wanted = ChangeSubscriberRequest(**REMOVALS[how][1])  # type: ignore[arg-type]
            administration.change(whom.login_name, wanted, OPERATOR, **parts)
    except ServiceError as refused:
        return refused.code
    return "ok"


@pytest.mark.parametrize("how", REMOVALS)
def test_the_operator_does_not_remove_the_last_admin(service: Service, admin: Person, how: str) -> None:
    service.bound_person("agent")
    service.bound_admin("off", status=Status.DISABLED)
    service.person("new", role=Role.ADMIN, status=Status.INVITED)
    service.account("elsewhere")
    service.bound_admin("foreign", account="elsewhere")
    before = stored(service)
    assert _by_operator(service, how, admin) == "conflict"
    assert stored(service) == before
    for name in ("off", "agent"):  # who is no active admin may go
        assert _by_operator(service, "deletes", admin._replace(identity=Identity("acme", name))) == "ok"
    second = service.bound_admin("second")
    assert _by_operator(service, how, admin) == "ok"
    assert _by_operator(service, how, second) == "conflict"
    assert _remaining(service, admin, second) == [second]
    [last] = service.events()[-1:]
    assert last["actor"] == {"operator": OPERATOR.person.arn}


def test_the_last_admin_far_down_the_list_is_found(service: Service, admin: Person) -> None:
    """The other admin may lie on any page."""
    for number in range(110):
        service.person(f"agent-{number:03d}")
    service.bound_admin("zoe")
    assert _by_operator(service, "deletes", admin) == "ok"


@pytest.mark.parametrize("how", REMOVALS)
def test_an_operator_and_an_admin_who_remove_each_others_last_leave_one(
    service: Service, admin: Person, how: str
) -> None:
    other = service.bound_admin("other")
    token = str(service.session(admin)["account_token"])
    items = [service.item(person) for person in (admin, other)]
    for _ in range(ROUNDS):
        for item in items:
            service.put(item)
        codes = race(
            partial(_by_operator, service, how, admin), partial(_code_of, _removing(service, token, how, other))
        )
        assert codes.count("ok") == 1, codes
        assert len(_remaining(service, admin, other)) == 1


@pytest.mark.parametrize("how", REMOVALS)
def test_two_operators_leave_one_admin(service: Service, admin: Person, how: str) -> None:
    other = service.bound_admin("other")
    items = [service.item(person) for person in (admin, other)]
    for _ in range(ROUNDS):
        for item in items:
            service.put(item)
        codes = race(partial(_by_operator, service, how, admin), partial(_by_operator, service, how, other))
        assert codes.count("ok") == 1, codes
        assert len(_remaining(service, admin, other)) == 1


def test_an_operator_who_loses_that_race_is_told_why(service: Service, admin: Person) -> None:
    """There is no token of the operator's to be invalid: it is a conflict."""
    other = service.bound_admin("other")
    in_flight(service, lambda _: service.change(other, role=Role.AGENT))
    assert _by_operator(service, "deletes", admin) == Conflict.code
    assert len(_remaining(service, admin, other)) == 1
