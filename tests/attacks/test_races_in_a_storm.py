"""The bounds of test_races while three of ten calls fail: conflicts and throttles buy no guess, no second session.

A request that is hit answers 503. So each race ends with one more attempt in calm weather: whether the storm let one in
or none, that makes exactly one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from secondstep.subscriber import Enrollment
from tests.attacks.storm import Storm, insist
from tests.service import Person, Reply, Service, count, race, secret_of

each_storm = pytest.mark.parametrize("seed", range(1, 4))
CODES = {"ok", "challenge_invalid", "invalid_code", "conflict", "too_many_attempts", "unavailable"}


@contextmanager
def storm(service: Service, seed: int) -> Iterator[None]:
    """Let calls fail; the storm must have been one."""
    service.recorder.fault = weather = Storm(seed)
    try:
        yield
    finally:
        service.recorder.fault = None
    assert weather.met


def race_in(service: Service, seed: int, *attempts: Callable[[], Any]) -> list[Any]:
    """Run attempts at the same time, in a storm."""
    with storm(service, seed):
        return race(*attempts)


def assert_each_token_is_held(service: Service, replies: Iterable[Reply]) -> None:
    """No token without a durable accept: each one that was given opens what stands."""
    for reply in replies:
        if reply.status == 200:
            assert service.get("/me", token=reply.body["access_token"]).status == 200


def assert_one_accept(service: Service, person: Person, replies: list[Reply], *names: str) -> None:
    """Exactly one session and one record of it; at most one caller holds it (its reply may have been lost)."""
    assert {reply.code for reply in replies} <= CODES
    assert len(service.sessions(person)) == 1
    assert [each["outcome"] for each in service.events(*names)].count("success") == 1
    assert count(replies, 200) <= 1
    assert_each_token_is_held(service, replies)


@each_storm
def test_forty_threads_with_one_right_code_get_one_session(service: Service, enrolled: Person, seed: int) -> None:
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    replies = race_in(service, seed, *[partial(service.verify, challenge, code)] * 40)
    replies.append(service.verify(service.challenge(enrolled), code))
    assert_one_accept(service, enrolled, replies, "verify")


@each_storm
def test_one_code_on_five_challenges_is_accepted_once(service: Service, enrolled: Person, seed: int) -> None:
    challenges, code = [service.challenge(enrolled) for _ in range(5)], service.code(enrolled)
    attempts = [partial(service.verify, challenge, code) for challenge in challenges]
    replies = race_in(service, seed, *(partial(insist, attempt) for attempt in attempts))
    replies.append(service.verify(service.challenge(enrolled), code))
    assert_one_accept(service, enrolled, replies, "verify")


@each_storm
def test_sixty_threads_on_one_challenge_pay_for_five_guesses(service: Service, enrolled: Person, seed: int) -> None:
    challenge, wrong = service.challenge(enrolled), service.wrong_code(enrolled)
    service.recorder.clear()
    replies = race_in(service, seed, *[partial(service.verify, challenge, wrong)] * 60)
    told = [reply for reply in replies if reply.code == "invalid_code"]
    assert len(told) <= service.recorder.evaluated <= 5
    assert len(service.record(enrolled).recent) == 5
    assert len({reply.body["tries_left"] for reply in told}) == len(told)
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"


@each_storm
def test_whoever_logs_in_again_and_again_pays_for_ten_guesses(service: Service, enrolled: Person, seed: int) -> None:
    challenge, wrong = service.challenge(enrolled), service.wrong_code(enrolled)

    def guess_with_new_challenges() -> None:
        for _ in range(4):
            login = service.log_in(enrolled)
            for _ in range(3 if login.status == 200 else 0):
                service.verify(login.body["challenge"], wrong)

    service.recorder.clear()
    guesses = [partial(service.verify, challenge, wrong)] * 40
    race_in(service, seed, *guesses, *[guess_with_new_challenges] * 6)
    record = service.record(enrolled)
    assert 0 < service.recorder.evaluated <= len(record.recent) == len(record.day) == record.run <= 10
    service.clock.advance(330)  # a login that was hit may have paid for its right password: that lapses first
    for _ in range(10 - len(record.recent)):  # what the storm has left
        assert service.verify(service.challenge(enrolled), service.wrong_code(enrolled)).code == "invalid_code"
    assert service.recorder.evaluated <= 10
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "too_many_attempts"


@each_storm
def test_of_twenty_parallel_confirms_one_binds(service: Service, agent: Person, seed: int) -> None:
    pending = []
    for _ in range(5):
        answer = service.enroll(agent).body
        pending.append((answer["challenge"], service.code_of(secret_of(answer["secret"]))))
    replies = race_in(service, seed, *(partial(service.verify, *pending[n % 5]) for n in range(20)))
    record = service.record(agent)
    assert record.enrollment is Enrollment.BOUND
    assert (len(record.authenticators), len(record.recovery_codes)) == (1, 10)
    assert_one_accept(service, agent, replies, "enrolled")


@each_storm
def test_a_recovery_code_is_good_once(service: Service, enrolled: Person, seed: int) -> None:
    code = enrolled.recovery_codes[0]
    bodies = [{"challenge": service.challenge(enrolled), "recovery_code": code} for _ in range(5)]
    replies = race_in(service, seed, *(partial(service.post, "/verify", bodies[n % 5]) for n in range(40)))
    replies.append(service.post("/verify", {"challenge": service.challenge(enrolled), "recovery_code": code}))
    assert len(service.record(enrolled).recovery_codes) == 9
    assert_one_accept(service, enrolled, replies)


@each_storm
def test_parallel_refreshes_of_one_token_rotate_once(service: Service, enrolled: Person, seed: int) -> None:
    body = {"refresh_token": service.session(enrolled)["refresh_token"]}
    replies = race_in(service, seed, *[partial(service.post, "/refresh", body)] * 20)
    replies.append(service.post("/refresh", body))
    assert {reply.code for reply in replies} == {"ok", "unavailable"}
    assert len({reply.body["refresh_token"] for reply in replies if reply.status == 200}) == 1
    [session] = service.sessions(enrolled)
    assert session["rn"] == 1
    assert_each_token_is_held(service, replies)


@each_storm
def test_a_reset_that_races_all_of_it_leaves_nothing_old_alive(
    service: Service, enrolled: Person, admin_token: str, seed: int
) -> None:
    tokens = service.session(enrolled)
    service.clock.advance(30)
    challenges, code = [service.challenge(enrolled) for _ in range(5)], service.code(enrolled)
    verifies = [partial(service.verify, challenges[n % 5], code) for n in range(20)]
    refreshes = [partial(service.post, "/refresh", {"refresh_token": tokens["refresh_token"]})] * 20
    reset = partial(insist, partial(service.reset, admin_token, "enrolled"))
    replies = race_in(service, seed, *verifies, reset, *refreshes)
    assert replies[20].status == 200
    record = service.record(enrolled)
    assert (record.enrollment, record.authenticators, record.challenges) == (Enrollment.TICKETED, {}, {})
    assert all(each["x"] != record.epoch for each in service.sessions(enrolled))
    for held in (tokens, *(reply.body for reply in replies if "access_token" in reply.body)):
        assert service.get("/me", token=held["access_token"]).code == "invalid_token"
        assert service.post("/refresh", {"refresh_token": held["refresh_token"]}).code == "invalid_token"
