"""Attack A37: who does not have the password learns nothing, neither from an answer nor from what it costs."""

import json
from typing import Any

import argon2
import pytest

from secondstep import contract, ticket
from secondstep.contract import Route
from secondstep.subscriber import Enrollment, Identity, Status, Ticket
from tests.attacks.successes import SUCCESSES, named, sign_in
from tests.recording import Called
from tests.service import ACCOUNT, PASSWORD, SOURCE, Person, Reply, Service

pytestmark = pytest.mark.hashing

IDS = {"x-amzn-requestid", "x-amz-apigw-id"}
WRONG = "not the right password at all"

# Everyone of them is refused at /login. All names have eight letters: a longer one would be a longer request.
CASES = [
    "unknown name",
    "unknown account",
    "wrong password",
    "wrong password, no factor",
    "wrong password, ticketed",
    "wrong password, authenticators disabled",
    "disabled, right password",
    "disabled, wrong password",
    "invited",
]


def _claim(service: Service, case: str) -> tuple[dict[str, str], Person | None]:
    name, account, presented = "somebody", ACCOUNT, WRONG
    person: Person | None = None
    if case == "unknown account":
        account, presented = "nada", PASSWORD
        service.bound_person(name)
    elif case == "wrong password":
        person = service.bound_person(name)
    elif case == "wrong password, no factor":
        person = service.person(name)
    elif case == "wrong password, ticketed":
        person = service.person(name, enrollment=Enrollment.TICKETED)
    elif case == "wrong password, authenticators disabled":
        person = service.bound_person(name, run=50)
    elif case.startswith("disabled"):
        person = service.bound_person(name, status=Status.DISABLED)
        presented = PASSWORD if "right" in case else WRONG
    elif case == "invited":
        person = service.person(name, status=Status.INVITED, password_hash=None)
    return {"account": account, "login_name": name, "password": presented}, person


def _told(reply: Reply) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return all that a caller sees, apart from the ids of the request."""
    body = {name: value for name, value in reply.body.items() if name != "request_id"}
    return reply.status, body, {k.lower(): v for k, v in reply.headers.items() if k.lower() not in IDS}


def _shape(call: Called) -> tuple[str, int]:
    return call.operation, len(json.dumps(call.request, default=lambda raw: "x" * len(raw)))


def _cost(service: Service) -> list[tuple[str, int]]:
    """Return the calls with the size of each request; two that run beside each other have no order."""
    shapes = [_shape(call) for call in service.recorder.calls]
    return [shape for start in range(0, len(shapes), 2) for shape in sorted(shapes[start : start + 2])]


def _refused_at_login(service: Service, case: str) -> tuple[Any, Any]:
    body, _ = _claim(service, case)
    service.recorder.clear()
    return _told(service.post("/login", body)), _cost(service)


@pytest.fixture
def unknown(service: Service) -> tuple[Any, Any]:
    """Return what a name gets that nobody has; the same name is then given to somebody."""
    found = _refused_at_login(service, "unknown name")
    service.forget()
    service.account()
    return found


@pytest.mark.parametrize("case", CASES)
def test_every_refused_login_is_answered_and_costs_alike(service: Service, unknown: tuple[Any, Any], case: str) -> None:
    answer, cost = _refused_at_login(service, case)
    assert answer == unknown[0]
    assert answer[0] == 401
    assert answer[1]["code"] == "invalid_credentials"
    assert cost == unknown[1]
    assert [operation for operation, _ in cost] == ["batch_get_item", "update_item", "put_item", "update_item"]


@pytest.mark.parametrize("case", CASES)
def test_the_second_refusal_in_a_row_costs_alike_too(service: Service, case: str) -> None:
    """Within half a minute the name's budget takes another write: for an unknown name as well."""
    body, _ = _claim(service, case)
    service.post("/login", body)
    service.recorder.clear()
    service.post("/login", body)
    operations = sorted(call.operation for call in service.recorder.calls)
    assert operations == ["batch_get_item", "put_item", *["update_item"] * 4]


@pytest.mark.parametrize("case", CASES)
def test_one_hash_of_the_same_cost_is_computed_for_every_name(
    service: Service, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[tuple[str, bytes]] = []
    verify = argon2.PasswordHasher.verify

    def counting(self: argon2.PasswordHasher, encoded: str, presented: bytes) -> Any:
        hashed.append((encoded.rsplit("$", 2)[0], presented))
        return verify(self, encoded, presented)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counting)
    body, _ = _claim(service, case)
    service.post("/login", body)
    assert hashed == [("$argon2id$v=19$m=19456,t=2,p=1", body["password"].encode())]


@pytest.mark.parametrize("case", CASES)
def test_the_audit_of_a_refusal_holds_the_hash_and_nothing_that_was_typed(service: Service, case: str) -> None:
    body, _ = _claim(service, case)
    service.post("/login", body)
    [event] = service.events("login")
    assert event["pk"] == f"SUBSCRIBER#{Identity(body['account'], body['login_name']).hash}"
    assert event["outcome"] == "failure"
    assert event["source"] == SOURCE
    assert not {"as", "subject", "actor", "detail", "reason"} & set(event)
    for typed in body.values():
        assert typed not in repr(event)


@pytest.mark.parametrize("case", ["unknown name", "wrong password", "disabled, right password"])
def test_a_drained_name_is_answered_alike_whether_or_not_it_exists(service: Service, case: str) -> None:
    body, _ = _claim(service, case)
    moment = service.now()
    replies = [service.post("/login", {**body, "password": WRONG}) for _ in range(11)]
    assert [reply.code for reply in replies] == ["invalid_credentials"] * 10 + ["too_many_attempts"]
    status, told, headers = _told(replies[-1])
    assert (status, set(told)) == (429, {"type", "title", "status", "detail", "code", "retry_after"})
    assert 30 - (service.now() - moment) - 1 <= told["retry_after"] <= 30
    assert headers["retry-after"] == str(told["retry_after"])


@pytest.mark.parametrize("policy", [{}, {"mfa_required": False}, {"enrollment_ticket": "always"}])
def test_before_the_password_neither_policy_nor_factor_is_read_or_told(
    service: Service, policy: dict[str, Any]
) -> None:
    service.account(**policy)
    for case in CASES:
        body, _ = _claim(service, case)
        service.recorder.clear()
        reply = service.post("/login", body)
        assert "POLICY" not in repr([call.request for call in service.recorder.calls])
        assert service.recorder.kms == []
        for word in ("next", "methods", "authenticators", "challenge", "ticket_required", "tries_left"):
            assert word not in reply.body


def test_a_disabled_subscriber_opens_no_challenge(service: Service) -> None:
    body, person = _claim(service, "disabled, right password")
    assert person is not None
    service.post("/login", body)
    assert service.record(person).challenges == {}


# --- /password: the same for tickets

PASSWORD_CASES = ["unknown name", "unknown account", "wrong ticket", "no ticket", "expired ticket", "disabled"]


def _redemption(service: Service, case: str) -> dict[str, str]:
    text, stored = ticket.issue(now=service.now(), ttl_seconds=3600)
    account, presented = ACCOUNT, "0000-0000-0000-0000"
    held: Ticket | None = stored
    status = Status.INVITED
    if case in ("unknown account", "unknown name"):
        account = "nada" if case == "unknown account" else ACCOUNT
    elif case == "no ticket":
        held = None
    elif case == "expired ticket":
        presented, held = text, Ticket(stored.hash, service.now() - 1)
    elif case == "disabled":
        presented, status = text, Status.DISABLED
    if case != "unknown name":
        service.person("somebody", status=status, password_ticket=held)
    return {"account": account, "login_name": "somebody", "ticket": presented, "new_password": "xkcd 936 is a comic"}


@pytest.fixture
def unknown_at_password(service: Service) -> tuple[Any, Any]:
    body = _redemption(service, "unknown name")
    service.recorder.clear()
    found = _told(service.post("/password", body)), _cost(service)
    service.forget()
    service.account()
    return found


@pytest.mark.parametrize("case", PASSWORD_CASES)
def test_every_refused_ticket_is_answered_and_costs_alike(
    service: Service, unknown_at_password: tuple[Any, Any], case: str
) -> None:
    body = _redemption(service, case)
    service.recorder.clear()
    answer, cost = _told(service.post("/password", body)), _cost(service)
    assert answer == unknown_at_password[0]
    assert answer[1]["code"] == "ticket_invalid"
    assert cost == unknown_at_password[1]
    [event] = service.events("password_set")
    assert not {"as", "subject", "actor", "detail"} & set(event)
    for typed in body.values():
        assert typed not in repr(event)


def test_a_weak_password_is_told_only_to_who_holds_the_ticket(service: Service) -> None:
    weak = {**_redemption(service, "wrong ticket"), "new_password": "password"}
    assert service.post("/password", weak).code == "ticket_invalid"


# --- a challenge names the item it belongs to; guessing one tells nothing either


def test_a_challenge_of_nobody_and_of_somebody_are_refused_alike(service: Service, enrolled: Person) -> None:
    found = []
    for subscriber_hash in (enrolled.identity.hash, "0" * 32):
        service.recorder.clear()
        reply = service.verify(f"{subscriber_hash}.{'A' * 43}", "123456")
        found.append((_told(reply), [_shape(call) for call in service.recorder.calls if call.operation != "query"]))
    assert found[0][0] == found[1][0]
    assert [shape for shape in found[0][1] if shape[0] == "update_item"] == (
        [shape for shape in found[1][1] if shape[0] == "update_item"]
    )


def test_a_refresh_token_of_nobody_and_of_somebody_are_refused_alike(service: Service, enrolled: Person) -> None:
    genuine = service.session(enrolled)["refresh_token"].split(".")
    forged = [
        f"{genuine[0]}.{genuine[1]}.{'A' * 43}",
        f"{genuine[0]}.{'A' * 16}.{'A' * 43}",
        f"{'0' * 32}.{'A' * 16}.{'A' * 43}",
    ]
    told = [_told(service.post("/refresh", {"refresh_token": each})) for each in forged]
    assert told[0] == told[1] == told[2]
    assert told[0][1]["code"] == "invalid_token"


# --- from within an account: what belongs to another one, or to somebody else, is not there

ABOUT_SOMEBODY = [route for route in contract.ROUTES if "{login_name}" in route.path]
OF_ONES_OWN = [route for route in contract.ROUTES if "{id}" in route.path]


@pytest.mark.parametrize("route", ABOUT_SOMEBODY, ids=named)
def test_a_name_of_another_account_and_a_name_of_nobody_are_refused_alike(service: Service, route: Route) -> None:
    """The account is the admin's own, from the token: no name of another one is ever looked for."""
    success = SUCCESSES[route](service)
    service.account("other")
    service.bound_person("somebody", account="other")
    found = []
    for name in ("somebody", "nobody00"):
        service.recorder.clear()
        reply = success._replace(path=route.path.replace("{login_name}", name)).send(service)
        found.append((_told(reply), _cost(service)))
    assert found[0] == found[1]
    assert found[0][0][1]["code"] == "not_found"
    assert not service.recorder.count("update_item", "put_item", "transact_write_items")


@pytest.mark.parametrize("route", OF_ONES_OWN, ids=named)
def test_somebody_elses_id_and_an_id_of_nothing_are_refused_alike(service: Service, route: Route) -> None:
    success, other = SUCCESSES[route](service), service.bound_person("other")
    theirs = {
        "/me/authenticators/{id}": next(iter(service.record(other).authenticators)),
        "/me/sessions/{id}": sign_in(service, other).sid,
    }[route.path]
    before, found = service.state(), []
    for id_ in (theirs, "A" * 16):
        service.recorder.clear()
        reply = success._replace(path=route.path.replace("{id}", id_)).send(service)
        found.append((_told(reply), _cost(service)))
    assert found[0] == found[1]
    assert found[0][0][1]["code"] == "not_found"
    assert service.state() == before


def test_lists_show_nobody_of_another_account(service: Service) -> None:
    service.account("other")
    theirs = service.bound_person("stranger", account="other")
    service.session(theirs)
    service.log_in(theirs, WRONG)
    admin = SUCCESSES[contract.AUDIT](service).token
    for path in (
        "/admin/subscribers",
        "/admin/subscribers?prefix=str",
        "/admin/audit",
        "/admin/audit?login_name=stranger",
    ):
        shown = service.get(path, token=admin)
        assert shown.status == 200
        assert "stranger" not in json.dumps(shown.body)
        assert theirs.sub not in json.dumps(shown.body)
    counted = service.get("/admin/summary", token=admin).body
    assert counted["subscribers"] == sum(item.get("a") == ACCOUNT for item in service.state())


@pytest.mark.parametrize("route", [contract.LIST_SUBSCRIBERS, contract.AUDIT, contract.OWN_EVENTS], ids=named)
def test_a_cursor_is_good_for_the_caller_who_got_it_and_for_that_list_alone(service: Service, route: Route) -> None:
    mine, yours = SUCCESSES[route](service), SUCCESSES[route](service)
    for it in (mine, yours):
        for _ in range(2):
            service.session(it.person)  # so that there is a second page
            service.clock.advance(30)
    cursor = mine.send_bytes(service, b"", query="limit=1").body["cursor"]
    assert cursor
    assert mine.send_bytes(service, b"", query=f"limit=1&cursor={cursor}").status == 200
    assert yours.send_bytes(service, b"", query=f"limit=1&cursor={cursor}").code == "invalid_request"
    for other in (contract.LIST_SUBSCRIBERS, contract.AUDIT, contract.OWN_EVENTS):
        if other is not route:
            moved = mine._replace(route=other).send_bytes(service, b"", query=f"cursor={cursor}")
            assert moved.code in ("invalid_request", "forbidden"), other


def test_a_wrong_current_password_tells_no_more_than_at_the_login(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash, the name's own budget, and an event that holds nothing of what was typed."""
    it = SUCCESSES[contract.CHANGE_PASSWORD](service)
    hashed: list[bytes] = []
    verify = argon2.PasswordHasher.verify

    def counting(self: argon2.PasswordHasher, encoded: str, presented: bytes) -> Any:
        hashed.append(presented)
        return verify(self, encoded, presented)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counting)
    reply = it.send(service, {**it.body, "current_password": WRONG})
    assert reply.code == "invalid_credentials"
    assert hashed == [WRONG.encode()]
    [event] = service.events("password_changed")
    assert event["outcome"] == "failure"
    for typed in (WRONG, it.body["new_password"]):
        assert typed not in repr(event)
