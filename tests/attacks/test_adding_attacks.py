"""Adding an authenticator (A15, A20, A24, A27, A28, A30): good for the session that began it, and for nothing else."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest

from secondstep import ticket
from secondstep.aws import Answer, AwsUnavailable
from secondstep.subscriber import Enrollment
from tests.attacks.racing import NEW_PASSWORD, everything, meanwhile, successes_of
from tests.recording import Called
from tests.service import PASSWORD, Person, Reply, Service, count, race, secret_of

WRONG_TICKET = "0000-0000-0000-0000"
STRANGERS = ("no bearer", "garbage", "application", "another session", "another person")


class Added(NamedTuple):
    """A further authenticator that waits for its first code."""

    challenge: str
    code: str

    @property
    def body(self) -> dict[str, str]:
        """Return the confirmation."""
        return self._asdict()


@pytest.fixture
def tokens(service: Service, enrolled: Person) -> dict[str, Any]:
    """Return the tokens of somebody who has just logged in with both steps."""
    return service.session(enrolled)


@pytest.fixture
def token(tokens: dict[str, Any]) -> str:
    """Return the account token alone."""
    return str(tokens["account_token"])


def begin(service: Service, token: str, **more: str) -> Reply:
    return service.post("/me/authenticators", {"name": "Tablet", **more}, token=token)


def waiting(service: Service, token: str, **more: str) -> Added:
    begun = begin(service, token, **more)
    assert begun.status == 200, begun.body
    return Added(begun.body["challenge"], service.code_of(secret_of(begun.body["secret"])))


def begun_last(service: Service, token: str, pending: list[Added]) -> Added:
    """Return a challenge that has tries left: a new one where one of the three has none, else the last of them."""
    begun = begin(service, token)
    if begun.code == "conflict":
        return pending[-1]
    return Added(begun.body["challenge"], service.code_of(secret_of(begun.body["secret"])))


def confirm(service: Service, added: Added, token: str | None) -> Reply:
    return service.post("/verify", added.body, token=token)


def wrong(service: Service, person: Person, added: Added) -> Added:
    return added._replace(code=service.wrong_code(person))


# --- without its session


@pytest.mark.parametrize(
    "case",
    [*STRANGERS, "logout", "ended", "reset", "password", "removal", "disabled"],
)
def test_an_add_challenge_without_its_living_session_binds_nothing_and_costs_nothing(
    service: Service, admin_token: str, case: str
) -> None:
    person = service.bound_person("pair", authenticators=2)
    tokens = service.session(person)
    own = str(tokens["account_token"])
    added = waiting(service, own)
    own_sid = str(service.sessions(person)[0]["sk"]).removeprefix("SESSION#")
    first = next(iter(service.record(person).authenticators))
    other = service.session(person)["account_token"]
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    path = "/admin/subscribers/pair"
    cases: dict[str, Callable[[], object]] = {
        "no bearer": lambda: None,
        "garbage": lambda: "x.y.z",
        "application": lambda: tokens["access_token"],
        "another session": lambda: other,
        "another person": lambda: admin_token,
        "logout": lambda: service.post("/logout", token=own),
        "ended": lambda: service.call("DELETE", f"/me/sessions/{own_sid}", token=other),
        "reset": lambda: service.reset(admin_token, "pair"),
        "password": lambda: service.post("/me/password", passwords, token=own),
        "removal": lambda: service.call("DELETE", f"/me/authenticators/{first}", token=own),
        "disabled": lambda: service.call("PATCH", path, {"status": "disabled"}, token=admin_token),
    }
    made = cases[case]()
    assert not isinstance(made, Reply) or made.status < 300
    presented = None if case == "no bearer" else made if isinstance(made, str) else own
    before = everything(service)
    reply = confirm(service, added, presented)
    dropped = case in ("reset", "password", "removal", "disabled")
    assert reply.code == ("challenge_invalid" if dropped else "invalid_token")
    assert everything(service) == before
    assert service.events("authenticator_added") == []
    if case in STRANGERS:
        assert confirm(service, added, own).status == 200


def test_an_add_challenge_opens_no_other_door(service: Service, enrolled: Person, token: str) -> None:
    """A20: not as an enrollment's, not with a recovery code, not as a bearer or refresh token."""
    added = waiting(service, token)
    before = everything(service)
    recovery = {"challenge": added.challenge, "recovery_code": enrolled.recovery_codes[0]}
    for bearer in (None, token):
        assert service.post("/enroll", {"challenge": added.challenge}, token=bearer).code == "challenge_invalid"
        assert service.post("/verify", recovery, token=bearer).code == "invalid_request"
        both = {**recovery, "code": added.code}
        assert service.post("/verify", both, token=bearer).code == "invalid_request"
    own = {**added.body, "authenticator": next(iter(service.record(enrolled).authenticators))}
    assert service.post("/verify", own, token=token).code == "invalid_request"
    assert service.get("/me", token=added.challenge).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": added.challenge}).code == "invalid_token"
    assert everything(service) == before


def test_a_token_of_two_peoples_halves_opens_nothing(service: Service, token: str, admin_token: str) -> None:
    """A19, A24: the session, the item and the secret must be of one person."""
    mine, theirs = waiting(service, token), waiting(service, admin_token)
    owners, secrets = zip(*(each.challenge.split(".") for each in (mine, theirs)), strict=True)
    before = everything(service)
    for spliced in (f"{owners[0]}.{secrets[1]}", f"{owners[1]}.{secrets[0]}"):
        for code in (mine.code, theirs.code):
            for bearer in (token, admin_token, None):
                assert confirm(service, Added(spliced, code), bearer).code == "challenge_invalid"
    assert everything(service) == before


@pytest.mark.parametrize("bearer", ["own", "stale", "garbage", "another person", "challenge"])
@pytest.mark.parametrize("purpose", ["verify", "confirm"])
def test_a_bearer_that_comes_along_for_no_reason_changes_nothing(
    service: Service, enrolled: Person, tokens: dict[str, Any], admin_token: str, purpose: str, bearer: str
) -> None:
    service.clock.advance(30)
    challenge = service.challenge(enrolled)
    person, code = enrolled, service.code(enrolled)
    if purpose == "confirm":
        person = service.person("newcomer")
        answer = service.enroll(person).body
        challenge, code = answer["challenge"], service.code_of(secret_of(answer["secret"]))
    if bearer == "stale":
        service.post("/logout", token=tokens["account_token"])
    bearers = {"garbage": "x.y.z", "another person": admin_token, "challenge": challenge}
    presented = bearers.get(bearer, tokens["account_token"])
    wrong_one = {"challenge": challenge, "code": service.wrong_code(person)}
    refused = service.post("/verify", wrong_one, token=presented)
    assert (refused.code, refused.body["tries_left"]) == ("invalid_code", 4)
    sessions = len(service.sessions(person))
    reply = service.post("/verify", {"challenge": challenge, "code": code}, token=presented)
    assert (reply.status, reply.body["next"], reply.body["token_type"]) == (200, "done", "Bearer")
    assert ("recovery_codes" in reply.body) == (purpose == "confirm")
    assert len(service.sessions(person)) == sessions + 1
    assert successes_of(service, "verify" if purpose == "verify" else "enrolled") >= 1


# --- in parallel


def test_of_twenty_parallel_confirms_of_one_challenge_one_binds_and_none_gets_tokens(
    service: Service, enrolled: Person, token: str
) -> None:
    added, before, sessions = waiting(service, token), service.record(enrolled), service.sessions(enrolled)
    replies = race(*[partial(confirm, service, added, token)] * 20)
    assert count(replies, 200) == 1
    assert {reply.code for reply in replies} <= {"ok", "challenge_invalid", "invalid_token", "unavailable"}
    assert all(set(reply.body) == {"authenticator", "recovery_codes_left"} for reply in replies if reply.status == 200)
    record = service.record(enrolled)
    assert len(record.authenticators) == 2
    assert (record.recovery_codes, record.epoch) == (before.recovery_codes, before.epoch)
    assert service.sessions(enrolled) == sessions
    assert successes_of(service, "authenticator_added") == 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_confirms_that_race_at_the_most_never_bind_more(
    service: Service, enrolled: Person, token: str, most: int
) -> None:
    service.account(max_authenticators=5)
    pending = [waiting(service, token) for _ in range(3)]
    service.account(max_authenticators=most)
    replies = race(*(partial(confirm, service, pending[n % 3], token) for n in range(15)))
    assert {reply.code for reply in replies} <= {
        "ok",
        "conflict",
        "challenge_invalid",
        "invalid_token",
        "unavailable",
    } | {"too_many_attempts"}
    assert len(service.record(enrolled).authenticators) == most == 1 + successes_of(service, "authenticator_added")
    assert count(replies, 200) == most - 1


def test_a_session_has_three_secrets_in_a_quarter_of_an_hour(service: Service, enrolled: Person) -> None:
    """Each costs an Encrypt, and its challenge may evict the owner's login."""
    token = str(service.session(enrolled)["account_token"])
    login = service.challenge(enrolled)
    first, *_ = [waiting(service, token) for _ in range(3)]
    before = service.item(enrolled)
    assert begin(service, token).code == "conflict"
    assert service.item(enrolled) == before
    service.clock.advance(30)
    assert service.verify(login, service.code(enrolled)).status == 200
    assert confirm(service, first, token).status == 200
    assert begin(service, token).status == 200


@pytest.mark.parametrize("first", ["reset", "add", "race"])
def test_after_a_reset_nothing_is_bound_whoever_came_first(
    service: Service, enrolled: Person, admin_token: str, token: str, first: str
) -> None:
    pending = [waiting(service, token) for _ in range(2)]
    confirms = [partial(confirm, service, each, token) for each in pending]
    reset = partial(service.reset, admin_token, "enrolled")
    if first == "race":
        assert count(race(*confirms * 3, reset, *confirms * 3), 200) >= 1
    elif first == "reset":
        meanwhile(service, reset)
        assert confirms[0]().code == "challenge_invalid"
        assert successes_of(service, "authenticator_added") == 0
    else:
        meanwhile(service, confirms[0])
        assert reset().status == 200
        assert successes_of(service, "authenticator_added") == 1
    record = service.record(enrolled)
    assert (record.enrollment, record.authenticators, record.challenges) == (Enrollment.TICKETED, {}, {})
    assert [each().code for each in confirms] == ["challenge_invalid"] * 2
    assert service.record(enrolled).authenticators == {}


def test_a_session_that_is_ended_between_charge_and_binding_binds_nothing(
    service: Service, enrolled: Person, token: str
) -> None:
    added = waiting(service, token)
    meanwhile(service, lambda: service.post("/logout", token=token))
    assert confirm(service, added, token).status == 401
    assert len(service.record(enrolled).authenticators) == 1
    assert service.events("authenticator_added") == []


def test_a_binding_that_fails_leaves_neither_authenticator_nor_event(
    service: Service, enrolled: Person, token: str
) -> None:
    added = waiting(service, token)
    before = service.record(enrolled).authenticators

    def fail(called: Called, go_on: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            raise AwsUnavailable
        return go_on()

    service.recorder.fault = fail
    assert confirm(service, added, token).code == "unavailable"
    service.recorder.fault = None
    assert service.record(enrolled).authenticators == before
    assert service.events("authenticator_added") == []
    assert confirm(service, added, token).status == 200
    assert successes_of(service, "authenticator_added") == 1


# --- guesses


def test_an_add_challenge_allows_five_guesses(service: Service, enrolled: Person, token: str) -> None:
    added = waiting(service, token)
    replies = race(*[partial(confirm, service, wrong(service, enrolled, added), token)] * 30)
    assert Counter(reply.code for reply in replies)["invalid_code"] == 5
    assert confirm(service, added, token).code == "challenge_invalid"
    record = service.record(enrolled)
    assert (len(record.recent), len(record.day), record.run, len(record.authenticators)) == (5, 5, 5, 1)
    assert [each["outcome"] for each in service.events("authenticator_added")] == ["failure"] * 5


@pytest.mark.parametrize("parallel", [True, False])
def test_guesses_at_add_challenges_count_in_the_windows_of_verify(
    service: Service, enrolled: Person, token: str, parallel: bool
) -> None:
    """A11: ten in fifteen minutes over all doors, however many challenges are opened."""
    pending = [waiting(service, token) for _ in range(3)]
    guesses = [partial(confirm, service, wrong(service, enrolled, pending[n % 3]), token) for n in range(25)]
    service.recorder.clear()
    replies = race(*guesses) if parallel else [guess() for guess in guesses]
    assert service.recorder.evaluated == 10
    assert Counter(reply.code for reply in replies)["invalid_code"] == 10
    record = service.record(enrolled)
    assert len(record.recent) == len(record.day) == record.run == 10
    service.clock.advance(30)
    assert confirm(service, begun_last(service, token, pending), token).code == "too_many_attempts"
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "too_many_attempts"


def test_the_fiftieth_wrong_code_in_a_row_disables_at_this_door_too(
    service: Service, enrolled: Person, token: str
) -> None:
    service.change(enrolled, run=49)
    added, other = waiting(service, token), waiting(service, token)
    assert confirm(service, wrong(service, enrolled, added), token).code == "invalid_code"
    assert len(service.events("authenticator_disabled")) == 1
    assert confirm(service, other, token).code == "authenticator_disabled"
    assert service.log_in(enrolled).body["methods"] == ["recovery_code"]
    assert len(service.record(enrolled).authenticators) == 1


def test_a_right_first_code_is_no_wrong_one_in_the_row(service: Service, enrolled: Person, token: str) -> None:
    """After 49 wrong ones it disables what is bound, and no event tells."""
    service.change(enrolled, run=49)
    assert confirm(service, waiting(service, token), token).status == 200
    assert service.record(enrolled).run == 49
    assert service.log_in(enrolled).body["methods"] == ["totp", "recovery_code"]


# --- the first one, from within a session


@pytest.fixture
def ticketed(service: Service) -> tuple[Person, str, str]:
    """Return somebody within a session, who is unbound and wants a ticket; the token, and the ticket."""
    service.account(mfa_required=False)
    person = service.person("ticketed")
    token = service.log_in(person).body["account_token"]
    text, stored = ticket.issue(now=service.now(), ttl_seconds=600)
    service.change(person, enrollment=Enrollment.TICKETED, enrollment_ticket=stored)
    return person, token, text


def test_a_wrong_ticket_costs_one_of_the_sessions_five_tries(
    service: Service, ticketed: tuple[Person, str, str]
) -> None:
    person, token, _ = ticketed
    assert begin(service, token).code == "ticket_invalid"
    replies = race(*[partial(begin, service, token, ticket=WRONG_TICKET)] * 12)
    assert Counter(reply.code for reply in replies) == {"ticket_invalid": 4, "invalid_token": 8}
    assert service.record(person).challenges == {}
    assert [each["outcome"] for each in service.events("enrolled")] == ["failure"] * 5


def test_a_right_ticket_is_refused_once_the_tries_are_used_up(
    service: Service, ticketed: tuple[Person, str, str]
) -> None:
    person, token, text = ticketed
    for _ in range(5):
        assert begin(service, token, ticket=WRONG_TICKET).code == "ticket_invalid"
    assert begin(service, token, ticket=text).code == "invalid_token"
    assert service.record(person).challenges == {}


def test_a_right_ticket_binds_once(service: Service, ticketed: tuple[Person, str, str]) -> None:
    person, token, text = ticketed
    pending = [waiting(service, token, ticket=text) for _ in range(3)]
    replies = race(*(partial(confirm, service, pending[n % 3], token) for n in range(20)))
    assert count(replies, 200) == 1
    record = service.record(person)
    assert (record.enrollment, len(record.authenticators), record.enrollment_ticket) == (Enrollment.BOUND, 1, None)
    assert (record.recovery_codes, record.challenges) == (frozenset(), {})
    assert successes_of(service, "enrolled") == 1
    assert len(service.sessions(person)) == 1


def test_a_session_without_the_factor_does_not_refresh_past_the_binding(service: Service, agent: Person) -> None:
    """The binding comes between the refresh's reads and its write, and stamps this very session."""
    service.account(mfa_required=False)
    tokens = service.log_in(agent).body
    added = waiting(service, tokens["account_token"])
    meanwhile(service, lambda: confirm(service, added, tokens["account_token"]))
    refreshed = service.post("/refresh", {"refresh_token": tokens["refresh_token"]})
    assert service.record(agent).is_bound
    assert refreshed.code == "invalid_token"


@pytest.mark.parametrize("why", ["expired", "replaced", "bound meanwhile"])
def test_a_ticket_that_dies_before_the_first_code_binds_nothing(
    service: Service, ticketed: tuple[Person, str, str], why: str
) -> None:
    person, token, text = ticketed
    service.clock.advance(590)
    token = service.post("/step-up", {"password": PASSWORD}, token=token).body["account_token"]
    added = waiting(service, token, ticket=text)
    if why == "expired":
        service.clock.advance(10)
    elif why == "replaced":
        service.change(person, enrollment_ticket=ticket.issue(now=service.now(), ttl_seconds=600)[1])
    else:
        meanwhile(service, lambda: service.change(person, enrollment=Enrollment.BOUND))
    assert confirm(service, added, token).status == 401
    assert service.record(person).authenticators == {}
    assert successes_of(service, "enrolled") == 0
