"""The promises under parallel attack (A02, A03, A10, A11, A28, A34, A35): threads from one barrier, exact bounds."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from secondstep.aws import Answer
from secondstep.challenge import open_challenge
from secondstep.store.layout import CHALLENGES
from secondstep.subscriber import Enrollment, Purpose
from tests.recording import Called
from tests.service import Person, Reply, Service, count, race, secret_of


def test_forty_threads_with_one_right_code_get_one_session(service: Service, enrolled: Person) -> None:
    challenge, code = service.challenge(enrolled), service.code(enrolled)
    replies = race(*[partial(service.verify, challenge, code)] * 40)
    assert count(replies, 200) == 1
    assert {reply.code for reply in replies} <= {"ok", "challenge_invalid", "invalid_code"}
    assert len(service.sessions(enrolled)) == 1
    assert [each["outcome"] for each in service.events("verify")].count("success") == 1


def test_one_code_on_five_challenges_in_parallel_gets_one_session(service: Service, enrolled: Person) -> None:
    challenges, code = [service.challenge(enrolled) for _ in range(5)], service.code(enrolled)
    replies = race(*(partial(service.verify, challenge, code) for challenge in challenges * 2))
    assert count(replies, 200) == 1
    assert len(service.sessions(enrolled)) == 1
    assert any(reply.body.get("hint") == "replayed" for reply in replies)


def test_sixty_threads_and_four_who_log_in_again_evaluate_ten_guesses(service: Service, enrolled: Person) -> None:
    """Never more than 5 evaluated guesses for a challenge and 10 in 15 minutes, however often they log in again."""
    challenge, wrong = service.challenge(enrolled), service.wrong_code(enrolled)

    def guess_with_new_challenges() -> list[Reply]:
        replies = []
        for _ in range(4):
            login = service.log_in(enrolled)
            if login.status == 200:
                replies += [service.verify(login.body["challenge"], wrong) for _ in range(3)]
        return replies

    service.recorder.clear()
    guesses = [partial(lambda: [service.verify(challenge, wrong)])] * 60
    replies = [reply for found in race(*guesses, *[guess_with_new_challenges] * 4) for reply in found]
    evaluated = service.recorder.evaluated
    assert evaluated == 10
    assert Counter(reply.code for reply in replies)["invalid_code"] == evaluated
    record = service.record(enrolled)
    assert len(record.recent) == len(record.day) == record.run == evaluated
    assert service.verify(service.challenge(enrolled), service.code(enrolled)).code == "too_many_attempts"


def test_sixty_threads_on_one_challenge_evaluate_five_guesses(service: Service, enrolled: Person) -> None:
    challenge, wrong = service.challenge(enrolled), service.wrong_code(enrolled)
    service.recorder.clear()
    replies = race(*[partial(service.verify, challenge, wrong)] * 60)
    assert Counter(reply.code for reply in replies) == {"invalid_code": 5, "challenge_invalid": 55}
    assert service.recorder.evaluated == 5
    assert sorted(r.body["tries_left"] for r in replies if r.code == "invalid_code") == [0, 1, 2, 3, 4]
    assert service.verify(challenge, service.code(enrolled)).code == "challenge_invalid"


def test_a_reset_that_races_verifies_and_refreshes_leaves_nothing_old_alive(
    service: Service, enrolled: Person, admin_token: str
) -> None:
    tokens = service.session(enrolled)
    service.clock.advance(30)
    challenges = [service.challenge(enrolled) for _ in range(5)]
    code = service.code(enrolled)
    verifies = [partial(service.verify, challenges[n % 5], code) for n in range(40)]
    refreshes = [partial(service.post, "/refresh", {"refresh_token": tokens["refresh_token"]})] * 40
    resets = [partial(service.reset, admin_token, "enrolled")]
    replies = race(*verifies[:20], *refreshes[:20], *resets, *verifies[20:], *refreshes[20:])
    [reset] = [reply for reply in replies if "ticket" in reply.body]
    assert reset.status == 200
    record = service.record(enrolled)
    assert (record.enrollment, record.authenticators, record.challenges) == (Enrollment.TICKETED, {}, {})
    for reply in replies:
        if reply.status == 200 and "access_token" in reply.body:
            assert service.get("/me", token=reply.body["access_token"]).code == "invalid_token"
            body = {"refresh_token": reply.body["refresh_token"]}
            assert service.post("/refresh", body).code == "invalid_token"
    for challenge in challenges:
        assert service.verify(challenge, code).code == "challenge_invalid"
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert all(each["x"] != record.epoch for each in service.sessions(enrolled))


def test_of_twenty_parallel_confirms_one_binds(service: Service, agent: Person) -> None:
    pending = []
    for _ in range(5):
        answer = service.enroll(agent).body
        pending.append((answer["challenge"], service.code_of(secret_of(answer["secret"]))))
    replies = race(*(partial(service.verify, *pending[n % 5]) for n in range(20)))
    assert count(replies, 200) == 1
    assert {reply.status for reply in replies} <= {200, 401, 409, 429}
    record = service.record(agent)
    assert len(record.authenticators) == 1
    assert len(record.recovery_codes) == 10
    assert len(service.sessions(agent)) == 1
    assert [each["outcome"] for each in service.events("enrolled")].count("success") == 1


def test_a_recovery_code_is_good_once_however_many_race(service: Service, enrolled: Person) -> None:
    challenges = [service.challenge(enrolled) for _ in range(5)]
    body = {"recovery_code": enrolled.recovery_codes[0]}
    posts = [partial(service.post, "/verify", {"challenge": challenges[n % 5], **body}) for n in range(40)]
    replies = race(*posts)
    assert count(replies, 200) == 1
    assert len(service.record(enrolled).recovery_codes) == 9
    assert len(service.sessions(enrolled)) == 1


def test_two_recovery_codes_at_once_are_both_spent_and_never_counted_too_low(
    service: Service, enrolled: Person
) -> None:
    """Each answer counts from what its own check read, as docs/api.md says; what is stored is exact."""
    challenges = [service.challenge(enrolled) for _ in range(2)]
    bodies = [
        {"challenge": it, "recovery_code": code}
        for it, code in zip(challenges, enrolled.recovery_codes[:2], strict=True)
    ]
    second: list[Reply] = []

    def use_the_other_first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            second.append(service.post("/verify", bodies[1]))
        return send()

    service.recorder.fault = use_the_other_first
    replies = [service.post("/verify", bodies[0]), *second]
    assert [(each.code, each.body["recovery_codes_left"]) for each in replies] == [("ok", 9), ("ok", 9)]
    assert len(service.record(enrolled).recovery_codes) == 8
    assert service.get("/me", token=replies[0].body["account_token"]).body["recovery_codes_left"] == 8
    assert [each["outcome"] for each in service.events("recovery_code_used")] == ["success", "success"]


def test_parallel_refreshes_of_one_token_rotate_once(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    body = {"refresh_token": tokens["refresh_token"]}
    replies = race(*[partial(service.post, "/refresh", body)] * 20)
    successors = {reply.body["refresh_token"] for reply in replies if reply.status == 200}
    assert len(successors) == 1
    assert {reply.code for reply in replies} <= {"ok", "unavailable"}
    [session] = service.sessions(enrolled)
    assert session["rn"] == 1
    assert service.post("/refresh", {"refresh_token": successors.pop()}).status == 200


def test_two_admins_who_reset_each_other_leave_no_half_state(service: Service, admin: Person) -> None:
    other = service.bound_admin("second")
    tokens = [service.session(each)["account_token"] for each in (admin, other)]
    replies = race(partial(service.reset, tokens[0], "second"), partial(service.reset, tokens[1], "boss"))
    done = count(replies, 200)
    assert done == 1, [reply.body for reply in replies]
    assert {reply.code for reply in replies} == {"ok", "invalid_token"}
    states = [service.record(each).enrollment for each in (admin, other)]
    assert sorted(states) == [Enrollment.BOUND, Enrollment.TICKETED]
    assert len(service.events("reset")) == 1


def _others_come_first(service: Service, person: Person, times: int) -> None:
    """Have that many logins of the same name fill the item, each right before the one under test plans to."""
    met = 0

    def fill(called: Called, send: Callable[[], Answer]) -> Answer:
        nonlocal met
        opens = called.operation == "update_item" and CHALLENGES in called.request["ExpressionAttributeNames"].values()
        if opens and met < times:
            met += 1
            held = service.record(person)
            _, more = open_challenge(person.identity.hash, Purpose.VERIFY, epoch=held.epoch, now=service.now())
            others = [msgspec.structs.replace(more, key=f"{more.key[:-1]}{n}") for n in range(met * 6)]
            service.change(person, challenges={each.key: each for each in others})
        return send()

    service.recorder.fault = fill


@pytest.mark.parametrize(("times", "code"), [(5, "ok"), (6, "unavailable")])
def test_a_login_gives_way_to_five_others_and_to_no_sixth(
    service: Service, enrolled: Person, monkeypatch: pytest.MonkeyPatch, times: int, code: str
) -> None:
    """Each meeting is waited out longer than the one before; what is still open then is five at most."""
    waited: list[float] = []
    monkeypatch.setattr(service.services.store.subscribers._database, "_pause", waited.append)
    _others_come_first(service, enrolled, times)
    reply = service.log_in(enrolled)
    assert reply.code == code
    assert len(waited) == 5
    assert all(0.02 * (n + 1) <= pause <= 0.1 * (n + 1) for n, pause in enumerate(waited))
    if code == "ok":
        assert len(service.record(enrolled).challenges) == 5
        assert service.verify(reply.body["challenge"], service.code(enrolled)).status == 200
