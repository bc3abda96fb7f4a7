"""Attacks A48 and A32: one environment serves many people and accounts, and none of them meets another."""

import gc
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from functions.admin import app as admin_app
from functions.enroll import app as enroll_app
from functions.login import app as login_app
from functions.me import app as me_app
from functions.password import app as password_app
from functions.refresh import app as refresh_app
from functions.reset import app as reset_app
from functions.verify import app as verify_app
from tests.attacks.raw import assert_is_problem
from tests.service import PASSWORD, Person, Service, race

OTHER = "other"


@pytest.fixture
def two(service: Service) -> tuple[Person, Person]:
    """Return two people of two accounts, with the same login name and the same password."""
    service.account(OTHER, otp_issuer="Other Inc", display_name="Other Inc")
    return service.bound_person("same"), service.bound_person("same", account=OTHER)


def _marks(person: Person, tokens: dict[str, Any]) -> list[str]:
    """Return what belongs to one person alone."""
    return [person.sub, person.identity.hash, person.secret.base32, *person.recovery_codes, *map(str, tokens.values())]


def test_two_people_who_alternate_never_meet(service: Service, two: tuple[Person, Person]) -> None:
    challenges = [service.challenge(person) for person in two]
    tokens = [
        service.verify(challenge, service.code(person)).body for challenge, person in zip(challenges, two, strict=True)
    ]
    for _ in range(3):
        for me, them in ((0, 1), (1, 0)):
            shown = [
                service.log_in(two[me]).body,
                service.get("/me", token=tokens[me]["access_token"]).body,
                service.get("/me", token=tokens[me]["account_token"]).body,
                service.verify(service.challenge(two[me]), service.wrong_code(two[me])).body,
            ]
            assert shown[1]["sub"] == two[me].sub
            assert shown[1]["account"] == two[me].identity.account
            unique = [
                mark
                for mark in _marks(two[them], tokens[them])
                if mark not in ("done", "Bearer", "900", "10") and len(mark) > 8 and not mark.isdecimal()
            ]
            for mark in unique:
                assert mark not in json.dumps(shown)


def test_many_people_at_the_same_time_each_get_their_own_session(service: Service) -> None:
    people = [service.bound_person(f"p{number}") for number in range(8)]
    challenges = [service.challenge(person) for person in people]
    codes = [service.code(person) for person in people]

    def attempt(number: int) -> Any:
        return lambda: service.verify(challenges[number], codes[number])

    replies = race(*(attempt(number) for number in range(8)))
    for person, reply in zip(people, replies, strict=True):
        assert service.get("/me", token=reply.body["access_token"]).body["sub"] == person.sub
        assert reply.body["refresh_token"].startswith(person.identity.hash)


def test_a_name_of_two_accounts_is_two_people_and_two_budgets(service: Service, two: tuple[Person, Person]) -> None:
    mine, yours = two
    for _ in range(11):
        service.log_in(mine, "wrong")
    assert service.log_in(mine).code == "too_many_attempts"
    assert service.log_in(yours).status == 200
    challenge = service.challenge(yours)
    assert service.verify(challenge, service.code(mine)).code == "invalid_code"


# --- caches: keyed by what they belong to


def test_a_policy_is_remembered_for_its_own_account_only(service: Service) -> None:
    service.account("strict", mfa_required=True, tolerance_steps=0)
    service.account("loose", mfa_required=False)
    strict, loose = (service.person("agent", account=account) for account in ("strict", "loose"))
    for _ in range(2):
        assert service.log_in(loose).body["next"] == "done"
        assert service.log_in(strict).body["next"] == "enroll"
        service.clock.advance(30)


def test_a_tolerance_is_that_of_the_subscribers_account(service: Service) -> None:
    service.account("strict", tolerance_steps=0)
    service.account("loose", tolerance_steps=1)
    strict, loose = (service.bound_person("agent", account=account) for account in ("strict", "loose"))
    assert service.verify(service.challenge(loose), service.code(loose, steps=-1)).status == 200
    assert service.verify(service.challenge(strict), service.code(strict, steps=-1)).code == "invalid_code"


def test_an_issuer_and_its_label_are_those_of_the_subscribers_account(service: Service) -> None:
    service.account("a1", otp_issuer="First")
    service.account("a2", otp_issuer="Second")
    for _ in range(2):
        for account, issuer in (("a1", "First"), ("a2", "Second")):
            person = service.person("agent", account=account)
            answer = service.enroll(person).body
            assert (answer["issuer"], answer["label"]) == (issuer, f"{issuer}:agent")


def test_a_policy_is_remembered_for_a_minute_at_most(service: Service) -> None:
    service.account(mfa_required=False)
    person = service.person("agent")
    assert service.log_in(person).body["next"] == "done"
    cached = dict(service.services.store.accounts._policies)
    service.account(mfa_required=True)
    service.services.store.accounts._policies.update(cached)
    service.clock.advance(61)
    assert service.log_in(person).body["next"] == "enroll"


# --- nothing of a person stays in the environment


APPS = [admin_app, enroll_app, login_app, me_app, password_app, refresh_app, reset_app, verify_app]


def _reachable(roots: list[object]) -> Iterator[object]:
    """Walk over what is kept alive by the functions' modules and parts, within our own package and plain values."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        it = waiting.pop()
        if id(it) in seen or isinstance(it, type | ModuleType):
            continue
        seen.add(id(it))
        yield it
        module = type(it).__module__
        if module == "builtins" or module.startswith(("secondstep", "functions")):
            waiting.extend(gc.get_referents(it))


def test_after_a_login_nothing_of_the_person_is_left_in_the_environment(service: Service) -> None:
    """Environments are frozen and used again, and memory is dumped: only clients, policies and keys may stay (A48)."""
    person = service.bound_person("ephemeral-name")
    tokens = service.session(person)
    service.post("/refresh", {"refresh_token": tokens["refresh_token"]})
    service.recorder.clear()
    parts = service.services
    roots: list[object] = [parts.store.accounts, parts.seal_key._key_id, parts.settings, parts.keyring._keys]
    roots += [vars(app) for app in APPS]
    marks = [mark for mark in _marks(person, tokens) if len(mark) > 8] + [person.login_name, PASSWORD]
    for it in _reachable(roots):
        if isinstance(it, str | bytes):
            text = it if isinstance(it, str) else it.decode("latin-1")
            assert not any(mark in text for mark in marks if mark != "done"), text[:80]


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.__name__)
def test_a_functions_module_holds_no_state_of_its_own(app: ModuleType) -> None:
    for name, value in vars(app).items():
        if not name.startswith("__"):
            assert not isinstance(value, dict | list | set), name


# --- A32: an admin's account is the token's, whatever a request says


@pytest.fixture
def foreign_admin_token(service: Service) -> str:
    service.account(OTHER)
    return str(service.session(service.bound_admin("boss", account=OTHER))["account_token"])


def test_an_admin_of_another_account_finds_nobody(service: Service, enrolled: Person, foreign_admin_token: str) -> None:
    before = service.record(enrolled)
    assert_is_problem(service.reset(foreign_admin_token, enrolled.login_name), "not_found")
    for headers in ({"X-Account": "acme"}, {"Host": "acme.example"}, {"X-Amzn-Account": "acme"}):
        assert_is_problem(service.reset(foreign_admin_token, enrolled.login_name, headers=headers), "not_found")
    assert service.record(enrolled) == before
    assert service.events("reset") == []


@pytest.mark.parametrize(
    "name", ["acme/enrolled", "acme%0aenrolled", "acme:enrolled", "enrolled@acme", "acme%2fenrolled"]
)
def test_no_spelling_of_a_name_reaches_into_another_account(
    service: Service, enrolled: Person, foreign_admin_token: str, name: str
) -> None:
    reply = service.call("POST", f"/admin/subscribers/{name}/reset", {"reason": "x"}, token=foreign_admin_token)
    assert reply.code in ("not_found", "invalid_request")
    assert service.record(enrolled).is_bound


@pytest.mark.parametrize("field", ["account", "account_id", "tenant", "sub"])
def test_no_field_of_a_body_names_another_account(
    service: Service, enrolled: Person, foreign_admin_token: str, field: str
) -> None:
    reset = {"reason": "x", field: "acme"}
    path = f"/admin/subscribers/{enrolled.login_name}/reset"
    assert_is_problem(service.post(path, reset, token=foreign_admin_token), "invalid_request")
    invite = {"login_name": "intruder", "role": "admin", field: "acme"}
    assert_is_problem(service.post("/admin/subscribers", invite, token=foreign_admin_token), "invalid_request")


def test_an_invitation_lands_in_the_admins_own_account(service: Service, foreign_admin_token: str) -> None:
    assert (
        service.post("/admin/subscribers", {"login_name": "fresh", "role": "agent"}, token=foreign_admin_token).status
        == 201
    )
    [invited] = [item for item in service.state() if item.get("n") == "fresh"]
    assert invited["a"] == OTHER


def test_the_same_name_in_both_accounts_is_reset_in_the_admins_own(
    service: Service, two: tuple[Person, Person], foreign_admin_token: str
) -> None:
    mine, theirs = two
    service.reset(foreign_admin_token, "same")
    assert service.record(mine).is_bound
    assert not service.record(theirs).is_bound
