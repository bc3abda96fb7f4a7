"""What cannot be undone asks for the name of what goes: typed, or given beforehand by a script."""

from collections.abc import Callable

import typer

from cli.printing import console, plain
from secondstep.errors import Conflict


def confirm(name: str, given: str | None, what_goes: str, *, canonical: Callable[[str], str] = str.strip) -> None:
    """Return where the name was given, in any spelling; Conflict where another one was. Nothing was done before."""
    if given is None:
        console(stderr=True).print(plain(what_goes), markup=False)
        given = typer.prompt(f"Type {name} to go on", err=True)
    if canonical(given) != name:
        raise Conflict(f"That is not {name}. Nothing was done.")
