"""A borrowed session (A21, A26, A27, A31, A42): what it opens, for how long, and what it can race its owner with."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from secondstep import contract, errors
from secondstep.authenticators import password
from secondstep.aws import Answer, AwsUnavailable
from secondstep.contract import Route
from secondstep.subscriber import Enrollment, Identity, Role, Status, new_id
from tests.attacks.racing import BY_KEY, NEW_PASSWORD, everything, meanwhile, successes_of
from tests.recording import Called
from tests.service import PASSWORD, Person, Reply, Service, count, race, secret_of

# What each route is sent; the matrices below go through all of them.
BODIES: dict[Route, dict[str, str]] = {
    contract.STEP_UP: {"code": "123456"},
    contract.CHANGE_PROFILE: {"email": "thief@example.com"},
    contract.ADD_AUTHENTICATOR: {"name": "Tablet"},
    contract.RENAME_AUTHENTICATOR: {"name": "Mine now"},
    contract.REMOVE_AUTHENTICATOR: {},
    contract.RENEW_RECOVERY_CODES: {},
    contract.CHANGE_PASSWORD: {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    contract.SESSIONS: {},
    contract.END_SESSION: {},
    contract.OWN_EVENTS: {},
    contract.LOGOUT: {},
}
OWN_ROUTES = [route for route in contract.ROUTES if route.bearer == "account_token"]
FRESH_ROUTES = [route for route in OWN_ROUTES if errors.StepUpRequired in route.refusals]


@pytest.fixture
def tokens(service: Service, enrolled: Person) -> dict[str, Any]:
    """Return the tokens of somebody who has just logged in with both steps."""
    return service.session(enrolled)


@pytest.fixture
def token(tokens: dict[str, Any]) -> str:
    """Return the account token alone."""
    return str(tokens["account_token"])


def send(service: Service, route: Route, token: str | None, of: Person) -> Reply:
    """Send a route its sample, about the first authenticator or session of a subscriber."""
    found = service.sessions(of)
    sid = str(found[0]["sk"]).removeprefix("SESSION#") if found else new_id()
    held = next(iter(service.record(of).authenticators), new_id())
    path = route.path.replace("{id}", sid if route is contract.END_SESSION else held)
    return service.call(route.method, path, BODIES[route] or None, token=token)


# --- who may call at all


def test_the_samples_are_complete() -> None:
    assert set(BODIES) == set(OWN_ROUTES)


@pytest.mark.parametrize(
    "caller", ["nobody", "garbage", "application", "refresh", "challenge", "ended", "namesake", "disabled", "reset"]
)
def test_what_is_no_living_account_token_opens_nothing(
    service: Service, enrolled: Person, admin_token: str, tokens: dict[str, Any], caller: str
) -> None:
    callers: dict[str, Callable[[], object]] = {
        "nobody": lambda: None,
        "garbage": lambda: "x.y.z",
        "application": lambda: tokens["access_token"],
        "refresh": lambda: tokens["refresh_token"],
        "challenge": lambda: service.challenge(enrolled),
        "ended": lambda: service.post("/logout", token=tokens["account_token"]),
        "namesake": lambda: service.change(enrolled, sub=new_id()),  # even with the epoch of who was deleted
        "disabled": lambda: service.change(enrolled, status=Status.DISABLED),
        "reset": lambda: service.reset(admin_token, "enrolled"),
    }
    made = callers[caller]()
    held = str(tokens["account_token"])
    presented = None if caller == "nobody" else made if isinstance(made, str) else held
    before = everything(service)
    for route in OWN_ROUTES:
        reply = send(service, route, presented, enrolled)
        assert (reply.status, reply.code) == (401, "invalid_token"), route.path
    assert everything(service) == before
    assert service.get("/me", token=presented).status == (200 if caller == "application" else 401)


# --- fresh proof


def test_a_stale_token_is_asked_to_step_up_and_only_the_new_one_is_fresh(service: Service, enrolled: Person) -> None:
    stale, other = (service.session(enrolled)["account_token"] for _ in range(2))
    service.clock.advance(301)
    before = everything(service)
    for route in FRESH_ROUTES:
        reply = send(service, route, stale, enrolled)
        assert (reply.status, reply.code, reply.body["max_age"]) == (401, "step_up_required", 300), route.path
    assert everything(service) == before
    stepped_up = service.post("/step-up", {"code": service.code(enrolled)}, token=stale).body["account_token"]
    for old in (stale, other):
        assert service.post("/me/recovery-codes", token=old).code == "step_up_required"
    assert service.events("recovery_codes_renewed") == []
    assert service.post("/me/recovery-codes", token=stepped_up).status == 200
    assert [each["outcome"] for each in service.events("recovery_codes_renewed")] == ["success"]


def test_proof_is_fresh_for_five_minutes_and_a_refresh_does_not_renew_it(
    service: Service, enrolled: Person, tokens: dict[str, Any]
) -> None:
    service.clock.advance(299)
    assert service.post("/me/recovery-codes", token=tokens["account_token"]).status == 200
    service.clock.advance(2)
    refreshed = service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).body["account_token"]
    codes = service.record(enrolled).recovery_codes
    assert service.post("/me/recovery-codes", token=refreshed).code == "step_up_required"
    assert service.record(enrolled).recovery_codes == codes


def test_a_password_alone_is_no_fresh_proof_once_an_authenticator_is_bound(service: Service, agent: Person) -> None:
    """A27: the token of the session that has bound the first one was earned without it."""
    service.account(mfa_required=False)
    token = service.log_in(agent).body["account_token"]
    begun = service.post("/me/authenticators", {"name": "Phone"}, token=token).body
    body = {"challenge": begun["challenge"], "code": service.code_of(secret_of(begun["secret"]))}
    assert service.post("/verify", body, token=token).status == 200
    before = everything(service)
    for route in FRESH_ROUTES:
        assert send(service, route, token, agent).code == "step_up_required", route.path
    assert service.post("/step-up", {"password": PASSWORD}, token=token).code == "invalid_request"
    assert everything(service) == before


# --- contact data


@pytest.mark.parametrize("path", ["/me", "/admin/subscribers/enrolled"])
def test_a_new_name_never_brings_an_old_address_back(
    service: Service, enrolled: Person, token: str, admin_token: str, path: str
) -> None:
    """A stale token may change the name; racing it against the owner must not undo what wants fresh proof."""
    service.change(enrolled, email="thief@example.com")
    owner = service.session(enrolled)["account_token"]
    wanted = {"email": "owner@example.com"}
    meanwhile(service, lambda: service.call("PATCH", "/me", wanted, token=owner))
    service.call("PATCH", path, {"display_name": "Ann"}, token=token if path == "/me" else admin_token)
    assert wanted in [each["detail"]["new"] for each in service.events("profile_changed")]
    assert service.record(enrolled).email == "owner@example.com"


# --- sessions and events


@pytest.mark.parametrize("sid", ["other", "0" * 16, "x", "..", "%2e%2e", "STATE", "a" * 4096, "%23"])
def test_a_session_that_is_not_ones_own_is_not_found(service: Service, token: str, sid: str) -> None:
    other = service.bound_person("other")
    tokens = service.session(other)
    if sid == "other":
        sid = str(service.sessions(other)[0]["sk"]).removeprefix("SESSION#")
    before = everything(service)
    assert service.call("DELETE", f"/me/sessions/{sid}", token=token).code == "not_found"
    assert everything(service) == before
    assert service.get("/me", token=tokens["account_token"]).status == 200


def _end_other(service: Service, enrolled: Person, token: str) -> tuple[dict[str, Any], Callable[[], Reply]]:
    mine = {each["sk"] for each in service.sessions(enrolled)}
    other = service.session(enrolled)
    [sk] = {each["sk"] for each in service.sessions(enrolled)} - mine
    return other, partial(service.call, "DELETE", f"/me/sessions/{sk.removeprefix('SESSION#')}", token=token)


@pytest.mark.parametrize("ordered", [True, False])
def test_an_ended_session_does_not_refresh_itself_back_to_life(
    service: Service, enrolled: Person, token: str, ordered: bool
) -> None:
    other, end = _end_other(service, enrolled, token)
    refresh = partial(service.post, "/refresh", {"refresh_token": other["refresh_token"]})
    if ordered:
        meanwhile(service, end)
        assert refresh().code == "invalid_token"
    else:
        race(*[refresh] * 8, end, *[refresh] * 8)
    assert len(service.sessions(enrolled)) == 1
    assert service.get("/me", token=other["access_token"]).code == "invalid_token"
    assert refresh().code == "invalid_token"
    assert [each["detail"]["why"] for each in service.events("session_ended")] == ["ended"]


def test_a_session_that_was_ended_meanwhile_ends_no_other(service: Service, enrolled: Person, token: str) -> None:
    other, end = _end_other(service, enrolled, token)
    meanwhile(service, lambda: service.post("/logout", token=token))
    assert end().code == "invalid_token"
    assert service.get("/me", token=other["account_token"]).status == 200
    assert service.events("session_ended") == []


def test_who_is_told_that_the_session_ended_has_ended_it(
    service: Service, enrolled: Person, tokens: dict[str, Any]
) -> None:
    token = tokens["account_token"]
    meanwhile(service, lambda: send(service, contract.CHANGE_PASSWORD, token, enrolled))
    is_told_ended = service.post("/logout", token=token).status == 204
    assert is_told_ended == (service.sessions(enrolled) == [])
    assert successes_of(service, "logout") == is_told_ended


def test_events_of_a_deleted_namesake_are_not_shown_and_a_cursor_is_ones_own(
    service: Service, enrolled: Person, token: str, admin_token: str
) -> None:
    service.call("PATCH", "/me", {"display_name": "Ann"}, token=token)
    service.call("PATCH", "/me", {"display_name": "Bea"}, token=token)
    own = service.get("/me/events?limit=1", token=token).body["cursor"]
    assert service.call("DELETE", "/admin/subscribers/enrolled", token=admin_token).status == 204
    namesake = service.bound_person("enrolled")
    theirs = service.session(namesake)["account_token"]
    shown = service.get("/me/events", token=theirs).body
    assert [each["event"] for each in shown["events"]] == ["verify"]
    assert enrolled.sub not in str(shown)
    of_the_audit = service.get("/admin/audit?limit=1", token=admin_token).body["cursor"]
    of_the_list = service.get("/admin/subscribers?limit=1", token=admin_token).body["cursor"]
    for presented, bearer in (
        (own, theirs),
        (own, admin_token),
        (of_the_audit, admin_token),
        (of_the_list, admin_token),
    ):
        assert service.get(f"/me/events?cursor={presented}", token=bearer).code == "invalid_request"


# --- one transaction, or nothing


WRITES = [
    contract.CHANGE_PROFILE,
    contract.RENAME_AUTHENTICATOR,
    contract.REMOVE_AUTHENTICATOR,
    contract.RENEW_RECOVERY_CODES,
    contract.CHANGE_PASSWORD,
    contract.END_SESSION,
    contract.LOGOUT,
]


@pytest.mark.parametrize("route", WRITES, ids=lambda route: f"{route.method} {route.path}")
def test_a_transaction_that_fails_changes_neither_item_nor_audit(service: Service, route: Route) -> None:
    person = service.bound_person("pair", authenticators=2)
    service.session(person)
    token = service.session(person)["account_token"]
    service.clock.advance(60)

    def fail(called: Called, go_on: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            raise AwsUnavailable
        return go_on()

    def stored() -> tuple[object, ...]:
        return service.item(person), sorted(service.sessions(person), key=BY_KEY), service.events()

    before = stored()
    service.recorder.fault = fail
    reply = send(service, route, token, person)
    service.recorder.fault = None
    assert (reply.status, reply.code) == (503, "unavailable")
    assert stored() == before
    assert send(service, route, token, person).status in (200, 204)
    assert len(service.events()) == len(before[2]) + 1  # type: ignore[arg-type]  # the change and its record


# --- the ticket of a password that is too short to stand alone

SHORT_PASSWORD = "kelp orbit 9"


@pytest.fixture
def brief(service: Service) -> Person:
    """Return somebody whose password is too short, in an account that asks for no second factor."""
    service.account(mfa_required=False)
    return service.person("brief", password_hash=password.hash_password(SHORT_PASSWORD))


def password_ticket(service: Service, person: Person) -> str:
    reply = service.log_in(person, SHORT_PASSWORD)
    assert (reply.status, set(reply.body)) == (200, {"next", "ticket", "expires_in"})
    return str(reply.body["ticket"])


def redeem(service: Service, text: str, login_name: str = "brief") -> Reply:
    body = {"account": "acme", "login_name": login_name, "ticket": text, "new_password": NEW_PASSWORD}
    return service.post("/password", body)


def test_the_ticket_for_a_longer_password_opens_no_other_door(service: Service, brief: Person) -> None:
    service.person("other")
    text = password_ticket(service, brief)
    assert redeem(service, text, "other").code == "ticket_invalid"
    service.account()  # from now on everybody must enroll
    for challenge in (service.log_in(brief, SHORT_PASSWORD).body["challenge"], text):
        refused = service.post("/enroll", {"challenge": challenge, "ticket": text})
        assert refused.code in ("ticket_invalid", "challenge_invalid")
    assert service.get("/me", token=text).code == "invalid_token"
    assert service.sessions(brief) == []
    assert service.record(brief).enrollment is Enrollment.OPEN


@pytest.mark.parametrize(
    "way", ["used", "expired", "another login", "reset", "disabled", "namesake", "password change"]
)
def test_the_ticket_for_a_longer_password_dies(service: Service, brief: Person, admin_token: str, way: str) -> None:
    text = password_ticket(service, brief)
    path = "/admin/subscribers/brief"
    ways: dict[str, Callable[[], object]] = {
        "used": lambda: redeem(service, text),
        "expired": lambda: service.clock.advance(900),
        "another login": lambda: password_ticket(service, brief),
        "reset": lambda: service.reset(admin_token, "brief"),
        "disabled": lambda: service.call("PATCH", path, {"status": "disabled"}, token=admin_token),
        "namesake": lambda: [service.call("DELETE", path, token=admin_token), service.person("brief")],
        "password change": lambda: redeem(service, password_ticket(service, brief)),
    }
    done = ways[way]()
    assert not isinstance(done, Reply) or done.status < 300
    stored = service.record(brief).password_hash
    assert redeem(service, text).code == "ticket_invalid"
    assert service.record(brief).password_hash == stored
    assert successes_of(service, "password_set") == (way in ("used", "password change"))


def test_the_ticket_lives_to_its_last_second_and_is_redeemed_once(service: Service, brief: Person) -> None:
    text = password_ticket(service, brief)
    service.clock.advance(898)
    replies = race(*[partial(redeem, service, text)] * 8)
    assert count(replies, 204) == 1
    assert {reply.code for reply in replies} <= {"ok", "ticket_invalid", "conflict"}
    assert service.log_in(brief, NEW_PASSWORD).body["next"] == "done"
    assert successes_of(service, "password_set") == 1


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ({"enrollment": Enrollment.BOUND}, "verify"),
        ({"enrollment": Enrollment.TICKETED}, "enroll"),
        ({"enrollment": Enrollment.TICKETED, "role": Role.ADMIN}, "enroll"),
    ],
)
@pytest.mark.parametrize("late", [True, False])
def test_nobody_bound_or_ticketed_gets_such_a_ticket(
    service: Service, brief: Person, state: dict[str, object], answer: str, late: bool
) -> None:
    """Not even where the state changes, in the same epoch, between the read and the write."""

    def change_first(called: Called, go_on: Callable[[], Answer]) -> Answer:
        if called.request.get("Key", {}).get("sk") == {"S": "STATE"}:
            service.recorder.fault = None
            service.change(brief, **state)
        return go_on()

    if late:
        service.recorder.fault = change_first
    else:
        service.change(brief, **state)
    reply = service.log_in(brief, SHORT_PASSWORD)
    assert (reply.body["next"], "ticket" in reply.body) == (answer, False)
    assert service.record(brief).password_ticket is None


def test_the_ticket_for_a_longer_password_dies_with_the_first_binding(service: Service, brief: Person) -> None:
    """Who knows the old password would change it for 15 minutes more, although a code is wanted from now on."""
    text = password_ticket(service, brief)
    service.account()
    answer = service.post("/enroll", {"challenge": service.log_in(brief, SHORT_PASSWORD).body["challenge"]}).body
    assert service.verify(answer["challenge"], service.code_of(secret_of(answer["secret"]))).status == 200
    assert redeem(service, text).code == "ticket_invalid"


def test_a_name_with_a_short_password_costs_what_an_unknown_one_does(service: Service, brief: Person) -> None:
    """Promise 9: and what is told with the right password is told in the usual three calls."""
    calls = []
    for person in (brief, Person(Identity("acme", "nobody"), "", brief.secret, [])):
        service.recorder.clear()
        reply = service.log_in(person, "wrong password", source="198.51.100.4" if person is brief else "198.51.100.5")
        assert reply.code == "invalid_credentials"
        calls.append((sorted(service.recorder.dynamodb), service.recorder.round_trips))
    assert calls[0] == calls[1]
    for seconds in (60, 31):  # at the second time the policy is known, and no charge is in force
        service.clock.advance(seconds)
        service.recorder.clear()
        password_ticket(service, brief)
    assert (service.recorder.round_trips, len(service.recorder.dynamodb)) == (2, 3)
