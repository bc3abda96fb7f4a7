"""The budgets as values, against plain models."""

from hypothesis import given
from hypothesis import strategies as st

from secondstep import throttle
from secondstep.throttle import Pace, Window

times = st.lists(st.integers(0, 2000), max_size=30)


@given(times, st.integers(0, 2500), st.integers(1, 12), st.integers(1, 900))
def test_a_window_lets_through_what_a_plain_count_does(at: list[int], now: int, limit: int, seconds: int) -> None:
    window = Window(limit=limit, seconds=seconds)
    charges = {str(n): moment for n, moment in enumerate(at)}
    in_force = [moment for moment in at if moment > now - seconds]
    assert (window.retry_after(charges, now) > 0) == (len(in_force) >= limit)
    assert len(window.expired(charges, now)) == len(at) - len(in_force)


@given(times, st.integers(0, 2500), st.integers(1, 12), st.integers(1, 900))
def test_the_time_that_is_told_is_the_first_that_fits(at: list[int], now: int, limit: int, seconds: int) -> None:
    window = Window(limit=limit, seconds=seconds)
    charges = {str(n): moment for n, moment in enumerate(at)}
    wait = window.retry_after(charges, now)
    assert window.retry_after(charges, now + wait) == 0
    assert wait == 0 or window.retry_after(charges, now + wait - 1) == 1


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


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 12), st.integers(1, 900))
def test_a_window_never_lets_more_than_its_limit_into_any_stretch_of_its_length(
    gaps: list[int], limit: int, seconds: int
) -> None:
    """Charge whenever it is allowed, then look at every stretch: the window slides, it has no edges to straddle."""
    window, now, charges = Window(limit=limit, seconds=seconds), 0, dict[str, int]()
    for number, gap in enumerate(gaps):
        now += gap
        if window.retry_after(charges, now) == 0:
            charges[str(number)] = now
    taken = sorted(charges.values())
    assert all(last - first >= seconds for first, last in zip(taken, taken[limit:], strict=False))


def test_a_charge_leaves_its_window_at_the_very_second_and_not_before() -> None:
    window = Window(limit=1, seconds=60)
    assert window.expired({"a": 1000}, 1059) == []
    assert window.expired({"a": 1000}, 1060) == ["a"]


def test_charges_of_one_second_are_counted_each() -> None:
    window = Window(limit=3, seconds=60)
    assert window.retry_after({"a": 5, "b": 5}, 5) == 0
    assert window.retry_after({"a": 5, "b": 5, "c": 5}, 5) == 60


def test_a_burst_of_ten_and_then_one_every_thirty_seconds() -> None:
    """Someone who tries every second for ten minutes: ten at once, then each half minute."""
    allowed, tat = [], 0
    for now in range(1000, 1601):
        if throttle.NAME_PACE.retry_after(tat, now) == 0:
            allowed.append(now)
            tat = max(tat, now) + throttle.NAME_PACE.interval
    assert allowed[:10] == list(range(1000, 1010))
    assert allowed[10:] == list(range(1030, 1601, 30))


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_the_wait_of_a_pace_is_exact(tat: int, now: int) -> None:
    wait = throttle.NAME_PACE.retry_after(tat, now)
    assert throttle.NAME_PACE.retry_after(tat, now + wait) == 0
    assert wait == 0 or throttle.NAME_PACE.retry_after(tat, now + wait - 1) == 1


def test_the_budgets_are_those_of_the_promises() -> None:
    assert throttle.TRIES_PER_CHALLENGE == 5
    assert throttle.MOST_IN_A_ROW == 50
    assert throttle.CODES_RECENT == throttle.RECOVERY_RECENT == Window(limit=10, seconds=900)
    assert Window(limit=50, seconds=86400) == throttle.CODES_DAY
    assert Pace(burst=10, interval=30) == throttle.NAME_PACE
    assert Pace(burst=60, interval=5) == throttle.ADDRESS_PACE
