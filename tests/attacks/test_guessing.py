"""Guessing codes (A01, A04-A06, A09-A17, A22, A23): what is left of a budget, and when it comes back."""

from collections import Counter
from functools import partial

import pytest

from secondstep.subscriber import Enrollment
from tests.service import Person, Service, count, race, secret_of

WINDOW, DAY = 15 * 60, 24 * 3600


def _charges(number: int, *, oldest: int, apart: int = 1) -> dict[str, int]:
    """Return the charges of so many wrong codes, as an item holds them."""
    return {f"charge{each:010d}": oldest + each * apart for each in range(number)}


def _guess(service: Service, person: Person, times: int, *, challenge: str | None = None) -> list[str]:
    """Guess wrongly, with a new challenge for each five guesses; return the codes of the answers."""
    found = []
    for number in range(times):
        if challenge is None or number % 5 == 0:
            challenge = service.challenge(person)
        found.append(service.verify(challenge, service.wrong_code(person)).code)
    return found


def test_the_sixth_guess_is_refused_though_it_is_right(service: Service, enrolled: Person) -> None:
    challenge = service.challenge(enrolled)
    tries = [service.verify(challenge, service.wrong_code(enrolled)).body["tries_left"] for _ in range(5)]
    assert tries == [4, 3, 2, 1, 0]
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    assert service.sessions(enrolled) == []
    assert [each["outcome"] for each in service.events("verify")] == ["failure"] * 5


def test_logging_in_again_buys_no_further_guess(service: Service, enrolled: Person) -> None:
    assert _guess(service, enrolled, 10) == ["invalid_code"] * 10
    reply = service.verify(service.challenge(enrolled), service.code(enrolled))
    assert reply.code == "too_many_attempts"
    assert int(reply.headers["Retry-After"]) == reply.body["retry_after"]


def test_another_address_or_a_forged_one_buys_no_further_guess(service: Service, enrolled: Person) -> None:
    _guess(service, enrolled, 10)
    for number in range(3):
        body = {"challenge": service.challenge(enrolled), "code": service.code(enrolled)}
        forged = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.2"}
        reply = service.post("/verify", body, headers=forged, source=f"198.51.100.{number}")
        assert reply.code == "too_many_attempts"


def test_the_window_slides_and_the_time_that_is_told_is_true(service: Service, enrolled: Person) -> None:
    for _ in range(10):
        _guess(service, enrolled, 1)
        service.clock.advance(20)
    refused = service.verify(service.challenge(enrolled), service.code(enrolled))
    wait = refused.body["retry_after"]
    assert WINDOW - 200 <= wait <= WINDOW - 199
    service.clock.advance(wait - 1)
    again = service.verify(service.challenge(enrolled), service.code(enrolled))
    assert (again.code, again.body["retry_after"]) == ("too_many_attempts", 1)
    service.clock.advance(1)
    assert _guess(service, enrolled, 1) == ["invalid_code"]
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "too_many_attempts"


def test_after_the_cool_down_the_cap_is_the_same(service: Service, enrolled: Person) -> None:
    for _ in range(3):
        assert _guess(service, enrolled, 11) == ["invalid_code"] * 10 + ["too_many_attempts"]
        service.clock.advance(WINDOW)


def test_fifty_in_a_day_are_the_most_however_patient_the_guesser(service: Service, enrolled: Person) -> None:
    first = service.now()
    for _ in range(5):
        assert _guess(service, enrolled, 10) == ["invalid_code"] * 10
        service.change(enrolled, run=0)  # as if the owner had logged in between
        service.clock.advance(WINDOW)
    reply = service.verify(service.challenge(enrolled), service.code(enrolled))
    assert reply.code == "too_many_attempts"
    assert abs(reply.body["retry_after"] - (first + DAY - service.now())) <= 1
    service.clock.advance(reply.body["retry_after"] + 1)
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200


def test_fifty_in_a_row_disable_and_only_a_recovery_code_opens(service: Service, enrolled: Person) -> None:
    for _ in range(5):
        assert _guess(service, enrolled, 10) == ["invalid_code"] * 10
        service.clock.advance(DAY)
    login = service.log_in(enrolled)
    assert login.body["next"] == "verify"
    assert login.body["methods"] == ["recovery_code"]
    assert service.verify(login.body["challenge"], service.code(enrolled)).code == "authenticator_disabled"
    assert len(service.events("authenticator_disabled")) == 1
    assert service.record(enrolled).enrollment is Enrollment.BOUND
    body = {"challenge": login.body["challenge"], "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", body).status == 200
    assert service.record(enrolled).run == 50
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "authenticator_disabled"


def test_success_clears_the_row_and_its_own_charge_and_refills_nothing(service: Service, enrolled: Person) -> None:
    assert _guess(service, enrolled, 7) == ["invalid_code"] * 7
    service.session(enrolled)
    record = service.record(enrolled)
    assert (record.run, len(record.recent), len(record.day)) == (0, 7, 7)
    service.clock.advance(30)
    assert _guess(service, enrolled, 4) == ["invalid_code"] * 3 + ["too_many_attempts"]


def test_a_right_password_clears_no_code_budget(service: Service, enrolled: Person) -> None:
    _guess(service, enrolled, 9)
    for _ in range(3):
        assert service.log_in(enrolled).status == 200
    assert _guess(service, enrolled, 2) == ["invalid_code", "too_many_attempts"]


def test_spellings_of_a_name_share_one_budget(service: Service, enrolled: Person) -> None:
    for spelling in ("ENROLLED", " enrolled ", "Ｅｎｒｏｌｌｅｄ") * 4:
        body = {"account": "acme", "login_name": spelling, "password": "correct horse battery staple"}
        login = service.post("/login", body)
        if login.status == 200:
            service.verify(login.body["challenge"], service.wrong_code(enrolled))
    assert len(service.record(enrolled).recent) == 10


def test_the_first_code_of_an_enrollment_has_the_same_tries(service: Service, agent: Person) -> None:
    answer = service.enroll(agent).body
    tries = [service.verify(answer["challenge"], "000000").code for _ in range(6)]
    assert tries.count("invalid_code") <= 5
    assert tries[-1] == "challenge_invalid"


def test_a_code_is_good_once_and_older_ones_never_again(service: Service, enrolled: Person) -> None:
    """A01, A04: the step must rise, so neither the last nor an earlier code of the window comes back."""
    before, now, after = (service.code(enrolled, steps=steps) for steps in (-1, 0, 1))
    assert service.verify(service.challenge(enrolled), now).status == 200
    for code in (now, before):
        reply = service.verify(service.challenge(enrolled), code)
        assert (reply.code, reply.body["hint"], reply.body["retry_after"]) == ("invalid_code", "replayed", 20)
    assert service.verify(service.challenge(enrolled), after).status == 200
    for code in (after, now):
        assert service.verify(service.challenge(enrolled), code).body["hint"] == "replayed"
    assert len(service.sessions(enrolled)) == 2


def test_a_used_code_is_refused_to_the_end_of_its_window(service: Service, enrolled: Person) -> None:
    """A06: the memory of a step has no lifetime."""
    code = service.code(enrolled, steps=1)
    assert service.verify(service.challenge(enrolled), code).status == 200
    for _ in range(4):
        service.clock.advance(20)
        assert service.verify(service.challenge(enrolled), code).body["hint"] == "replayed"


def test_the_code_that_confirmed_an_enrollment_logs_nobody_in(service: Service, agent: Person) -> None:
    """A05."""
    reply, secret = service.bind(agent)
    assert reply.status == 200
    assert service.verify(service.challenge(agent), service.code_of(secret)).body["hint"] == "replayed"


def test_a_spent_challenge_is_dead_for_the_next_code_too(service: Service, enrolled: Person) -> None:
    """A22."""
    challenge = service.challenge(enrolled)
    assert service.verify(challenge, service.code(enrolled)).status == 200
    service.clock.advance(30)
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"


def test_an_expired_challenge_is_refused_though_its_item_stands(service: Service, enrolled: Person) -> None:
    """A23: expiry is in the condition, TTL only cleans up."""
    challenge = service.challenge(enrolled)
    service.clock.advance(300)
    assert len(service.record(enrolled).challenges) == 1
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"
    body = {"challenge": challenge, "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", body).code == "challenge_invalid"
    assert service.record(enrolled).run == 0


def test_a_clock_that_jumps_back_gives_nothing_back(service: Service, enrolled: Person) -> None:
    """F24."""
    assert _guess(service, enrolled, 10) == ["invalid_code"] * 10
    challenge = service.challenge(enrolled)
    service.clock.advance(-3600)
    assert service.verify(challenge, service.code(enrolled)).code == "too_many_attempts"


def test_a_sixth_challenge_evicts_the_oldest(service: Service, enrolled: Person) -> None:
    challenges = []
    for _ in range(6):
        challenges.append(service.challenge(enrolled))
        service.clock.advance(1)
    assert len(service.record(enrolled).challenges) == 5
    assert service.verify(challenges[0], service.code(enrolled)).code == "challenge_invalid"
    assert service.verify(challenges[1], service.code(enrolled)).status == 200


@pytest.mark.parametrize("expired", [10, 49])
def test_many_expired_charges_are_repaired_by_one_write(service: Service, enrolled: Person, expired: int) -> None:
    """The longest expression of the store: all entries of a day leave their window at once."""
    old = {f"charge{number:06d}": service.now() - DAY - number for number in range(expired)}
    live = {f"live{number:08d}": service.now() - 3600 for number in range(50 - expired)}
    service.change(enrolled, day={**old, **live}, recent=dict(list(old.items())[:10]))
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200
    record = service.record(enrolled)
    assert set(record.day) == set(live)
    assert record.recent == {}


def test_a_full_row_closes_the_door_though_the_windows_are_empty(service: Service, enrolled: Person) -> None:
    service.change(enrolled, run=50)
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "authenticator_disabled"
    assert service.recorder.evaluated == 0


def test_the_day_slides_and_the_time_that_is_told_is_true(service: Service, enrolled: Person) -> None:
    """A17: refused one second before, evaluated at it, and then one for each charge that leaves the day."""
    service.change(enrolled, day=_charges(50, oldest=service.now() - DAY + 100, apart=10))
    challenge, wrong = service.challenge(enrolled), service.wrong_code(enrolled)
    for wait in (100, 10):
        assert service.verify(challenge, wrong).body["retry_after"] == wait
        service.clock.advance(wait - 1)
        early = service.verify(challenge, wrong)
        assert (early.code, early.body["retry_after"]) == ("too_many_attempts", 1)
        service.clock.advance(1)
        assert service.verify(challenge, wrong).code == "invalid_code"
    assert len(service.record(enrolled).day) == 50


def test_the_longer_wait_of_both_windows_is_told(service: Service, enrolled: Person) -> None:
    now = service.now()
    service.change(enrolled, recent=_charges(10, oldest=now - 60), day=_charges(50, oldest=now - DAY + 5000))
    challenge = service.challenge(enrolled)
    assert service.verify(challenge, service.code(enrolled)).body["retry_after"] == 5000
    service.change(enrolled, day=_charges(50, oldest=now - DAY + 5))
    assert service.verify(challenge, service.code(enrolled)).body["retry_after"] == WINDOW - 60
    assert service.recorder.evaluated == 0


def test_forty_threads_at_the_edge_of_a_window_evaluate_ten_guesses(service: Service, enrolled: Person) -> None:
    """A10, A17: all charges leave at one moment, and every thread tries to repair the same map."""
    gone = _charges(10, oldest=service.now() - WINDOW - 10)
    service.change(enrolled, recent=gone, day=gone)
    challenges, wrong = [service.challenge(enrolled) for _ in range(5)], service.wrong_code(enrolled)
    service.recorder.clear()
    replies = race(*(partial(service.verify, challenges[n % 5], wrong) for n in range(40)))
    found = Counter(reply.code for reply in replies)
    assert service.recorder.evaluated == found["invalid_code"] == 10
    assert set(found) <= {"invalid_code", "too_many_attempts", "challenge_invalid"}
    record = service.record(enrolled)
    assert (len(record.recent), len(record.day), record.run) == (10, 20, 10)
    assert not set(record.recent) & set(gone)


def test_twenty_threads_before_the_fiftieth_in_a_row_evaluate_two_and_disable_once(
    service: Service, enrolled: Person
) -> None:
    """A10, A16."""
    service.change(enrolled, run=48)
    challenges, wrong = [service.challenge(enrolled) for _ in range(4)], service.wrong_code(enrolled)
    service.recorder.clear()
    replies = race(*(partial(service.verify, challenges[n % 4], wrong) for n in range(20)))
    assert service.recorder.evaluated == 2
    assert Counter(reply.code for reply in replies) == {"invalid_code": 2, "authenticator_disabled": 18}
    assert {reply.status for reply in replies if reply.code == "authenticator_disabled"} == {403}
    assert service.record(enrolled).run == 50
    assert len(service.events("authenticator_disabled")) == 1


def test_an_accept_returns_its_own_charge_and_none_of_those_that_land_beside_it(
    service: Service, enrolled: Person
) -> None:
    """A10, A13: the maps are never rewritten as a whole, so a success cannot erase what others pay meanwhile."""
    challenges = [service.challenge(enrolled) for _ in range(3)]
    wrong = service.wrong_code(enrolled)
    guesses = [partial(service.verify, challenges[n % 2], wrong) for n in range(8)]
    replies = race(*guesses[:4], partial(service.verify, challenges[2], service.code(enrolled)), *guesses[4:])
    assert count(replies, 200) == 1
    record = service.record(enrolled)
    assert len(record.recent) == len(record.day) == 8
    assert record.run <= 8


def test_a_lock_that_comes_between_challenge_and_code_holds_at_every_door(service: Service, enrolled: Person) -> None:
    """A16: the right code on an old challenge, and in an old session."""
    token = service.session(enrolled)["account_token"]
    challenge = service.challenge(enrolled)
    service.change(enrolled, run=50)
    before = service.record(enrolled)
    service.clock.advance(30)
    service.recorder.clear()
    assert service.verify(challenge, service.code(enrolled)).code == "authenticator_disabled"
    step_up = service.post("/step-up", {"code": service.code(enrolled)}, token=token)
    assert (step_up.status, step_up.code) == (403, "authenticator_disabled")
    assert service.recorder.evaluated == 0
    assert service.record(enrolled) == before


def test_an_attackers_own_login_clears_nothing_of_anybody_else(service: Service, enrolled: Person) -> None:
    """A13: from the same address, in the same account."""
    attacker = service.bound_person("attacker")
    assert _guess(service, enrolled, 9) == ["invalid_code"] * 9
    service.session(attacker)
    assert _guess(service, enrolled, 2) == ["invalid_code", "too_many_attempts"]


def test_a_recovery_code_clears_no_code_budget(service: Service, enrolled: Person) -> None:
    """A13: neither the windows nor the count in a row."""
    _guess(service, enrolled, 9)
    body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", body).status == 200
    record = service.record(enrolled)
    assert (len(record.recent), len(record.day), record.run) == (9, 9, 9)
    assert _guess(service, enrolled, 2) == ["invalid_code", "too_many_attempts"]


def test_a_step_up_clears_the_row_and_refills_nothing(service: Service, enrolled: Person) -> None:
    """A13, A15."""
    token = service.session(enrolled)["account_token"]
    _guess(service, enrolled, 9)
    service.clock.advance(30)
    assert service.post("/step-up", {"code": service.code(enrolled)}, token=token).status == 200
    record = service.record(enrolled)
    assert (len(record.recent), len(record.day), record.run) == (9, 9, 0)


def test_enrolling_anew_buys_no_further_guess_at_the_first_code(service: Service, agent: Person) -> None:
    """A11, A15: the subscriber's budget counts over all secrets and challenges."""
    for _ in range(2):
        challenge = service.enroll(agent).body["challenge"]
        assert [service.verify(challenge, "000000").code for _ in range(5)] == ["invalid_code"] * 5
    answer = service.enroll(agent).body
    right = service.code_of(secret_of(answer["secret"]))
    assert service.verify(answer["challenge"], right).code == "too_many_attempts"
    record = service.record(agent)
    assert (len(record.recent), record.run, record.authenticators) == (10, 10, {})
    assert record.enrollment is Enrollment.OPEN


@pytest.mark.parametrize("door", ["verify", "step-up", "first code"])
def test_the_fiftieth_wrong_code_in_a_row_is_recorded_at_whatever_door(
    service: Service, enrolled: Person, agent: Person, door: str
) -> None:
    """A15, promise 7: from now on 403 is answered there, so the audit says since when."""
    person = agent if door == "first code" else enrolled
    token = service.session(enrolled)["account_token"]
    service.change(person, run=49)
    challenge = service.enroll(agent).body["challenge"] if door == "first code" else service.challenge(person)
    wrong = service.wrong_code(person)
    for expected in ("invalid_code", "authenticator_disabled"):
        if door == "step-up":
            assert service.post("/step-up", {"code": wrong}, token=token).code == expected
        else:
            assert service.verify(challenge, wrong).code == expected
    [event] = service.events("authenticator_disabled")
    assert event["subject"] == {"sub": person.sub, "login_name": person.login_name}


def test_a_clock_that_jumps_back_refills_no_window_when_it_comes_forward_again(
    service: Service, enrolled: Person
) -> None:
    """F24: charges of the future stand until their own time has passed."""
    assert _guess(service, enrolled, 10) == ["invalid_code"] * 10
    last = service.now()
    service.clock.advance(-DAY)
    reply = service.verify(service.challenge(enrolled), service.code(enrolled))
    assert (reply.code, abs(reply.body["retry_after"] - (DAY + WINDOW)) <= 2) == ("too_many_attempts", True)
    service.clock.advance(last - service.now() + WINDOW - 2)
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "too_many_attempts"
    service.clock.advance(2)
    assert _guess(service, enrolled, 1) == ["invalid_code"]
