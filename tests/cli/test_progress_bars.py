"""What may take over a second shows how far it is: on a terminal, on standard error, and never in the answer."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, Person, Service

LONG = [
    (("account", "list"), "look"),
    (("account", "show", ACCOUNT), "count"),
    (("account", "delete", ACCOUNT, "--confirm", ACCOUNT), "delete"),
    (("subscriber", "list", ACCOUNT), "list"),
    (("subscriber", "invite", ACCOUNT, "--file", "people"), "invite"),
    (("audit", "tail", ACCOUNT), "read"),
]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """Return what a terminal shows beside the answer."""
    screen = StringIO()
    monkeypatch.setattr("cli.progress.console", lambda **_: Console(file=screen, force_terminal=True, width=80))
    return screen


@pytest.mark.parametrize(("command", "word"), LONG, ids=lambda each: each if isinstance(each, str) else "")
def test_a_long_command_shows_how_far_it_is(
    service: Service,
    terminal: Terminal,
    agent: Person,
    shown: StringIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    word: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people").write_text("ana\nben\n", "utf-8")
    done = terminal(*command, "--json")
    assert done.code == 0
    assert word in shown.getvalue()
    assert "\x1b" not in done.out


def test_nobody_who_reads_a_pipe_meets_a_bar(service: Service, terminal: Terminal, agent: Person) -> None:
    assert terminal("subscriber", "list", ACCOUNT).err == ""
