"""The budget of AWS calls, counted and asserted; `-s` prints the table. Warm: policy and signing key are cached."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from secondstep.store.codec import encode_item
from secondstep.subscriber import Status
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
