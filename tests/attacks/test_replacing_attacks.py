"""What takes something away or takes its place (A27, A35): authenticators, recovery codes, the password."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from secondstep import ticket
from secondstep.authenticators import password, recovery_codes
from secondstep.store.layout import name_budget_key
from secondstep.subscriber import Enrollment, new_epoch
from tests.attacks.racing import NEW_PASSWORD, everything, meanwhile, successes_of
from tests.service import PASSWORD, Person, Reply, Service, count, race, secret_of


@pytest.fixture
def token(service: Service, enrolled: Person) -> str:
    """Return the account token of somebody who has just logged in with both steps."""
    return str(service.session(enrolled)["account_token"])


def authenticator_path(service: Service, person: Person, number: int = 0) -> str:
    return f"/me/authenticators/{sorted(service.record(person).authenticators)[number]}"


def change_password(service: Service, token: str, current: str = PASSWORD, new: str = NEW_PASSWORD) -> Reply:
    return service.post("/me/password", {"current_password": current, "new_password": new}, token=token)


# --- remove, rename


def test_of_two_authenticators_removed_at_once_one_remains(service: Service) -> None:
    person = service.bound_person("pair", authenticators=2)
    tokens = [service.session(person)["account_token"] for _ in range(2)]
    paths = [authenticator_path(service, person, number) for number in range(2)]
    replies = race(*(partial(service.call, "DELETE", paths[n % 2], token=tokens[n % 2]) for n in range(8)))
    assert count(replies, 204) == 1
    assert {reply.code for reply in replies} <= {"ok", "invalid_token", "conflict", "not_found"}
    record = service.record(person)
    assert (len(record.authenticators), record.enrollment, len(record.recovery_codes)) == (1, Enrollment.BOUND, 10)
    assert successes_of(service, "authenticator_removed") == 1
    assert sum(service.get("/me", token=each).status == 200 for each in tokens) == 1


@pytest.mark.parametrize("first", ["add", "remove", "race"])
def test_the_last_one_removed_while_another_is_added_leaves_no_half_state(
    service: Service, enrolled: Person, token: str, first: str
) -> None:
    """Never bound without an authenticator, never open with one."""
    service.account(mfa_required=False)
    begun = service.post("/me/authenticators", {"name": "Tablet"}, token=token).body
    body = {"challenge": begun["challenge"], "code": service.code_of(secret_of(begun["secret"]))}
    add = partial(service.post, "/verify", body, token=token)
    remove = partial(service.call, "DELETE", authenticator_path(service, enrolled), token=token)
    if first == "race":
        race(*[add] * 3, *[remove] * 3)
    else:
        meanwhile(service, add if first == "add" else remove)
        loser = remove() if first == "add" else add()
        assert loser.code == ("conflict" if first == "add" else "challenge_invalid")
    record = service.record(enrolled)
    added, removed = (successes_of(service, f"authenticator_{what}") for what in ("added", "removed"))
    assert (added, removed) in (
        [(1, 0)] if first == "add" else [(0, 1)] if first == "remove" else [(1, 0), (0, 1), (1, 1)]
    )
    assert len(record.authenticators) == 1 + added - removed
    assert record.is_bound == bool(record.authenticators) == bool(record.recovery_codes)


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%23", "a.b", "t.x%00", "%ED%A0%80", "*", "%252e", "other", "x" * 10240]
)
def test_an_authenticator_that_is_not_ones_own_is_not_found(
    service: Service, enrolled: Person, token: str, name: str
) -> None:
    if name == "other":
        name = next(iter(service.record(service.bound_person("other")).authenticators))
    before = everything(service)
    for method, body in (("DELETE", None), ("PATCH", {"name": "Mine now"})):
        reply = service.call(method, f"/me/authenticators/{name}", body, token=token)
        assert (reply.status, reply.code) == (404, "not_found")
    assert everything(service) == before


def test_the_session_that_removed_goes_on_and_every_other_ends(service: Service) -> None:
    person = service.bound_person("pair", authenticators=2)
    mine, other = service.session(person), service.session(person)
    challenge = service.challenge(person)
    path = authenticator_path(service, person)
    assert service.call("DELETE", path, token=mine["account_token"]).status == 204
    assert service.call("DELETE", path, token=mine["account_token"]).code == "not_found"
    assert service.verify(challenge, service.code(person, steps=1)).code == "challenge_invalid"
    for name in ("account_token", "access_token"):
        assert service.get("/me", token=other[name]).code == "invalid_token"
    assert service.post("/refresh", {"refresh_token": other["refresh_token"]}).code == "invalid_token"
    refreshed = service.post("/refresh", {"refresh_token": mine["refresh_token"]})
    assert refreshed.status == 200
    assert service.get("/me", token=refreshed.body["account_token"]).status == 200
    assert successes_of(service, "authenticator_removed") == 1


def test_who_loses_a_race_to_the_own_session_is_not_told_that_it_ended(service: Service) -> None:
    """Two clicks in a row: the session lives on, so `invalid_token` is not true, and its client would log out."""
    person = service.bound_person("three", authenticators=3)
    token = service.session(person)["account_token"]
    paths = [authenticator_path(service, person, number) for number in range(2)]
    meanwhile(service, lambda: service.call("DELETE", paths[0], token=token))
    lost = service.call("DELETE", paths[1], token=token)
    assert service.get("/me", token=token).status == 200
    assert successes_of(service, "authenticator_removed") == 1 + (lost.status == 204)
    assert lost.code in ("conflict", "unavailable", "ok")


@pytest.mark.parametrize("in_the_same_epoch", [True, False])
def test_a_rename_that_races_the_removal_makes_no_half_entry(service: Service, in_the_same_epoch: bool) -> None:
    person = service.bound_person("pair", authenticators=2)
    token = service.session(person)["account_token"]
    path = authenticator_path(service, person)
    kept = sorted(service.record(person).authenticators)[1]

    def lose_it() -> None:
        held = service.record(person)
        epoch = held.epoch if in_the_same_epoch else new_epoch()
        service.change(person, authenticators={kept: held.authenticators[kept]}, epoch=epoch)

    meanwhile(service, lose_it)
    assert service.call("PATCH", path, {"name": "Ghost"}, token=token).status in (401, 404, 409)
    assert set(service.item(person)["t"]) == {kept}
    assert service.events("authenticator_renamed") == []


def test_who_removed_the_disabled_authenticator_can_bind_another_one(service: Service, enrolled: Person) -> None:
    service.account(mfa_required=False)
    service.change(enrolled, run=50)
    body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    token = service.post("/verify", body).body["account_token"]
    assert service.call("DELETE", authenticator_path(service, enrolled), token=token).status == 204
    begun = service.post("/me/authenticators", {"name": "New phone"}, token=token).body
    body = {"challenge": begun["challenge"], "code": service.code_of(secret_of(begun["secret"]))}
    assert service.post("/verify", body, token=token).code == "ok"


# --- recovery codes


def _is_whole_set(service: Service, person: Person, texts: list[str]) -> bool:
    stored = service.record(person).recovery_codes
    found = {recovery_codes.match(recovery_codes.parse(each) or "", person.sub, stored) for each in texts}
    return len(stored) == 10 and found == stored


def test_sets_that_are_renewed_in_parallel_leave_exactly_one(service: Service, enrolled: Person, token: str) -> None:
    replies = race(*[partial(service.post, "/me/recovery-codes", token=token)] * 8)
    assert {reply.code for reply in replies} <= {"ok", "unavailable"}
    whole = [_is_whole_set(service, enrolled, reply.body.get("recovery_codes", [])) for reply in replies]
    assert whole.count(True) == 1
    assert successes_of(service, "recovery_codes_renewed") == count(replies, 200)


@pytest.mark.parametrize("first", ["renew", "use", "race"])
def test_an_old_code_that_races_the_renewal_takes_nothing_from_the_new_set(
    service: Service, enrolled: Person, token: str, first: str
) -> None:
    body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    use = partial(service.post, "/verify", body)
    renewed: list[Reply] = []

    def renew() -> Reply:
        renewed.append(service.post("/me/recovery-codes", token=token))
        return renewed[0]

    if first == "race":
        used = race(use, renew)[0]
    elif first == "renew":
        meanwhile(service, renew)
        used = use()
        assert used.code == "challenge_invalid"
    else:
        used = use()
        renew()
    assert _is_whole_set(service, enrolled, renewed[0].body["recovery_codes"])
    assert successes_of(service, "recovery_code_used") == (used.status == 200)
    again = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", again).code == "invalid_code"


def test_nobody_without_an_authenticator_gets_recovery_codes(service: Service, agent: Person) -> None:
    service.account(mfa_required=False)
    token = service.log_in(agent).body["account_token"]
    before = everything(service)
    assert service.post("/me/recovery-codes", token=token).code == "conflict"
    assert everything(service) == before


def test_an_authenticator_that_goes_meanwhile_takes_the_renewal_with_it(
    service: Service, enrolled: Person, token: str
) -> None:
    """By its own clause: even in the same epoch."""
    unbound = {"authenticators": {}, "recovery_codes": frozenset(), "enrollment": Enrollment.OPEN}
    meanwhile(service, lambda: service.change(enrolled, **unbound))
    assert service.post("/me/recovery-codes", token=token).code == "conflict"
    assert service.record(enrolled).recovery_codes == frozenset()
    assert service.events("recovery_codes_renewed") == []


# --- password


def _budget(service: Service, person: Person) -> list[dict[str, Any]]:
    return [each for each in service.state() if each["pk"] == name_budget_key(person.identity.hash)["pk"]]


def test_parallel_guesses_at_the_password_are_ten_and_touch_no_code_budget(
    service: Service, enrolled: Person, token: str
) -> None:
    service.clock.advance(60)  # the login's own charge has lapsed
    before = service.item(enrolled)
    replies = race(*[partial(change_password, service, token, "wrong")] * 24)
    assert Counter(reply.code for reply in replies) == {"invalid_credentials": 10, "too_many_attempts": 14}
    assert change_password(service, token).code == "too_many_attempts"  # the right one too, once it is drained
    assert service.item(enrolled) == before
    assert [each["outcome"] for each in service.events("password_changed")] == ["failure"] * 10
    step_up = service.post("/step-up", {"code": service.code(enrolled)}, token=token)
    assert step_up.status == 200


def test_a_password_that_is_not_paid_for_is_not_hashed(
    service: Service, enrolled: Person, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.clock.advance(60)
    for _ in range(10):
        assert change_password(service, token, "wrong").code == "invalid_credentials"
    matched: list[object] = []
    monkeypatch.setattr(password, "match", lambda *presented: matched.append(presented))
    assert change_password(service, token).code == "too_many_attempts"
    assert service.log_in(enrolled).code == "too_many_attempts"
    assert matched == []


def test_wrong_codes_touch_no_password_budget(service: Service, enrolled: Person, token: str) -> None:
    service.clock.advance(60)
    begun = service.post("/me/authenticators", {"name": "Tablet"}, token=token).body
    before = _budget(service, enrolled)
    for _ in range(5):
        body = {"challenge": begun["challenge"], "code": service.wrong_code(enrolled)}
        assert service.post("/verify", body, token=token).code == "invalid_code"
    assert _budget(service, enrolled) == before
    assert change_password(service, token).status == 204


@pytest.mark.parametrize("first", ["reset", "change"])
def test_a_reset_beats_a_change_of_password_in_either_order(
    service: Service, enrolled: Person, admin_token: str, token: str, first: str
) -> None:
    old_hash = service.record(enrolled).password_hash
    if first == "reset":
        meanwhile(service, lambda: service.reset(admin_token, "enrolled"))
        assert change_password(service, token).code == "invalid_token"
        assert service.record(enrolled).password_hash == old_hash
    else:
        assert change_password(service, token).status == 204
        assert service.reset(admin_token, "enrolled").status == 200
    assert service.get("/me", token=token).code == "invalid_token"
    assert service.record(enrolled).enrollment is Enrollment.TICKETED
    assert successes_of(service, "password_changed") == (first == "change")


def test_of_two_sessions_that_change_the_password_at_once_one_wins(service: Service, enrolled: Person) -> None:
    text, stored = ticket.issue(now=service.now(), ttl_seconds=3600)
    sessions = [service.session(enrolled) for _ in range(2)]
    service.change(enrolled, password_ticket=stored)
    wanted = ["the first of two lamps", "the second of two lamps"]
    changes = [partial(change_password, service, sessions[n]["account_token"], PASSWORD, wanted[n]) for n in range(2)]
    replies = race(*changes)
    assert sorted(reply.code for reply in replies) == ["invalid_token", "ok"]
    won = [reply.status for reply in replies].index(204)
    assert service.log_in(enrolled, wanted[won]).status == 200
    assert service.log_in(enrolled, wanted[1 - won]).code == "invalid_credentials"
    refreshed = [service.post("/refresh", {"refresh_token": each["refresh_token"]}).status for each in sessions]
    assert (refreshed[won], refreshed[1 - won]) == (200, 401)
    redeemed = {"account": "acme", "login_name": "enrolled", "ticket": text, "new_password": "a third lamp appears"}
    assert service.post("/password", redeemed).code == "ticket_invalid"
    assert successes_of(service, "password_changed") == 1
