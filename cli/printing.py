"""What the commands print: sentences and tables for people, JSON for scripts; never what could steer a terminal.

Standard output has the answer alone. What somebody else has typed (a display name, a reason) is shown without
characters that move the cursor, turn the writing around or look like markup.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_WIDE = 10_000  # a pipe has no width: nothing may be cut or broken there


def console(*, stderr: bool = False) -> Console:
    """Return a console that breaks no line by itself, and that knows no colour where nobody sees it."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = _WIDE
    return made


def plain(value: object) -> str:
    """Return text that can be shown in a terminal, whoever wrote it; nothing is a hyphen."""
    if value is None or value == "":
        return "-"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value))


def moment(at: int | None) -> str:
    """Return when it was, in UTC, to the minute."""
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def yes_or_no(it: object) -> str:
    """Return a truth as a word."""
    return "yes" if it else "no"


def print_json(answer: object) -> None:
    """Print an answer as one line of JSON, in ASCII."""
    typer.echo(json.dumps(msgspec.to_builtins(answer)))


def print_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their heading, in columns; ten thousand rows take no longer than they must."""
    cells = [tuple(heading), *(tuple(row) for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(_filled, row, widths)).rstrip() for row in cells]
    console().print(Text(lines[0], style="bold"))
    for line in lines[1:]:
        typer.echo(line)


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))


def print_facts(facts: Mapping[str, str]) -> None:
    """Print what is known of one thing, a line for each."""
    widest = max(len(name) for name in facts)
    out = console()
    for name, value in facts.items():
        out.print(Text.assemble((f"{name:<{widest}}  ", "bold"), value))


def print_ticket(login_name: str, ticket: str, expires_at: int | None, *, opens: str) -> None:
    """Print a ticket: the only time that it is shown."""
    out = console()
    until = f"good until {moment(expires_at)} UTC, shown only now."
    out.print(Text.assemble("Ticket of ", (plain(login_name), "bold"), "  ", (ticket, "bold green"), f"  {until}"))
    out.print(opens)


def say(sentence: str, *, style: str | None = None) -> None:
    """Print a sentence of the answer."""
    console().print(Text(sentence, style=style or ""))


def warn(sentence: str) -> None:
    """Print a sentence beside the answer, on standard error."""
    console(stderr=True).print(Text(f"secondstep: {sentence}", style="yellow"))
