"""docs/command-line.md tells of every command, and every command that it shows can be typed; `--help` has examples."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from tests.cli.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text("utf-8")
GROUPS = ("account", "subscriber", "policy", "audit")


def commands(within: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command, by the words that lead to it."""
    inner = getattr(within, "commands", None)
    if inner is None:
        yield path
        return
    for name, each in inner.items():
        yield from commands(each, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", PAGE))
SHOWN = [text for text in CODE if text.split()[0] in GROUPS and len(text.split()) > 2]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_told_of(path: tuple[str, ...]) -> None:
    assert re.search(rf"`{' '.join(path)}[ `]", PAGE), path


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(terminal: Terminal, path: tuple[str, ...]) -> None:
    done = terminal(*path, "--help")
    assert done.code == 0
    assert "Example" in done.out
    assert f"secondstep {' '.join(path)}" in " ".join(done.out.split())
    assert "--json" in done.out


@pytest.mark.parametrize("text", SHOWN)
def test_what_the_page_shows_can_be_typed(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("people.csv", "policy.json"):
        (tmp_path / name).write_text("", "utf-8")
    command: Any = typer.main.get_command(app)
    words = shlex.split(text)
    while (inner := getattr(command, "commands", None)) is not None:
        command = inner[words.pop(0)]
    assert command.make_context(text, words).params


def test_the_page_shows_a_good_many() -> None:
    assert len(SHOWN) > 20


def test_the_picture_shows_nobodys_machine() -> None:
    picture = (ROOT / "docs" / "terminal.svg").read_text("utf-8")
    assert not re.search(r"/(home|root|work|tmp|Users)/|https?://(?!www\.w3\.org)", picture)
