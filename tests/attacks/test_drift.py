"""Attack A43: only the configured steps are accepted, and drift is told only where it helps no guesser."""

import pytest

from tests.attacks import raw
from tests.attacks.successes import confirmation
from tests.clock import FrozenClock
from tests.service import Person, Reply, Service

STEP = 60_000_000  # a step boundary: 1,800,000,000 seconds


class Frozen:
    """The service's clock, standing still at the moment that a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = STEP * 30.0
        monkeypatch.setattr(FrozenClock, "__call__", lambda _: self.moment)

    def at(self, step: int, seconds: float) -> None:
        self.moment = step * 30 + seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Frozen:
    return Frozen(monkeypatch)


@pytest.fixture
def person(clock: Frozen, service: Service) -> Person:
    return service.bound_person()


def _try(service: Service, person: Person, steps: int) -> Reply:
    return service.verify(service.challenge(person), service.code(person, steps=steps))


@pytest.mark.parametrize("seconds", [0.0, 29.9, 29.999])
@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_of_a_neighbouring_step_is_accepted_at_every_moment(
    service: Service, clock: Frozen, person: Person, steps: int, seconds: float
) -> None:
    clock.at(STEP, seconds)
    assert _try(service, person, steps).status == 200
    [it] = service.record(person).authenticators.values()
    assert it.last_step == STEP + steps


@pytest.mark.parametrize("seconds", [0.0, 29.9])
@pytest.mark.parametrize("steps", [-2, 2, -3, 3, -10, 10, 100])
def test_a_code_further_away_is_never_accepted(
    service: Service, clock: Frozen, person: Person, steps: int, seconds: float
) -> None:
    clock.at(STEP, seconds)
    challenge = service.challenge(person)
    assert service.verify(challenge, service.code(person, steps=steps)).code == "invalid_code"
    assert service.sessions(person) == []


@pytest.mark.parametrize(("seconds", "accepted"), [(29.9, True), (30.0, True), (59.9, True), (60.0, False)])
def test_a_code_ends_with_the_step_after_its_own(
    service: Service, clock: Frozen, person: Person, seconds: float, accepted: bool
) -> None:
    clock.at(STEP, 0)
    code = service.code(person)
    clock.at(STEP, seconds)
    assert (service.verify(service.challenge(person), code).status == 200) is accepted


@pytest.mark.parametrize(("seconds", "accepted"), [(-0.1, True), (-30.0, True), (-30.1, False)])
def test_a_code_begins_with_the_step_before_its_own(
    service: Service, clock: Frozen, person: Person, seconds: float, accepted: bool
) -> None:
    clock.at(STEP, 0)
    code = service.code(person)
    clock.at(STEP, seconds)
    assert (service.verify(service.challenge(person), code).status == 200) is accepted


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_with_no_tolerance_only_the_present_step_is_accepted(
    service: Service, clock: Frozen, person: Person, steps: int
) -> None:
    service.account(tolerance_steps=0)
    assert (_try(service, person, steps).status == 200) is (steps == 0)


@pytest.mark.parametrize("steps", [-1, 0, 1, -2, 2])
def test_a_first_code_meets_the_same_tolerance(service: Service, clock: Frozen, steps: int) -> None:
    pending = confirmation(service)
    code = service.code_of(pending.person.secret, steps=steps)
    reply = service.verify(pending.body["challenge"], code)
    assert (reply.status == 200) is (abs(steps) <= 1)
    if steps == -2:
        assert (reply.body["hint"], reply.body["drift_seconds"]) == ("clock_behind", 60)


# --- a clock that is behind: told at once, for such a code can never be accepted any more


@pytest.mark.parametrize("steps", range(2, 11))
def test_a_clock_that_is_behind_is_told_at_once(service: Service, clock: Frozen, person: Person, steps: int) -> None:
    reply = _try(service, person, -steps)
    assert reply.code == "invalid_code"
    assert (reply.body["hint"], reply.body["drift_seconds"]) == ("clock_behind", steps * 30)
    assert reply.body["tries_left"] == 4
    assert "retry_after" not in reply.body


def test_further_than_ten_steps_behind_nothing_is_told(service: Service, clock: Frozen, person: Person) -> None:
    for steps in (-11, -20, -2880):
        reply = _try(service, person, steps)
        assert reply.code == "invalid_code"
        assert not {"hint", "drift_seconds"} & set(reply.body)


def test_a_code_that_was_used_is_replayed_however_old_it_is(service: Service, clock: Frozen, person: Person) -> None:
    code = service.code(person)
    assert service.verify(service.challenge(person), code).status == 200
    for seconds in (0.0, 29.9, 30.0, 59.9, 60.0, 299.9):
        clock.at(STEP, seconds)
        reply = service.verify(service.challenge(person), code)
        assert reply.code == "invalid_code"
        assert reply.body["hint"] == "replayed"
        assert reply.body["retry_after"] == 30 - int(seconds) % 30


# --- a clock that is ahead: such a code will be good soon, so only a second one of a later step is explained


@pytest.mark.parametrize("steps", range(2, 10))
def test_a_clock_that_is_ahead_is_told_only_on_the_second_code_of_the_same_offset(
    service: Service, clock: Frozen, person: Person, steps: int
) -> None:
    challenge = service.challenge(person)
    first = service.verify(challenge, service.code(person, steps=steps))
    assert not {"hint", "drift_seconds"} & set(first.body)
    clock.at(STEP + 1, 0)
    second = service.verify(challenge, service.code(person, steps=steps))
    assert second.code == "invalid_code"
    assert (second.body["hint"], second.body["drift_seconds"]) == ("clock_ahead", steps * 30)
    assert service.sessions(person) == []


def test_the_first_code_ahead_is_answered_as_any_wrong_code(service: Service, clock: Frozen, person: Person) -> None:
    ahead = _try(service, person, 3).body
    wrong = service.verify(service.challenge(person), service.wrong_code(person)).body
    assert {**ahead, "request_id": ""} == {**wrong, "request_id": ""}


def test_the_same_code_ahead_twice_tells_nothing(service: Service, clock: Frozen, person: Person) -> None:
    challenge, code = service.challenge(person), service.code(person, steps=3)
    for _ in range(3):
        assert "hint" not in service.verify(challenge, code).body


def test_codes_of_two_offsets_tell_nothing(service: Service, clock: Frozen, person: Person) -> None:
    """A guesser who hits two future steps by chance does not learn that the second one was right."""
    challenge = service.challenge(person)
    service.verify(challenge, service.code(person, steps=3))
    clock.at(STEP + 1, 0)
    assert "hint" not in service.verify(challenge, service.code(person, steps=6)).body


def test_an_earlier_step_after_a_later_one_tells_nothing(service: Service, clock: Frozen, person: Person) -> None:
    challenge = service.challenge(person)
    service.verify(challenge, service.code(person, steps=4))
    assert "hint" not in service.verify(challenge, service.code(person, steps=3)).body


def test_another_challenge_remembers_nothing_of_a_code_ahead(service: Service, clock: Frozen, person: Person) -> None:
    _try(service, person, 3)
    clock.at(STEP + 1, 0)
    assert "hint" not in _try(service, person, 3).body


def test_two_codes_ahead_are_not_a_resynchronisation(service: Service, clock: Frozen, person: Person) -> None:
    challenge = service.challenge(person)
    for step in range(4):
        clock.at(STEP + step, 0)
        assert service.verify(challenge, service.code(person, steps=5)).code == "invalid_code"
    assert service.verify(challenge, service.code(person)).status == 200


def test_a_code_that_was_ahead_is_good_at_its_own_time(service: Service, clock: Frozen, person: Person) -> None:
    code = service.code(person, steps=3)
    service.verify(service.challenge(person), code)
    clock.at(STEP + 3, 0)
    assert service.verify(service.challenge(person), code).status == 200


# --- only the service's own clock counts


@pytest.mark.parametrize("header", ["Date", "X-Date", "X-Amz-Date", "X-Time", "If-Modified-Since"])
def test_no_header_moves_the_clock(service: Service, clock: Frozen, person: Person, header: str) -> None:
    code = service.code(person, steps=-3)
    body = f'{{"challenge": "{service.challenge(person)}", "code": "{code}"}}'.encode()
    claimed = ((header, "Fri, 15 Jan 2027 07:58:30 GMT"),)
    reply = raw.send(service, "POST", "/verify", body, headers=(*raw.JSON, *claimed))
    assert reply.code == "invalid_code"


@pytest.mark.parametrize("field", ["now", "time", "timestamp", "for_time", "step"])
def test_no_field_moves_the_clock(service: Service, clock: Frozen, person: Person, field: str) -> None:
    body = {"challenge": service.challenge(person), "code": service.code(person), field: service.now()}
    assert service.post("/verify", body).code == "invalid_request"


def test_a_clock_that_jumps_back_accepts_no_step_again(service: Service, clock: Frozen, person: Person) -> None:
    assert _try(service, person, 0).status == 200
    clock.at(STEP - 4, 0)
    for steps in (-1, 0, 1, 4):
        assert _try(service, person, steps).code == "invalid_code"
    clock.at(STEP + 1, 0)
    assert _try(service, person, 0).status == 200
