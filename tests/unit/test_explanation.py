"""What a wrong code is told: what helps its owner, and nothing that helps a guesser."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondstep.authenticators.totp import Verdict
from secondstep.explanation import Explanation, Judged, explain
from secondstep.subscriber import Ahead
from tests.unit.records import NOW

STEP = NOW // 30

type Kind = Literal["accepted", "replayed", "behind", "ahead", "wrong"]


def judged(kind: Kind, offset: int = 0, authenticator_id: str = "a1", now: int = NOW) -> Judged:
    return Judged(authenticator_id, Verdict(kind, 0 if kind == "wrong" else now // 30 + offset))


def told(*verdicts: Judged, before: Ahead | None = None, now: int = NOW) -> Explanation:
    return explain(list(verdicts), before, tries_left=4, now=now)


def hint(explanation: Explanation) -> tuple[str | None, int | None]:
    return explanation.refusal.hint, explanation.refusal.drift_seconds


def members(explanation: Explanation) -> dict[str, object]:
    return explanation.refusal.members()


def test_a_code_of_no_step_is_told_the_tries_left_and_nothing_else() -> None:
    explanation = told(judged("wrong"))
    assert members(explanation) == {"tries_left": 4}
    assert (explanation.why, explanation.ahead) == ("wrong", None)


def test_where_no_authenticator_was_held_against_it_a_code_is_wrong() -> None:
    assert members(told()) == {"tries_left": 4}


@pytest.mark.parametrize("steps", range(2, 11))
def test_a_clock_that_is_behind_is_told_at_once(steps: int) -> None:
    explanation = told(judged("behind", -steps))
    assert members(explanation) == {"tries_left": 4, "hint": "clock_behind", "drift_seconds": steps * 30}
    assert (explanation.why, explanation.ahead) == ("clock_behind", None)


@pytest.mark.parametrize("steps", range(2, 11))
def test_the_first_code_of_a_future_step_is_told_nothing_and_remembered(steps: int) -> None:
    """It will be right in a minute: to tell would be to say "keep this guess"."""
    explanation = told(judged("ahead", steps))
    assert members(explanation) == members(told(judged("wrong")))
    assert explanation.why == "wrong"
    assert explanation.ahead == Ahead(authenticator_id="a1", step=STEP + steps, offset=steps)


@pytest.mark.parametrize(
    ("second_offset", "is_told"), [(2, False), (3, False), (4, True), (5, True), (6, True), (7, False), (8, False)]
)
def test_a_second_code_is_told_only_at_the_same_offset_give_or_take_one(second_offset: int, is_told: bool) -> None:
    later = NOW + 150
    first = told(judged("ahead", 5)).ahead
    explanation = told(judged("ahead", second_offset, now=later), before=first, now=later)
    assert hint(explanation) == (("clock_ahead", second_offset * 30) if is_told else (None, None))


@pytest.mark.parametrize("later", [0, 10, 30, 60])
def test_the_same_code_again_confirms_nothing(later: int) -> None:
    """One guess, repeated while time goes on, has the same step: it must be a later one."""
    first = told(judged("ahead", 5)).ahead
    now = NOW + later
    step_again = STEP + 5 - now // 30
    assert hint(told(judged("ahead", step_again, now=now), before=first, now=now)) == (None, None)


def test_a_code_of_an_earlier_step_than_the_first_confirms_nothing() -> None:
    first = told(judged("ahead", 5)).ahead
    assert hint(told(judged("ahead", 4), before=first)) == (None, None)


def test_the_next_code_of_the_same_second_confirms_the_drift() -> None:
    first = told(judged("ahead", 5)).ahead
    assert hint(told(judged("ahead", 6), before=first)) == ("clock_ahead", 180)


def test_another_authenticators_code_confirms_nothing_and_is_remembered_instead() -> None:
    first = told(judged("ahead", 5, "a1")).ahead
    explanation = told(judged("ahead", 6, "a2"), before=first)
    assert hint(explanation) == (None, None)
    assert explanation.ahead is not None
    assert explanation.ahead.authenticator_id == "a2"


def test_a_confirmed_drift_is_remembered_by_its_latest_step() -> None:
    first = told(judged("ahead", 5)).ahead
    explanation = told(judged("ahead", 6), before=first)
    assert explanation.ahead == Ahead(authenticator_id="a1", step=STEP + 6, offset=6)


def test_a_wrong_code_in_between_forgets_the_future_step() -> None:
    first = told(judged("ahead", 5)).ahead
    assert told(judged("wrong"), before=first).ahead is None


@pytest.mark.parametrize(("second", "wait"), [(0, 30), (10, 20), (29, 1)])
def test_a_used_code_is_told_when_the_next_one_shows(second: int, wait: int) -> None:
    now = STEP * 30 + second
    explanation = told(judged("replayed", now=now), now=now)
    assert members(explanation) == {"tries_left": 4, "hint": "replayed", "retry_after": wait}
    assert (explanation.why, explanation.ahead) == ("replayed", None)


@pytest.mark.parametrize("other", [judged("behind", -3, "a2"), judged("ahead", 3, "a2"), judged("wrong", 0, "a2")])
def test_replayed_wins_over_all_else_in_either_order(other: Judged) -> None:
    used = judged("replayed", 0, "a1")
    assert told(used, other).why == told(other, used).why == "replayed"


def test_behind_wins_over_ahead_and_wrong_in_either_order() -> None:
    behind, ahead, wrong = judged("behind", -3, "a1"), judged("ahead", 3, "a2"), judged("wrong", 0, "a3")
    assert told(behind, ahead, wrong).why == told(wrong, ahead, behind).why == "clock_behind"


kinds: st.SearchStrategy[Kind] = st.sampled_from(["replayed", "behind", "ahead", "wrong"])


@given(st.lists(st.tuples(kinds, st.integers(2, 10)), max_size=4))
def test_a_drift_is_always_positive_and_the_future_is_never_told_at_first(found: list[tuple[Kind, int]]) -> None:
    verdicts = [judged(kind, -steps if kind == "behind" else steps) for kind, steps in found]
    refusal = told(*verdicts).refusal
    assert refusal.hint != "clock_ahead"
    assert (refusal.drift_seconds is None) == (refusal.hint != "clock_behind")
    assert refusal.drift_seconds is None or refusal.drift_seconds > 0
