"""Guessing codes (A01, A04-A06, A09, A11-A14, A16, A17, A22, A23): what is left of a budget, and when it comes back."""

import pytest

from secondstep.subscriber import Enrollment
from tests.service import Person, Service

WINDOW, DAY = 15 * 60, 24 * 3600


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
