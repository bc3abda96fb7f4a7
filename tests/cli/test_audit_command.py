"""`secondstep audit tail`."""

import time
from collections.abc import Callable

import pytest

from cli.moments import moment_of
from secondstep.audit import Event, EventName, Outcome, Person, event_by
from secondstep.context import RequestContext
from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, Service

type Write = Callable[..., Event]


@pytest.fixture
def happened(service: Service) -> Write:
    """Return how an event of some seconds ago is written."""

    def write(
        ago: int, *, name: EventName = EventName.VERIFY, who: str = "kim", account: str = ACCOUNT, reason: str = "why"
    ) -> Event:
        at = int(time.time()) - ago
        context = RequestContext(
            now=at, milliseconds=at * 1000, source="203.0.113.7", charged_address=None, request_id="r", issuer=""
        )
        person = Person(f"sub-{who}", who)
        event = event_by(person, person, account, name, Outcome.FAILURE, context, reason=reason)
        service.services.store.subscribers.record(event)
        return event

    return write


def test_the_latest_are_printed_oldest_first(
    service: Service, terminal: Terminal, happened: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.audit._PAGE", 7)
    for ago in range(30, 0, -1):
        happened(ago, who=f"p{ago}")
    happened(1, account="beta", who="foreign")
    shown = terminal("audit", "tail", ACCOUNT).out.splitlines()
    assert (len(shown), "p20 " in shown[0], "p1 " in shown[-1]) == (20, True, True)
    assert len(terminal("audit", "tail", ACCOUNT, "--since", "1h").out.splitlines()) == 30
    assert len(terminal("audit", "tail", ACCOUNT, "--since", "1h", "--limit", 3).out.splitlines()) == 3
    assert "foreign" not in terminal("audit", "tail", ACCOUNT, "--since", "1h").out


def test_it_can_be_narrowed(service: Service, terminal: Terminal, happened: Write) -> None:
    happened(100, name=EventName.RESET)
    happened(50, name=EventName.RESET, who="ana")
    happened(10)
    lines = terminal("audit", "tail", ACCOUNT, "--login-name", "KIM", "--event", "reset", "--json").out.splitlines()
    assert len(lines) == 1
    assert len(terminal("audit", "tail", ACCOUNT, "--since", "60s").out.splitlines()) == 2
    assert len(terminal("audit", "tail", ACCOUNT, "--event", "reset").out.splitlines()) == 2
    assert len(terminal("audit", "tail", ACCOUNT, "--login-name", "kim").out.splitlines()) == 2


def test_a_line_says_who_did_what_to_whom_and_why(service: Service, terminal: Terminal) -> None:
    service.bound_person("kim")
    terminal("subscriber", "reset", ACCOUNT, "kim", "--reason", "lost phone")
    [line] = terminal("audit", "tail", ACCOUNT).out.splitlines()
    for part in ("reset", "success", "kim", "by arn:aws:", '"lost phone"'):
        assert part in line
    shown = terminal("audit", "tail", ACCOUNT, "--json").json
    assert (shown["event"], shown["subject"]["login_name"]) == ("reset", "kim")


def test_a_mark_of_direction_that_was_stored_once_turns_nothing_round(terminal: Terminal, happened: Write) -> None:
    happened(5, reason="lost \u202ephone")
    assert '"lost \N{REPLACEMENT CHARACTER}phone"' in terminal("audit", "tail", ACCOUNT).out


def test_following_prints_each_event_once_until_it_is_interrupted(
    service: Service, terminal: Terminal, happened: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(40, who="before")
    looks = iter([["first"], [], ["second", "third"], None])

    def meanwhile(_: float) -> None:
        new = next(looks)
        if new is None:
            raise KeyboardInterrupt
        for who in new:
            happened(-1 if who == "third" else 20, who=who)  # an index shows events late, and not in order

    monkeypatch.setattr("cli.audit.time.sleep", meanwhile)
    done = terminal("audit", "tail", ACCOUNT, "--follow")
    shown = [line.split()[4] for line in done.out.splitlines()]
    assert (done.code, shown) == (0, ["before", "first", "second", "third"])


def test_following_begins_behind_what_was_cut(
    service: Service, terminal: Terminal, happened: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ago in range(9, 4, -1):
        happened(ago, who=f"p{ago}")
    looks = iter([True, False])

    def meanwhile(_: float) -> None:
        if not next(looks):
            raise KeyboardInterrupt
        happened(0, who="new")

    monkeypatch.setattr("cli.audit.time.sleep", meanwhile)
    shown = terminal("audit", "tail", ACCOUNT, "--follow", "--limit", 2).out.splitlines()
    assert [line.split()[4] for line in shown] == ["p6", "p5", "new"]


def test_following_an_account_where_nothing_happened_yet(
    service: Service, terminal: Terminal, happened: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True, False])

    def meanwhile(_: float) -> None:
        if not next(looks):
            raise KeyboardInterrupt
        happened(0)

    monkeypatch.setattr("cli.audit.time.sleep", meanwhile)
    assert len(terminal("audit", "tail", ACCOUNT, "-f").out.splitlines()) == 1


def test_nothing_is_no_failure_and_an_unknown_account_is(service: Service, terminal: Terminal) -> None:
    done = terminal("audit", "tail", ACCOUNT)
    assert (done.code, done.out, "no such event" in done.err) == (0, "", True)
    done = terminal("audit", "tail", "beta", "--event", "reset")
    assert (done.code, "There is no account beta" in done.err) == (1, True)


def test_the_events_of_an_account_that_is_gone_are_still_told(
    service: Service, terminal: Terminal, happened: Write
) -> None:
    happened(5, account="gone")
    assert terminal("audit", "tail", "gone", "--event", "reset").code == 0
    assert len(terminal("audit", "tail", "gone").out.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--event", "dance"), ("--since", "yesterday"), ("--limit", "0")])
def test_a_slip_of_the_fingers_is_a_usage_error(
    service: Service, terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    assert terminal("audit", "tail", ACCOUNT, *arguments).code == 2


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("30s", 1_800_000_000 - 30),
        ("2h", 1_800_000_000 - 7200),
        ("1d", 1_800_000_000 - 86_400),
        ("999999d", 0),
        ("1800000000", 1_800_000_000),
        ("2026-11-24", 1_795_478_400),
        ("2026-11-24T09:30", 1_795_512_600),
        ("2026-11-24T09:30+09:00", 1_795_480_200),
    ],
)
def test_moments_are_read_as_people_write_them(typed: str, moment: int) -> None:
    assert moment_of(typed, now=1_800_000_000) == moment
