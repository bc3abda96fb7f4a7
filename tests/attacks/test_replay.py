"""A code is good once (A01-A06, A22): on every challenge, at every door, in every order, however many race.

`test_guessing` holds the plain replays one after the other, `test_races` the barrier on one challenge.
"""

from functools import partial
from itertools import permutations

import pytest

from secondstep.authenticators.totp import new_secret, step_at
from tests.service import Person, Reply, Service, count, race, secret_of

ORDERS = list(permutations((-1, 0, 1)))


def _step_up(service: Service, token: str, code: str) -> Reply:
    return service.post("/step-up", {"code": code}, token=token)


def test_the_same_code_on_the_same_challenge_makes_no_second_session(service: Service, enrolled: Person) -> None:
    """A01: the write that burned the step has spent the challenge too."""
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    assert service.verify(challenge, code).status == 200
    assert service.verify(challenge, code).code == "challenge_invalid"
    [authenticator] = service.record(enrolled).authenticators.values()
    assert authenticator.last_step == step_at(service.now())
    assert len(service.sessions(enrolled)) == 1
    assert [each["outcome"] for each in service.events("verify")] == ["success"]


def test_a_replay_costs_a_try_and_is_recorded_as_a_replay(service: Service, enrolled: Person) -> None:
    """A01: a code that is known to have been right is still a guess."""
    code = service.code(enrolled)
    service.verify(service.challenge(enrolled), code)
    reply = service.verify(service.challenge(enrolled), code)
    assert (reply.code, reply.body["hint"], reply.body["tries_left"]) == ("invalid_code", "replayed", 4)
    record = service.record(enrolled)
    assert (len(record.recent), len(record.day), record.run) == (1, 1, 1)
    [event] = [each for each in service.events("verify") if each["outcome"] == "failure"]
    assert event["detail"] == {"why": "replayed"}


def test_the_time_that_a_replay_tells_is_true(service: Service, enrolled: Person) -> None:
    """A01: one second before it the phone still shows the used code, at it the next one, and that is accepted."""
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200
    challenge = service.challenge(enrolled)
    wait = service.verify(challenge, service.code(enrolled)).body["retry_after"]
    service.clock.advance(wait - 1)
    early = service.verify(challenge, service.code(enrolled))
    assert (early.body["hint"], early.body["retry_after"]) == ("replayed", 1)
    service.clock.advance(1)
    assert service.verify(challenge, service.code(enrolled)).status == 200


def test_one_code_on_twenty_challenges_gets_one_session(service: Service, enrolled: Person) -> None:
    """A03: five are open at once, the others were evicted; the step alone decides among the five."""
    challenges = [service.challenge(enrolled) for _ in range(20)]
    code = service.code(enrolled)
    replies = race(*(partial(service.verify, challenge, code) for challenge in challenges))
    assert count(replies, 200) == 1
    assert {reply.code for reply in replies} <= {"ok", "challenge_invalid", "invalid_code"}
    assert sum(reply.code == "challenge_invalid" for reply in replies) >= 15
    assert len(service.sessions(enrolled)) == 1
    assert [each["outcome"] for each in service.events("verify")].count("success") == 1


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_accepted_steps_rise_in_whatever_order_codes_come(
    service: Service, enrolled: Person, order: tuple[int, ...]
) -> None:
    """A04: of the three codes that are good now, only one later than all before is accepted."""
    highest = -2
    for steps in order:
        reply = service.verify(service.challenge(enrolled), service.code(enrolled, steps=steps))
        assert (reply.status == 200) == (steps > highest), (order, steps)
        assert reply.body.get("hint") == (None if steps > highest else "replayed")
        highest = max(highest, steps)
    [authenticator] = service.record(enrolled).authenticators.values()
    assert authenticator.last_step == step_at(service.now()) + 1


def test_all_codes_of_the_window_in_parallel_leave_the_latest_step_burned(service: Service, enrolled: Person) -> None:
    """A02, A04: each is accepted at most once, and none after the latest."""
    codes = [service.code(enrolled, steps=steps) for steps in (-1, 0, 1)]
    challenges = [service.challenge(enrolled) for _ in range(5)]
    replies = race(*(partial(service.verify, challenges[n % 5], codes[n % 3]) for n in range(9)))
    accepted = count(replies, 200)
    assert 1 <= accepted <= 3
    assert len(service.sessions(enrolled)) == accepted
    winners = [n % 3 for n, reply in enumerate(replies) if reply.status == 200]
    assert len(set(winners)) == accepted
    [authenticator] = service.record(enrolled).authenticators.values()
    assert authenticator.last_step == step_at(service.now()) - 1 + max(winners)


def test_no_code_up_to_the_one_that_confirmed_logs_anybody_in(service: Service, agent: Person) -> None:
    """A05: a phone whose clock runs ahead confirms with the next step; what it showed before is burned as well."""
    answer = service.enroll(agent).body
    phone = agent._replace(secret=secret_of(answer["secret"]))
    assert service.verify(answer["challenge"], service.code(phone, steps=1)).status == 200
    challenge = service.challenge(phone)
    for steps in (1, 0, -1):
        assert service.verify(challenge, service.code(phone, steps=steps)).body["hint"] == "replayed"
    service.clock.advance(30)
    assert service.verify(challenge, service.code(phone, steps=1)).status == 200


def test_a_code_stays_used_after_its_session_has_ended(service: Service, enrolled: Person) -> None:
    """A01, A22: a logout gives back neither the code nor the challenge."""
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    token = service.verify(challenge, code).body["account_token"]
    assert service.post("/logout", token=token).status == 204
    assert service.verify(challenge, code).code == "challenge_invalid"
    assert service.verify(service.challenge(enrolled), code).body["hint"] == "replayed"
    assert service.sessions(enrolled) == []


def test_a_code_is_good_at_one_door_only(service: Service, enrolled: Person) -> None:
    """A01, A15: login and step-up burn the same step."""
    token = service.session(enrolled)["account_token"]
    assert _step_up(service, token, service.code(enrolled)).body["hint"] == "replayed"
    service.clock.advance(30)
    assert _step_up(service, token, service.code(enrolled)).status == 200
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).body["hint"] == "replayed"
    assert _step_up(service, token, service.code(enrolled)).body["hint"] == "replayed"
    assert [each["outcome"] for each in service.events("step_up")] == ["failure", "success", "failure"]


def test_one_code_at_both_doors_in_parallel_is_accepted_once(service: Service, enrolled: Person) -> None:
    """A02, A15."""
    token = service.session(enrolled)["account_token"]
    service.clock.advance(30)
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    doors = [partial(service.verify, challenge, code), partial(_step_up, service, token, code)]
    replies = race(*doors * 4)
    assert count(replies, 200) == 1
    events = service.events("verify", "step_up")
    assert [each["outcome"] for each in events].count("success") == 2  # the first login, and one of these


def test_a_used_code_of_one_authenticator_says_nothing_of_another(service: Service, enrolled: Person) -> None:
    """A04: each authenticator has its own last step; who names one is not judged by the other."""
    record, second_secret = service.record(enrolled), new_secret()
    second = service._authenticator(record, second_secret, used_at=service.now() - 7200)
    service.change(enrolled, authenticators={**record.authenticators, second.id: second})
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).status == 200
    named = service.verify(service.challenge(enrolled), service.code(enrolled), authenticator=second.id)
    assert (named.code, named.body.get("hint")) == ("invalid_code", None)
    other = enrolled._replace(secret=second_secret)
    assert service.verify(service.challenge(enrolled), service.code(other)).status == 200
    assert service.verify(service.challenge(enrolled), service.code(other)).body["hint"] == "replayed"


def test_an_older_challenge_wants_a_later_code_than_a_newer_one_has_used(service: Service, enrolled: Person) -> None:
    """A22: what a newer login accepted is burned for the older one too, and costs it a try."""
    older, newer = service.challenge(enrolled), service.challenge(enrolled)
    now, before = service.code(enrolled), service.code(enrolled, steps=-1)
    assert service.verify(newer, now).status == 200
    tries = [service.verify(older, code).body["tries_left"] for code in (now, before)]
    assert tries == [4, 3]
    assert len(service.sessions(enrolled)) == 1


def test_a_challenge_that_a_recovery_code_has_spent_takes_no_code(service: Service, enrolled: Person) -> None:
    """A22: and the other way round."""
    first = service.challenge(enrolled)
    by_recovery = {"challenge": first, "recovery_code": enrolled.recovery_codes[0]}
    assert service.post("/verify", by_recovery).status == 200
    assert service.verify(first, service.code(enrolled)).code == "challenge_invalid"
    second = service.challenge(enrolled)
    assert service.verify(second, service.code(enrolled)).status == 200
    body = {"challenge": second, "recovery_code": enrolled.recovery_codes[1]}
    assert service.post("/verify", body).code == "challenge_invalid"
    assert len(service.record(enrolled).recovery_codes) == 9


def test_a_code_and_a_recovery_code_in_parallel_get_one_session_of_one_challenge(
    service: Service, enrolled: Person
) -> None:
    """A02, A22: whichever wins, only it is spent."""
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    before = service.record(enrolled)
    body = {"challenge": challenge, "recovery_code": enrolled.recovery_codes[0]}
    replies = race(partial(service.verify, challenge, code), partial(service.post, "/verify", body))
    assert count(replies, 200) == 1
    after = service.record(enrolled)
    steps = [next(iter(each.authenticators.values())).last_step for each in (before, after)]
    by_code = replies[0].status == 200
    assert (steps[0] < steps[1]) == by_code
    assert len(after.recovery_codes) == (10 if by_code else 9)
    assert len(service.sessions(enrolled)) == 1
