"""What cannot be undone asks for the name of what goes: typed, or given beforehand by a script."""

import typer

from cli.printing import console, plain
from secondstep.errors import Conflict


def confirm(name: str, given: str | None, what_goes: str) -> None:
    """Return where the name was given; Conflict where another one was. Nothing has been done before."""
    if given is None:
        console(stderr=True).print(plain(what_goes), markup=False)
        given = typer.prompt(f"Type {name} to go on", err=True)
    if given.strip() != name:
        raise Conflict(f"That is not {name}. Nothing was deleted.")
