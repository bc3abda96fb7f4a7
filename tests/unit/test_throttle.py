"""The budgets as values, against plain models."""

from hypothesis import given
from hypothesis import strategies as st

from secondstep.throttle import Pace, Window

times = st.lists(st.integers(0, 2000), max_size=30)


@given(times, st.integers(0, 2500), st.integers(1, 12), st.integers(1, 900))
def test_a_window_lets_through_what_a_plain_count_does(at: list[int], now: int, limit: int, seconds: int) -> None:
    window = Window(limit=limit, seconds=seconds)
    charges = {str(n): moment for n, moment in enumerate(at)}
    in_force = [moment for moment in at if moment > now - seconds]
    assert window.is_drained(charges, now) == (len(in_force) >= limit)
    assert len(window.expired(charges, now)) == len(at) - len(in_force)


@given(times, st.integers(0, 2500), st.integers(1, 12), st.integers(1, 900))
def test_the_time_that_is_told_is_the_first_that_fits(at: list[int], now: int, limit: int, seconds: int) -> None:
    window = Window(limit=limit, seconds=seconds)
    charges = {str(n): moment for n, moment in enumerate(at)}
    wait = window.retry_after(charges, now)
    assert not window.is_drained(charges, now + wait)
    assert wait == 0 or window.is_drained(charges, now + wait - 1)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_a_pace_is_a_burst_and_then_one_per_interval(gaps: list[int]) -> None:
    """GCRA against a leaky bucket that is kept exactly."""
    pace, now, tat, level, last = Pace(burst=10, interval=30), 0, 0, 0.0, 0
    for gap in gaps:
        now += gap
        level, last = max(0.0, level - (now - last) / 30), now
        allowed = pace.retry_after(tat, now) == 0
        assert allowed == (level <= 9.0 + 1e-9)
        if allowed:
            tat, level = max(tat, now) + 30, level + 1


def test_a_pace_tells_when_the_next_try_is_allowed() -> None:
    pace = Pace(burst=10, interval=30)
    assert pace.retry_after(1000 + 9 * 30, 1000) == 0
    assert pace.retry_after(1000 + 9 * 30 + 7, 1000) == 7
