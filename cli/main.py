"""`secondstep`: what an operator does from a terminal. Exit codes: 0 done, 1 refused, 2 usage, 3 not reachable."""

import sys

import typer
from rich.console import Console

from cli.accounts import account_app
from cli.audit import audit_app
from cli.deployment import DeploymentError
from cli.doctor import EXAMPLE, doctor
from cli.importing.commands import register as register_import_and_export
from cli.keys import keys_app
from cli.policies import policy_app
from cli.restored import EXAMPLES as RESTORED_EXAMPLES
from cli.restored import restored
from cli.subscribers import subscriber_app
from secondstep.errors import InvalidRequest, ServiceError, Unavailable

REFUSED, NOT_REACHABLE = 1, 3

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Operate a Secondstep deployment.")
app.add_typer(account_app, name="account")
app.add_typer(subscriber_app, name="subscriber")
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")
app.command("doctor", epilog=EXAMPLE)(doctor)
app.command("restored", epilog=RESTORED_EXAMPLES)(restored)
register_import_and_export(app)


@app.callback()
def about() -> None:
    """Work on the deployment that your AWS credentials reach; AWS_ENDPOINT_URL leads to a local cloud."""


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
    except ServiceError as refused:
        _fail(refused.detail, REFUSED)


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"secondstep: {sentence}", markup=False)
    sys.exit(code)
