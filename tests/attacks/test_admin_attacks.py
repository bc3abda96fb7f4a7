"""Attacks A26, A27, A32 on the admin routes: matrices over every route of the contract that an admin calls.

Who may call, on whom, and how fresh; whatever is refused has written nothing.
"""

import json
from collections.abc import Callable

import pytest

from secondstep import contract
from secondstep.contract import Route
from secondstep.subscriber import Role, Status, new_epoch, new_id
from tests.attacks import admin_requests
from tests.attacks.admin_requests import (
    ABOUT_ONE,
    ADMIN_ROUTES,
    READS,
    SAMPLES,
    WRITES,
    WRITES_ABOUT_ONE,
    name_of,
    sample,
    stored,
)
from tests.attacks.raw import assert_is_problem
from tests.service import Person, Service

OTHER = "other"


def test_every_admin_route_is_attacked() -> None:
    assert set(SAMPLES) == {(route.method, route.path) for route in ADMIN_ROUTES}
    assert set(ADMIN_ROUTES) == {route for route in contract.ROUTES if route.path.startswith("/admin/")}


@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=name_of)
def test_an_admins_request_succeeds(service: Service, admin_token: str, enrolled: Person, route: Route) -> None:
    """So that whatever the matrices refuse is refused for its caller, its subject or its age alone."""
    reply = admin_requests.send(service, route, admin_token)
    assert reply.status == route.status, reply.body


# --- who may call


def _agent(service: Service, _admin: Person) -> str:
    return str(service.session(service.bound_person("colleague"))["account_token"])


def _without_a_factor(service: Service, admin: Person) -> str:
    """An admin's session of level one: such a token exists only where an admin was made by hand."""
    service.account(mfa_required=False)
    open_admin = service.person("open-admin", role=Role.ADMIN)
    return str(service.log_in(open_admin).body["account_token"])


def _access_token(service: Service, admin: Person) -> str:
    return str(service.session(admin)["access_token"])


def _refresh_token(service: Service, admin: Person) -> str:
    return str(service.session(admin)["refresh_token"])


def _challenge(service: Service, admin: Person) -> str:
    return service.challenge(admin)


def _logged_out(service: Service, admin: Person) -> str:
    token = str(service.session(admin)["account_token"])
    assert service.post("/logout", token=token).status == 204
    return token


def _expired(service: Service, admin: Person) -> str:
    token = str(service.session(admin)["account_token"])
    service.clock.advance(901)
    return token


def _changed(**changes: object) -> Callable[[Service, Person], str]:
    """Return how an admin with a living session has become somebody who may not."""

    def change(service: Service, admin: Person) -> str:
        token = str(service.session(admin)["account_token"])
        service.change(admin, **changes)
        return token

    return change


def _changed_by_another(wanted: dict[str, str] | None) -> Callable[[Service, Person], str]:
    """Return how another admin takes an admin's rights away, through the route that does it (None: deletes)."""

    def change(service: Service, admin: Person) -> str:
        token = str(service.session(admin)["account_token"])
        chief = service.session(service.bound_admin("chief"))["account_token"]
        method = "DELETE" if wanted is None else "PATCH"
        assert service.call(method, f"/admin/subscribers/{admin.login_name}", wanted, token=chief).status < 300
        return token

    return change


def _reset_by_another(service: Service, admin: Person) -> str:
    token = str(service.session(admin)["account_token"])
    chief = service.session(service.bound_admin("chief"))["account_token"]
    assert service.reset(chief, admin.login_name).status == 200
    return token


def _of_nobody(token: str | None) -> Callable[[Service, Person], str | None]:
    return lambda _service, _admin: token


CALLERS: dict[str, tuple[Callable[[Service, Person], str | None], str]] = {
    "nobody": (_of_nobody(None), "invalid_token"),
    "an empty token": (_of_nobody(""), "invalid_token"),
    "garbage": (_of_nobody("garbage"), "invalid_token"),
    "three parts of garbage": (_of_nobody("e30.e30.e30"), "invalid_token"),
    "an agent": (_agent, "forbidden"),
    "an admin without a second factor": (_without_a_factor, "forbidden"),
    "an application, by the access token": (_access_token, "invalid_token"),
    "a refresh token": (_refresh_token, "invalid_token"),
    "a challenge": (_challenge, "invalid_token"),
    "who has logged out": (_logged_out, "invalid_token"),
    "a token after its time": (_expired, "invalid_token"),
    "the disabled, in the same epoch": (_changed(status=Status.DISABLED), "invalid_token"),
    "the invited, in the same epoch": (_changed(status=Status.INVITED), "invalid_token"),
    "the demoted, in the same epoch": (_changed(role=Role.AGENT), "forbidden"),
    "an admin of another epoch": (_changed(epoch=new_epoch()), "invalid_token"),
    "a namesake who came later": (_changed(sub=new_id()), "invalid_token"),
    "who was demoted": (_changed_by_another({"role": "agent"}), "invalid_token"),
    "who was disabled": (_changed_by_another({"status": "disabled"}), "invalid_token"),
    "who was deleted": (_changed_by_another(None), "invalid_token"),
    "who was reset": (_reset_by_another, "invalid_token"),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_nobody_else_may_call_any_route(service: Service, admin: Person, enrolled: Person, caller: str) -> None:
    """A26, A27: a first step alone, an old session or another token opens no admin route, on the very next call."""
    made, code = CALLERS[caller]
    token = made(service, admin)
    before = stored(service)
    for route in ADMIN_ROUTES:
        reply = admin_requests.send(service, route, token)
        assert (reply.status, reply.code) == (403 if code == "forbidden" else 401, code), name_of(route)
        assert_is_problem(reply, code)
    assert stored(service) == before


# --- on whom


@pytest.fixture
def foreign_token(service: Service) -> str:
    """Return the account token of an admin of another account, who has just logged in."""
    service.account(OTHER, display_name="Other Inc")
    return str(service.session(service.bound_admin("chief", account=OTHER))["account_token"])


@pytest.mark.parametrize("route", ABOUT_ONE, ids=name_of)
def test_nobody_of_another_account_is_found(
    service: Service, enrolled: Person, foreign_token: str, route: Route
) -> None:
    """A32: the same answer as for a name that nobody has, and nothing is written."""
    before = stored(service)
    strangers = [admin_requests.send(service, route, foreign_token, name=name) for name in ("enrolled", "nobody")]
    for reply in strangers:
        assert_is_problem(reply, "not_found")
    for name in ("acme\nenrolled", "acme:enrolled", "enrolled@acme", "../enrolled", "acme#enrolled"):
        assert_is_problem(admin_requests.send(service, route, foreign_token, name=name), "not_found", "invalid_request")
    first, second = ({**reply.body, "request_id": ""} for reply in strangers)
    assert first == second
    assert stored(service) == before


@pytest.mark.parametrize("route", WRITES_ABOUT_ONE, ids=name_of)
def test_a_name_of_both_accounts_is_the_one_of_the_token(
    service: Service, enrolled: Person, foreign_token: str, route: Route
) -> None:
    namesake = service.bound_person("enrolled", account=OTHER)
    before, events = service.item(enrolled), service.events()
    foreign = service.item(namesake)
    assert admin_requests.send(service, route, foreign_token).status == route.status
    assert service.item(enrolled) == before
    new = [each for each in service.events() if each not in events]
    assert {each["as"].partition("#")[0] for each in new} == {OTHER}
    if route not in (contract.DELETE_SUBSCRIBER, contract.UNLOCK):
        assert service.item(namesake) != foreign


def test_what_an_admin_looks_at_has_nothing_of_another_account(
    service: Service, admin: Person, foreign_token: str
) -> None:
    """The list, the counts, the policy and the audit are those of the token's account, whatever a request says."""
    service.account("acme", help_text="Call 555-0100.", display_name="Acme Support")
    agent = service.bound_person("marked-agent")
    own = service.session(admin)["account_token"]
    service.reset(own, "marked-agent", reason="only for acme to know")
    routes = [route for route in READS if route not in ABOUT_ONE]
    assert {route.path.rpartition("/")[2] for route in routes} == {"subscribers", "summary", "policy", "audit"}
    for route in routes:
        headers = (("X-Account", "acme"), ("Host", "acme.example"))
        shown = json.dumps(admin_requests.send(service, route, foreign_token, headers=headers).body)
        for mark in (agent.login_name, agent.sub, "boss", admin.sub, "only for acme", "Acme Support", "555-0100"):
            assert mark not in shown, (name_of(route), mark)
    counted = service.get("/admin/summary", token=foreign_token).body
    assert counted["subscribers"] == 1
    assert service.get("/admin/audit?login_name=marked-agent", token=foreign_token).body == {
        "events": [],
        "cursor": None,
    }


@pytest.mark.parametrize("query", ["account=acme", "tenant=acme", "sub=x", "as=acme%230"])
def test_no_query_names_another_account(service: Service, foreign_token: str, query: str) -> None:
    for route in READS:
        assert_is_problem(admin_requests.send(service, route, foreign_token, query=query), "invalid_request")


# --- on oneself

OWN_NAMES = ["boss", "BOSS", " boss ", "\uff42\uff4f\uff53\uff53", "bo\u017fs"]  # full width; a long s folds to s


@pytest.mark.parametrize("route", WRITES_ABOUT_ONE, ids=name_of)
def test_nobody_acts_on_themselves_in_any_spelling(service: Service, admin_token: str, route: Route) -> None:
    before = stored(service)
    for name in OWN_NAMES:
        assert_is_problem(admin_requests.send(service, route, admin_token, name=name), "forbidden")
    assert stored(service) == before


def test_nobody_invites_themselves(service: Service, admin_token: str) -> None:
    before = stored(service)
    for name in OWN_NAMES:
        body = {"login_name": name, "role": "agent"}
        assert_is_problem(admin_requests.send(service, contract.INVITE, admin_token, body=body), "conflict")
    assert stored(service) == before


# --- how fresh

PRIVILEGED = [
    (contract.INVITE, {"login_name": "newcomer", "role": "admin"}),
    (contract.CHANGE_SUBSCRIBER, {"role": "admin"}),
    (contract.CHANGE_SUBSCRIBER, {"role": "agent"}),
    (contract.CHANGE_SUBSCRIBER, {"role": "admin", "status": "active"}),
]


def _said(part: object) -> str:
    return name_of(part) if isinstance(part, Route) else str(part)


AGES = [(route, ..., sample(route).max_age) for route in WRITES] + [(*each, 300) for each in PRIVILEGED]


@pytest.mark.parametrize(("route", "body", "max_age"), AGES, ids=_said)
def test_a_write_wants_a_fresh_authentication(
    service: Service, admin: Person, enrolled: Person, route: Route, body: object, max_age: int
) -> None:
    """A27: an old session, refreshed as often as one likes, writes nothing before a new proof."""
    session = service.session(admin)
    service.clock.advance(max_age)
    fresh_enough = service.post("/refresh", {"refresh_token": session["refresh_token"]}).body
    service.clock.advance(1)
    before = stored(service)
    for name in ("enrolled", "nobody"):
        refused = admin_requests.send(service, route, fresh_enough["account_token"], name=name, body=body)
        assert_is_problem(refused, "step_up_required")
        assert refused.body["max_age"] == max_age
        challenge = refused.headers.get("WWW-Authenticate") or refused.headers["x-amzn-Remapped-WWW-Authenticate"]
        assert f'max_age="{max_age}"' in challenge
    assert stored(service) == before
    proof = {"code": service.code(admin)}
    token = service.post("/step-up", proof, token=fresh_enough["account_token"]).body["account_token"]
    assert admin_requests.send(service, route, token, body=body).status == route.status


@pytest.mark.parametrize(("route", "body", "max_age"), AGES, ids=_said)
def test_at_the_end_of_its_age_an_authentication_is_still_good(
    service: Service, admin: Person, enrolled: Person, route: Route, body: object, max_age: int
) -> None:
    session = service.session(admin)
    service.clock.advance(max_age - 2)
    token = service.post("/refresh", {"refresh_token": session["refresh_token"]}).body["account_token"]
    assert admin_requests.send(service, route, token, body=body).status == route.status


def test_reading_wants_no_fresh_authentication(service: Service, admin: Person, enrolled: Person) -> None:
    session = service.session(admin)
    service.clock.advance(3000)
    token = service.post("/refresh", {"refresh_token": session["refresh_token"]}).body["account_token"]
    for route in READS:
        assert admin_requests.send(service, route, token).status == 200


def test_a_recovery_code_is_a_factor_once_and_never_comes_back(service: Service, admin: Person) -> None:
    """A35: neither an unlock nor a password reset by another admin makes a spent code good again."""
    service.change(admin, last_login_at=service.now())
    body = {"challenge": service.challenge(admin), "recovery_code": admin.recovery_codes[0]}
    token = service.post("/verify", body).body["account_token"]
    assert admin_requests.send(service, contract.SUMMARY, token).status == 200
    chief = service.session(service.bound_admin("chief"))["account_token"]
    for route in (contract.UNLOCK, contract.RESET_PASSWORD):
        assert admin_requests.send(service, route, chief, name="boss").status == 200
    again = {"challenge": service.challenge(admin), "recovery_code": admin.recovery_codes[0]}
    assert service.post("/verify", again).code == "invalid_code"
    assert len(service.record(admin).recovery_codes) == 9
