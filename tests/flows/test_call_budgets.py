"""The budget of AWS calls, counted and asserted; `-s` prints the table. Warm: policy and signing key are cached."""

import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest

from secondstep.store.codec import encode_item
from secondstep.subscriber import Status
from tests.attacks import successes
from tests.attacks.successes import Success
from tests.service import PASSWORD, Person, Service, secret_of


class Budget(NamedTuple):
    """DynamoDB round trips and calls, and the KMS operations."""

    round_trips: int
    calls: int
    kms: list[str]


def _warm(service: Service) -> None:
    person = service.bound_person("warm")
    service.session(person)
    service.recorder.clear()


def _counted(service: Service, name: str, act: Callable[[], object]) -> Budget:
    service.recorder.clear()
    act()
    found = Budget(service.recorder.round_trips, len(service.recorder.dynamodb), service.recorder.kms)
    sys.stdout.write(f"{name:45} {found.round_trips} · {found.calls}  {' '.join(found.kms) or '-'}\n")
    return found


def test_a_right_password_costs_two_round_trips_and_three_calls(service: Service, enrolled: Person) -> None:
    _warm(service)
    found = _counted(service, "/login, right password", lambda: service.log_in(enrolled))
    assert found == (2, 3, [])


@pytest.mark.parametrize("who", ["wrong password", "unknown name", "disabled", "unknown account"])
def test_every_refused_password_costs_the_same_calls(service: Service, enrolled: Person, who: str) -> None:
    _warm(service)
    if who == "disabled":
        service.change(enrolled, status=Status.DISABLED)
    account = "nowhere" if who == "unknown account" else "acme"
    name = "nobody" if who == "unknown name" else "enrolled"
    presented = PASSWORD if who in ("disabled", "unknown account", "unknown name") else "wrong"
    body = {"account": account, "login_name": name, "password": presented}
    found = _counted(service, f"/login, {who}", lambda: service.post("/login", body))
    assert found == (2, 4, [])
    kinds = sorted(service.recorder.dynamodb)
    assert kinds == ["batch_get_item", "put_item", "update_item", "update_item"]


def test_a_right_code_costs_two_calls_and_one_decrypt(service: Service, enrolled: Person) -> None:
    _warm(service)
    challenge = service.challenge(enrolled)
    found = _counted(service, "/verify, right code", lambda: service.verify(challenge, service.code(enrolled)))
    assert found == (2, 2, ["decrypt"])
    assert service.recorder.dynamodb == ["update_item", "transact_write_items"]


@pytest.mark.parametrize("authenticators", [1, 3])
def test_a_wrong_code_costs_two_calls_and_a_decrypt_for_each_authenticator(
    service: Service, authenticators: int
) -> None:
    _warm(service)
    person = service.bound_person(authenticators=authenticators)
    challenge = service.challenge(person)
    name = f"/verify, wrong code, {authenticators} bound"
    found = _counted(service, name, lambda: service.verify(challenge, service.wrong_code(person)))
    assert found == (2, 2, ["decrypt"] * authenticators)


def test_a_drained_budget_costs_one_call_and_no_key(service: Service, enrolled: Person) -> None:
    _warm(service)
    for _ in range(2):
        challenge = service.challenge(enrolled)
        for _ in range(5):
            assert service.verify(challenge, service.wrong_code(enrolled)).code == "invalid_code"
    challenge = service.challenge(enrolled)
    found = _counted(service, "/verify, budget used up", lambda: service.verify(challenge, service.code(enrolled)))
    assert found == (1, 1, [])


def test_a_secret_costs_two_calls_and_one_encrypt(service: Service, agent: Person) -> None:
    _warm(service)
    challenge = service.challenge(agent)
    found = _counted(service, "/enroll", lambda: service.post("/enroll", {"challenge": challenge}))
    assert found == (2, 2, ["encrypt"])


def test_confirming_an_enrollment_costs_two_calls_and_one_decrypt(service: Service, agent: Person) -> None:
    _warm(service)
    answer = service.enroll(agent).body
    code = service.code_of(secret_of(answer["secret"]))
    found = _counted(service, "confirm an enrollment", lambda: service.verify(answer["challenge"], code))
    assert found == (2, 2, ["decrypt"])


def test_a_refresh_costs_two_calls_and_no_key(service: Service, enrolled: Person) -> None:
    _warm(service)
    tokens = service.session(enrolled)
    body = {"refresh_token": tokens["refresh_token"]}
    found = _counted(service, "/refresh", lambda: service.post("/refresh", body))
    assert found == (2, 2, [])


def test_a_bearer_route_costs_one_call(service: Service, enrolled: Person) -> None:
    _warm(service)
    tokens = service.session(enrolled)
    found = _counted(service, "GET /me", lambda: service.get("/me", token=tokens["access_token"]))
    assert found == (1, 1, [])


def test_a_reset_costs_two_calls_and_no_key(service: Service, enrolled: Person, admin_token: str) -> None:
    _warm(service)
    found = _counted(service, "admin reset", lambda: service.reset(admin_token, enrolled.login_name))
    assert found == (2, 2, [])
    assert service.recorder.dynamodb == ["batch_get_item", "transact_write_items"]


class Cost(NamedTuple):
    """The DynamoDB operations in order, and the KMS operations."""

    operations: list[str]
    kms: list[str]


READ, COMMIT = "batch_get_item", "transact_write_items"
COSTS: dict[str, tuple[Callable[[Service], Success], Cost]] = {
    "change the profile": (successes.change_profile, Cost([READ, COMMIT], [])),
    "add an authenticator": (successes.add_authenticator, Cost([READ, "update_item"], ["encrypt"])),
    "confirm what was added": (successes.confirm_added, Cost([READ, "update_item", COMMIT], ["decrypt"])),
    "rename": (successes.rename_authenticator, Cost([READ, COMMIT], [])),
    "remove": (successes.remove_authenticator, Cost([READ, COMMIT], [])),
    "renew recovery codes": (successes.renew_recovery_codes, Cost([READ, COMMIT], [])),
    "change the password": (successes.change_password, Cost([READ, "update_item", COMMIT], [])),
    "list sessions": (successes.list_sessions, Cost([READ, "query"], [])),
    "end another session": (successes.end_session, Cost([READ, "get_item", COMMIT], [])),
    "read own events": (successes.own_events, Cost([READ, "query"], [])),
    "list subscribers": (successes.list_subscribers, Cost([READ, "query", READ], [])),
    "count": (successes.summary, Cost([READ, "get_item", "query", READ, "update_item"], [])),
    "read": (successes.read_subscriber, Cost([READ, READ], [])),
    "disable": (successes.change_subscriber, Cost([READ, READ, COMMIT], [])),
    "delete": (successes.delete_subscriber, Cost([READ, READ, COMMIT], [])),
    "reset the password": (successes.reset_password, Cost([READ, READ, COMMIT], [])),
    "unlock": (successes.unlock, Cost([READ, READ, COMMIT], [])),
    "read the policy": (successes.read_policy, Cost([READ, "get_item"], [])),
    "replace the policy": (successes.replace_policy, Cost([READ, "get_item", COMMIT], [])),
    "set the logo": (successes.set_logo, Cost([READ, COMMIT], [])),
    "read the audit": (successes.audit, Cost([READ, *["query"] * 8], [])),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_route_of_ones_own_account_or_of_an_admin_makes_exactly_these_calls(service: Service, name: str) -> None:
    """The bearer's read first (of an admin route the authorizer's); one transaction where anything changes."""
    make, expected = COSTS[name]
    it = make(service)
    _warm(service)
    found = _counted(service, name, lambda: it.send(service))
    assert Cost(service.recorder.dynamodb, found.kms) == expected
    assert found.round_trips == found.calls


def test_counting_again_within_a_minute_reads_what_was_kept(service: Service) -> None:
    it = successes.summary(service)
    it.send(service)
    found = _counted(service, "count, kept", lambda: it.send(service))
    assert found == (2, 2, [])
    assert service.recorder.dynamodb == [READ, "get_item"]


def test_the_audit_of_one_name_is_one_query(service: Service) -> None:
    it = successes.audit(service)
    _warm(service)
    named = f"login_name={it.person.login_name}"
    found = _counted(service, "read the audit, one name", lambda: it.send_bytes(service, b"", query=named))
    assert found == (2, 2, [])


def test_a_list_costs_the_same_however_many_there_are(service: Service) -> None:
    it = successes.list_subscribers(service)
    for number in range(60):
        service.person(f"s{number:03d}")
    found = _counted(service, "list, 50 of 60", lambda: it.send(service))
    assert found == (3, 3, [])


def test_what_changes_nothing_writes_nothing(service: Service) -> None:
    for make in (successes.change_profile, successes.rename_authenticator, successes.change_subscriber):
        it = make(service)
        assert it.send(service).status == 200
        again = partial(it.send, service)
        _counted(service, f"{it.route.method} {it.route.path}, again", again)
        assert not service.recorder.count("update_item", "put_item", COMMIT)


def test_health_makes_no_call(service: Service) -> None:
    found = _counted(service, "/health", lambda: service.get("/health"))
    assert found == (0, 0, [])


def test_the_login_path_never_queries_or_scans_once_warm(service: Service, enrolled: Person) -> None:
    _warm(service)
    service.session(enrolled)
    assert service.recorder.count("query", "scan") == 0


def test_the_usual_subscriber_is_one_write_unit(service: Service, agent: Person) -> None:
    """The size of DynamoDB's accounting: names and values, with an open challenge and one authenticator."""
    reply, _ = service.bind(agent)
    assert reply.status == 200
    service.challenge(agent)
    assert _size(service.item(agent)) < 1024


def _size(item: dict[str, object]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: object) -> int:
    match value:
        case bool():
            return 1
        case int():
            return 2 + len(str(value)) // 2
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case frozenset():
            return 3 + sum(len(each) for each in value)
        case dict():
            return 3 + sum(len(name.encode()) + _value_size(each) + 1 for name, each in value.items())
        case list():
            return 3 + sum(_value_size(each) + 1 for each in value)
        case _:
            raise TypeError(type(value).__name__)


def test_the_size_is_counted_as_dynamodb_counts_it() -> None:
    assert _size({"pk": "ab", "n": 7, "b": b"1234"}) == 2 + 2 + 1 + 2 + 1 + 4
    assert encode_item({"n": 7}) == {"n": {"N": "7"}}
