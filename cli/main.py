"""`secondstep`: what an operator does from a terminal. Exit codes: 0 done, 1 refused, 2 usage, 3 not reachable."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from cli.deployment import DeploymentError, explained_writes, find
from cli.importing.commands import register as register_import_and_export
from secondstep.errors import Conflict, InvalidRequest, ServiceError, Unavailable
from secondstep.flows.invitation import create_account

REFUSED, NOT_REACHABLE = 1, 3

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Operate a Secondstep deployment.")
account_app = typer.Typer(no_args_is_help=True, help="Accounts: the brands whose subscribers log in.")
app.add_typer(account_app, name="account")
register_import_and_export(app)

Stack = Annotated[str, typer.Option(envvar="SECONDSTEP_STACK", help="The CloudFormation stack of the deployment.")]
Region = Annotated[str | None, typer.Option(help="The AWS region; default: the environment's or profile's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.callback()
def about() -> None:
    """Work on the deployment that your AWS credentials reach; AWS_ENDPOINT_URL leads to a local cloud."""


@account_app.command(
    "create", epilog='Example: secondstep account create acme --admin kim --display-name "Acme Support"'
)
def create(
    account: Annotated[str, typer.Argument(help="The account id: 1 to 40 of a-z, 0-9 and -.")],
    admin: Annotated[str, typer.Option(help="The login name of the account's first admin.")],
    display_name: Annotated[str, typer.Option(help="What people see instead of the id.")] = "",
    stack: Stack = "secondstep",
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and its first admin, and print the admin's ticket: it is shown once, never again."""
    deployment = find(stack, region)
    with explained_writes():
        made = create_account(
            account,
            display_name,
            admin,
            deployment.operator_arn,
            store=deployment.store,
            context=deployment.context(),
        )
    if as_json:
        typer.echo(json.dumps({"account": account, "ticket": made.ticket, "expires_at": made.expires_at}))
        return
    until = datetime.fromtimestamp(made.expires_at or 0, UTC)
    console = Console(highlight=False)
    console.print(f"Account [bold]{account}[/] is made. Its first admin is [bold]{admin}[/].")
    console.print(f"Ticket  [bold green]{made.ticket}[/]  good until {until:%Y-%m-%d %H:%M} UTC, shown only now.")
    console.print("It opens POST /password (the first password), then POST /enroll (the first authenticator).")


def main() -> None:
    """Run the command; what is refused or not reachable is a sentence on stderr and an exit code, never a trace."""
    try:
        app()
    except DeploymentError as unusable:
        _fail(str(unusable), NOT_REACHABLE)
    except Unavailable:
        _fail("AWS did not answer in time, so it is not known whether anything was written. Look, then try again.", 3)
    except InvalidRequest as refused:
        _fail(f"{refused.field} {refused.message}.", REFUSED)
    except (Conflict, ServiceError) as refused:
        _fail(refused.detail, REFUSED)


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True, highlight=False).print(f"secondstep: {sentence}", markup=False)
    sys.exit(code)
