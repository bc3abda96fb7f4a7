"""Attacks A15, A19, A20, A21, A25: other doors, other tokens, another order; none of them opens anything."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from secondstep import contract, site_map
from secondstep.contract import Route
from secondstep.session import PASSWORD_AND_CODE
from tests.attacks import raw
from tests.attacks.raw import assert_has_fixed_headers, assert_is_problem
from tests.attacks.successes import (
    BEARERS,
    NEW_PASSWORD,
    SUCCESSES,
    confirmation,
    fresh_name,
    invited,
    named,
    sign_in,
    verification,
)
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, count, secret_of

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Post"]
RESOURCES = sorted({route.path for route in contract.ROUTES})


def test_the_template_has_the_contracts_routes_their_preflights_and_no_other_door(service: Service) -> None:
    deployed = {(route.method, route.resource) for route in service.gateway.api.routes}
    described = {(route.method, route.path) for route in (*contract.ROUTES, *site_map.PAGES)}
    token = (contract.TOKEN.method, contract.TOKEN.path)  # outside the contract for JSON, as RFC 6749 has it
    assert deployed == described | {token} | {("OPTIONS", path) for path in (*RESOURCES, contract.TOKEN.path)}


def test_the_authorizer_stands_before_every_admin_route_and_its_answer_is_never_kept(service: Service) -> None:
    for route in service.gateway.api.routes:
        if route.method != "OPTIONS":
            assert (route.authorizer is not None) == route.resource.startswith(("/admin/", "/ui/admin")), route


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_other_method_is_not_found_and_runs_nothing(service: Service, resource: str) -> None:
    described = {route.method for route in contract.ROUTES if route.path == resource} | {"OPTIONS"}
    service.recorder.clear()
    for method in METHODS:
        if method not in described:
            reply = raw.send(service, method, _somebody(resource), b"{}")
            assert reply.status == 404, method
            assert_is_problem(reply, "not_found")
    assert service.recorder.calls == []


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_preflight_answers_without_any_call(service: Service, resource: str) -> None:
    service.recorder.clear()
    headers = (("Origin", "https://app.example.test"), ("Access-Control-Request-Method", "POST"))
    reply = raw.send(service, "OPTIONS", _somebody(resource), headers=headers)
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example.test"
    assert "Access-Control-Allow-Credentials" not in reply.headers
    assert_has_fixed_headers(reply)
    stranger = raw.send(service, "OPTIONS", _somebody(resource), headers=(("Origin", "https://evil.example"),))
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert service.recorder.calls == []


def _somebody(resource: str) -> str:
    return resource.replace("{login_name}", "somebody").replace("{id}", "AAAAAAAAAAAAAAAA")


def _spellings(path: str) -> list[str]:
    first, rest = path[1], path[2:]
    spellings = [
        f"/{path}",
        f"{path}//",
        f"/.{path}",
        f"/x/..{path}",
        f"/%2e{path}",
        f"/%2e%2e{path}",
        f"/%2f{path[1:]}",
        f"/live{path}",
        f"/v1{path}",
        f"/{first}{rest.upper()}",
        f"/%{ord(first):02x}{rest}",
        f"{path};a=b",
        f"{path}%00",
        f"{path}%20",
        f"{path}%2f",
        f"{path}%2f..",
        f"{path}.json",
        f"{path}/x",
        path.replace("/", "\\"),
        path[1:],
    ]
    return [each for each in spellings if each != path]


@pytest.mark.parametrize("route", contract.ROUTES, ids=named)
def test_another_spelling_of_a_path_is_not_found_and_runs_nothing(service: Service, route: Route) -> None:
    """Behind a path that ends with a name everything is a name; without a token none of them is looked up."""
    service.recorder.clear()
    for path in _spellings(_somebody(route.path)):
        reply = raw.send(service, route.method, path, b"" if route.method == "GET" else b"{}")
        expected = ("invalid_token", "invalid_request") if _is_ours(route.method, path) else ("not_found",)
        assert_is_problem(reply, *expected)
    assert service.recorder.calls == []


def _is_ours(method: str, path: str) -> bool:
    patterns = [re.sub(r"\{\w+\}", "[^/]+", route.path) for route in contract.ROUTES if route.method == method]
    return any(re.fullmatch(pattern, path) for pattern in patterns)


@pytest.mark.parametrize("route", contract.ROUTES, ids=named)
def test_a_slash_at_the_end_is_the_same_door(service: Service, route: Route) -> None:
    """API Gateway ignores it; so what stands behind must ask for the very same things."""
    success = SUCCESSES[route](service)
    slashed = success._replace(path=success.target + "/")
    assert_is_problem(slashed.send_bytes(service, success.sent, query="x=1"), "invalid_request")
    if route.bearer != "none":
        assert_is_problem(BEARERS[route](service)._replace(token=None).send(service), "invalid_token")
    assert slashed.send(service).status == route.status


def test_the_routes_of_the_local_run_are_not_behind_the_gateway(service: Service) -> None:
    for path in ("/_local/clock", "/_local/reset"):
        assert raw.send(service, "POST", path, b"{}").status == 404


@pytest.mark.parametrize("name", ["a%2fb", "a%252fb", "%2e%2e", "..", "a%00", "a%3f", "a%23", "%25", "x%e2%80%ae"])
def test_a_name_in_a_path_is_decoded_once_and_never_walks(service: Service, admin_token: str, name: str) -> None:
    before = service.state()
    path = f"/admin/subscribers/{name}/reset"
    reply = raw.send(service, "POST", path, b'{"reason": "x"}', token=admin_token)
    assert_is_problem(reply, "invalid_request", "not_found")
    assert service.state() == before


def test_a_name_in_a_path_is_the_same_person_in_every_spelling(service: Service, admin_token: str) -> None:
    person = service.bound_person("jos\u00e9+x@example.com")
    for name in ("jos%C3%A9%2Bx%40example.com", "JOSE%CC%81+X@EXAMPLE.com"):
        assert (
            raw.send(service, "POST", f"/admin/subscribers/{name}/reset", b'{"reason": "x"}', token=admin_token).status
            == 200
        )
    assert service.record(person).authenticators == {}


def test_a_head_is_not_a_get(service: Service) -> None:
    assert raw.send(service, "HEAD", "/health").status == 404


# --- every kind of token at every place where another kind is wanted


class Tokens(NamedTuple):
    """One of each kind, all of them live, and the people they belong to."""

    kinds: dict[str, str]
    people: list[Person]


def _tokens(service: Service) -> Tokens:
    """The session is an admin's who has just logged in with both steps: the strongest that there is."""
    boss = service.bound_admin(fresh_name())
    session = service.session(boss)
    service.clock.advance(30)
    ticketed = service.bound_person(fresh_name())
    enrollment_ticket = service.reset(session["account_token"], ticketed.login_name).body["ticket"]
    newcomer, password_ticket = invited(service)
    pending = confirmation(service)
    pending_code = service.code_of(pending.person.secret)
    adding = service.post("/me/authenticators", {"name": "Tablet"}, token=session["account_token"]).body
    session_id = _claims(session["account_token"])["sid"]
    kinds = {
        "verify challenge": service.challenge(boss),
        "enroll challenge": service.challenge(ticketed),
        "confirm challenge": pending.body["challenge"],
        "add challenge": adding["challenge"],
        "access_token": session["access_token"],
        "account_token": session["account_token"],
        "refresh token": session["refresh_token"],
        "enrollment ticket": enrollment_ticket,
        "password ticket": password_ticket,
        "recovery code": boss.recovery_codes[0],
        "code": service.code(boss),
        "code of a secret that waits": pending_code,
        "code of a secret to add": service.code_of(secret_of(adding["secret"])),
        "sid": session_id,
        "authenticator": next(iter(service.record(boss).authenticators)),
        "sub": boss.sub,
        "hash": boss.identity.hash,
        "login name": boss.login_name,
        "password": PASSWORD,
    }
    return Tokens(kinds, [boss, ticketed, newcomer, pending.person, service.person(fresh_name())])


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


class Place(NamedTuple):
    """Where a token is presented, and which kinds are at home there."""

    wants: frozenset[str]
    present: Callable[[Service, Tokens, str], Reply]


def _place(*wants: str) -> Callable[[Callable[[Service, Tokens, str], Reply]], Callable[[Service, Tokens, str], Reply]]:
    def register(present: Callable[[Service, Tokens, str], Reply]) -> Callable[[Service, Tokens, str], Reply]:
        PLACES[present.__name__.strip("_").replace("_", " ")] = Place(frozenset(wants), present)
        return present

    return register


PLACES: dict[str, Place] = {}


@_place("enroll challenge")
def _challenge_at_enroll(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/enroll", {"challenge": token, "ticket": tokens.kinds["enrollment ticket"]})


@_place("enrollment ticket")
def _ticket_at_enroll(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/enroll", {"challenge": service.challenge(tokens.people[1]), "ticket": token})


@_place("verify challenge")
def _challenge_at_verify(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.verify(token, tokens.kinds["code"])


@_place("confirm challenge")
def _challenge_with_the_code_of_a_waiting_secret(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.verify(token, tokens.kinds["code of a secret that waits"])


@_place("add challenge")
def _challenge_with_the_code_of_a_secret_to_add(service: Service, tokens: Tokens, token: str) -> Reply:
    body = {"challenge": token, "code": tokens.kinds["code of a secret to add"]}
    return service.post("/verify", body, token=tokens.kinds["account_token"])


@_place()
def _challenge_of_an_addition_without_its_session(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.verify(token, tokens.kinds["code of a secret to add"])


@_place("recovery code")
def _recovery_code_at_verify(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/verify", {"challenge": service.challenge(tokens.people[0]), "recovery_code": token})


@_place("code")
def _code_at_verify(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.verify(service.challenge(tokens.people[0]), token)


@_place("code")
def _code_at_step_up(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/step-up", {"code": token}, token=tokens.kinds["account_token"])


@_place()
def _password_at_step_up_of_somebody_bound(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/step-up", {"password": token}, token=tokens.kinds["account_token"])


@_place("password ticket")
def _ticket_at_password(service: Service, tokens: Tokens, token: str) -> Reply:
    service.clock.advance(60)  # the name's budget, so that each kind is really looked at
    newcomer = tokens.people[2]
    body = {"account": ACCOUNT, "login_name": newcomer.login_name, "ticket": token, "new_password": NEW_PASSWORD}
    return service.post("/password", body, source=f"198.51.100.{hash(token) % 250}")


@_place()
def _ticket_at_password_of_somebody_who_was_reset(service: Service, tokens: Tokens, token: str) -> Reply:
    service.clock.advance(60)
    name = tokens.people[1].login_name
    body = {"account": ACCOUNT, "login_name": name, "ticket": token, "new_password": NEW_PASSWORD}
    return service.post("/password", body)


@_place("refresh token")
def _at_refresh(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/refresh", {"refresh_token": token})


@_place("refresh token")
def _at_logout(service: Service, tokens: Tokens, token: str) -> Reply:
    return service.post("/logout", {"refresh_token": token})


@_place("password")
def _password_at_login(service: Service, tokens: Tokens, token: str) -> Reply:
    service.clock.advance(60)
    return service.log_in(tokens.people[0], token)


@contextmanager
def _session_of(service: Service, person: Person, *amr: str) -> Iterator[str]:
    """Give a fresh session for one request, which leaves nothing behind."""
    token = sign_in(service, person, amr or PASSWORD_AND_CODE).account_token
    yield token
    service.post("/logout", token=token)


@_place("password")
def _current_password_at_me(service: Service, tokens: Tokens, token: str) -> Reply:
    service.clock.advance(60)
    body = {"current_password": token, "new_password": NEW_PASSWORD}
    with _session_of(service, tokens.people[0]) as fresh:
        return service.post("/me/password", body, token=fresh)


@_place()
def _ticket_at_an_addition_that_wants_none(service: Service, tokens: Tokens, token: str) -> Reply:
    with _session_of(service, tokens.people[4], "pwd") as fresh:
        return service.post("/me/authenticators", {"name": "Tablet", "ticket": token}, token=fresh)


REFUSALS = {
    "invalid_request",
    "challenge_invalid",
    "ticket_invalid",
    "invalid_code",
    "invalid_token",
    "invalid_credentials",
}


def _held(service: Service, tokens: Tokens) -> list[object]:
    """Everything that a refused guess must not change; what it does cost is asserted elsewhere."""
    held: list[object] = []
    for person in tokens.people:
        it = service.record(person)
        held += [it.authenticators, it.recovery_codes, it.enrollment, it.status, it.role, it.epoch, it.password_hash]
        held += [it.password_ticket, it.enrollment_ticket]
    state = service.state()
    sessions = sorted(repr(item) for item in state if item["sk"].startswith("SESSION#"))
    return [*held, sessions, sorted(item["pk"] for item in state if item["sk"] == "STATE")]


@pytest.mark.parametrize("place", PLACES)
def test_no_other_kind_of_token_is_taken_here_and_nothing_changes(service: Service, place: str) -> None:
    tokens = _tokens(service)
    wants, present = PLACES[place]
    before = _without_failures(_held(service, tokens))
    for kind, token in tokens.kinds.items():
        if kind not in wants and not (place.startswith("code") and "code of" in kind):
            reply = present(service, tokens, token)
            assert reply.code in REFUSALS, (kind, reply.body)
            assert "access_token" not in reply.body
    assert _without_failures(_held(service, tokens)) == before
    for kind in sorted(wants)[:1]:  # so that the others were refused for the right reason
        assert present(service, tokens, tokens.kinds[kind]).status < 300, kind


def test_no_other_kind_of_token_opens_a_bearer_route_and_nothing_changes(service: Service) -> None:
    """Every route that wants a bearer token, and all of them for the one session's own account token."""
    tokens = _tokens(service)
    requests = {route: make(service) for route, make in BEARERS.items()}
    before = sorted(map(repr, service.state()))
    for route, it in requests.items():
        for kind, token in tokens.kinds.items():
            if kind not in ("account_token", *(["access_token"] if route is contract.ME else [])):
                reply = it._replace(token=token).send(service)
                assert_is_problem(reply, "invalid_token")
    assert sorted(map(repr, service.state())) == before
    for it in requests.values():
        assert it.send(service).status == it.route.status, it.route


def _without_failures(held: list[object]) -> str:
    """Leave out a session's count of failed step-ups: that is what the guess has cost."""
    first, *rest = repr(held).split("'f': ")
    return first + "".join(part.lstrip("0123456789") for part in rest)


# --- A19: whose challenge it is decides whose codes are asked


def test_a_challenge_is_never_answered_with_somebody_elses_code(service: Service) -> None:
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    challenge = service.challenge(yours)
    assert service.verify(challenge, service.code(mine)).code == "invalid_code"
    own = {"challenge": challenge, "recovery_code": mine.recovery_codes[0]}
    assert service.post("/verify", own).code == "invalid_code"
    assert service.sessions(yours) == service.sessions(mine) == []


@pytest.mark.parametrize("field", ["sub", "account", "login_name", "user_id", "hash", "epoch", "subscriber"])
def test_no_field_of_a_body_says_whose_challenge_it_is(service: Service, field: str) -> None:
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    body = {"challenge": service.challenge(mine), "code": service.code(mine), field: yours.sub}
    assert service.post("/verify", body).code == "invalid_request"


def test_a_challenge_cannot_be_moved_to_another_subscriber(service: Service) -> None:
    """The first half of a challenge names the item; a random half of somebody else's is not known there."""
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    secret_half = service.challenge(mine).split(".")[1]
    moved = f"{yours.identity.hash}.{secret_half}"
    assert service.verify(moved, service.code(yours)).code == "challenge_invalid"
    assert service.verify(moved, service.code(mine)).code == "challenge_invalid"


def test_an_authenticator_of_somebody_else_is_never_asked(service: Service) -> None:
    mine, yours = service.bound_person("mine"), service.bound_person("yours")
    theirs = next(iter(service.record(mine).authenticators))
    reply = service.verify(service.challenge(yours), service.code(mine), authenticator=theirs)
    assert reply.code == "invalid_code"
    assert service.sessions(yours) == []


# --- A25: steps that are skipped, repeated, or come in another order


def test_without_a_password_there_is_no_first_step(service: Service, enrolled: Person) -> None:
    base = {"account": ACCOUNT, "login_name": enrolled.login_name}
    code = service.code(enrolled)
    for more in ({}, {"code": code}, {"recovery_code": enrolled.recovery_codes[0]}, {"password": "", "code": code}):
        assert service.post("/login", {**base, **more}).code == "invalid_request"
    assert service.post("/login", {**base, "password": ""}).code == "invalid_credentials"


def test_without_a_challenge_no_code_is_looked_at(service: Service, enrolled: Person) -> None:
    service.recorder.clear()
    code = service.code(enrolled)
    assert service.post("/verify", {"code": code}).code == "invalid_request"
    for challenge in (
        "",
        ".",
        enrolled.identity.hash,
        f"{enrolled.identity.hash}.",
        f"{enrolled.identity.hash}.{'A' * 43}",
    ):
        assert service.verify(challenge, code).code == "challenge_invalid"
    assert _decrypts_of_secrets(service) == 0


def _decrypts_of_secrets(service: Service) -> int:
    seal_key = service.services.settings.seal_key_id
    return sum(call.request.get("KeyId") == seal_key for call in service.recorder.calls)


def test_an_enroll_challenge_verifies_nothing_and_a_verify_challenge_enrolls_nothing(
    service: Service, enrolled: Person, agent: Person
) -> None:
    enroll, verify = service.challenge(agent), service.challenge(enrolled)
    assert service.verify(enroll, "123456").code == "challenge_invalid"
    assert service.post("/enroll", {"challenge": verify}).code == "challenge_invalid"
    assert service.post("/verify", {"challenge": enroll, "recovery_code": "ABCD-EFGH-JKMN-PQRS"}).code == (
        "challenge_invalid"
    )
    assert service.record(agent).authenticators == {}
    assert len(service.record(enrolled).authenticators) == 1


def test_a_recovery_code_never_confirms_an_enrollment(service: Service) -> None:
    pending = confirmation(service)
    somebodys = service.bound_person("other").recovery_codes[0]
    body = {"challenge": pending.body["challenge"], "recovery_code": somebodys}
    assert service.post("/verify", body).code == "invalid_request"
    assert not service.record(pending.person).is_bound
    assert pending.send(service).status == 200  # and no try was spent


def test_confirming_twice_is_refused_the_second_time(service: Service) -> None:
    pending = confirmation(service)
    replies = [pending.send(service), pending.send(service)]
    assert count(replies, 200) == 1
    assert replies[1].code == "challenge_invalid"


def test_a_spent_challenge_opens_no_other_door(service: Service) -> None:
    success = verification(service)
    assert success.send(service).status == 200
    challenge = success.body["challenge"]
    service.clock.advance(60)
    assert service.verify(challenge, service.code(success.person)).code == "challenge_invalid"
    assert service.post("/enroll", {"challenge": challenge}).code == "challenge_invalid"
    recovery = {"challenge": challenge, "recovery_code": success.person.recovery_codes[0]}
    assert service.post("/verify", recovery).code == "challenge_invalid"


def test_a_step_up_wants_a_session_and_starts_none(service: Service, enrolled: Person) -> None:
    assert service.post("/step-up", {"code": service.code(enrolled)}).code == "invalid_token"
    token = service.session(enrolled)["account_token"]
    service.clock.advance(30)
    reply = service.post("/step-up", {"code": service.code(enrolled)}, token=token)
    assert reply.status == 200
    assert "refresh_token" not in reply.body
    assert len(service.sessions(enrolled)) == 1


def test_every_door_that_takes_a_code_charges_the_same_budget(service: Service, enrolled: Person) -> None:
    """Ten in fifteen minutes, wherever they are tried: at the challenge and in two sessions (A15)."""
    sessions = []
    for _ in range(2):
        sessions.append(service.session(enrolled)["account_token"])
        service.clock.advance(30)
    challenge = service.challenge(enrolled)
    wrong = service.wrong_code(enrolled)
    for _ in range(5):
        assert service.verify(challenge, wrong).code == "invalid_code"
    for token in (*sessions[:1] * 4, *sessions[1:]):
        assert service.post("/step-up", {"code": wrong}, token=token).code == "invalid_code"
    right = service.code(enrolled)
    assert service.verify(service.challenge(enrolled), right).code == "too_many_attempts"
    assert service.post("/step-up", {"code": right}, token=sessions[1]).code == "too_many_attempts"
