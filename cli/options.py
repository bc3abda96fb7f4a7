"""The options and arguments that many commands share, so that each is called and explained alike everywhere."""

from typing import Annotated

import typer

Stack = Annotated[str, typer.Option(envvar="SECONDSTEP_STACK", help="The CloudFormation stack of the deployment.")]
Region = Annotated[str | None, typer.Option(help="The AWS region; default: the environment's or profile's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

Account = Annotated[str, typer.Argument(help="The account's id.", show_default=False)]
LoginName = Annotated[str, typer.Argument(help="The subscriber's login name.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it goes into the audit. 1 to 200 characters.", show_default=False)]

DEFAULT_STACK = "secondstep"


def examples(*commands: str) -> str:
    """Return the lines that `--help` ends with, each on its own."""
    return "\n\n".join([f"Example{'s' if len(commands) > 1 else ''}:", *(f"secondstep {each}" for each in commands)])
