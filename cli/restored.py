"""`secondstep restored`: after a point-in-time restore, before anybody may log in again."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from cli.confirming import confirm
from cli.deployment import Deployment, DeploymentError, OperatorDynamoDb, opened
from cli.moments import moment_of
from cli.options import DEFAULT_STACK, AsJson, Region, Stack, examples
from cli.printing import moment, plain, print_json, print_table, say, warn
from cli.progress import progress
from cli.restoring import Line, Restoration
from secondstep.aws import AwsRefused, AwsUnavailable
from secondstep.errors import Unavailable
from secondstep.store.restoring import Restoring

EXAMPLES = examples(
    "restored secondstep-State-1124 --since 2026-11-24T09:30 --dry-run",
    "restored secondstep-State-1124 --since 2026-11-24T09:30",
)
STOPPED = 3
_LISTED = ("reset", "deleted")


def restored(
    table: Annotated[str, typer.Argument(help="The table that the restore has made.", show_default=False)],
    since: Annotated[str, typer.Option(help="The moment that it shows: 30m, 2h, a date, a time (UTC).")],
    events: Annotated[
        str | None, typer.Option(help="The Audit table that knows what happened since; default: the stack's.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    confirmed: Annotated[str | None, typer.Option("--confirm", help="The stack's name, in scripts.")] = None,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Bring everybody back from a restored table, and end again what was ended since.

    Each gets a new epoch: no session of the backup lives. Who was reset since is reset again, and who was
    deleted is deleted. Run it with the traffic stopped. If interrupted, run it again with the same table and moment:
    who is done is left alone.
    """
    with opened(stack, region) as deployment, progress("restore") as told:
        at = moment_of(since, deployment.context().now)
        if at > deployment.context().now:
            raise typer.BadParameter("--since is the moment that the table shows; it lies in the future")
        if not dry_run:
            confirm(stack, confirmed, f"The subscribers in {stack} become those of {table}, as of {moment(at)} UTC.")
        run = _run(deployment, table, events, at, dry_run=dry_run, told=told)
        stopped = _ended_early(run, table)
    _tell(run, dry_run=dry_run, as_json=as_json)
    if stopped:
        warn("AWS did not answer. Keep the tickets above, and run it again: it goes on where it stopped.")
        raise typer.Exit(STOPPED)


def _run(
    deployment: Deployment, table: str, events: str | None, since: int, *, dry_run: bool, told: Callable[[int], object]
) -> Restoration:
    restoring = Restoring(
        OperatorDynamoDb(deployment.region),
        restored=table,
        events=events or deployment.audit,
        state=deployment.state,
        audit=deployment.audit,
        pause=time.sleep,
    )
    return Restoration(deployment, restoring, table=table, since=since, dry_run=dry_run, told=told)


def _ended_early(run: Restoration, table: str) -> bool:
    try:
        run.run()
    except (Unavailable, AwsUnavailable):
        return True
    except AwsRefused as refused:
        if str(refused) == "ResourceNotFoundException":
            raise DeploymentError(f"There is no table {plain(table)} here, or no such Audit table.") from refused
        raise
    return False


def _tell(run: Restoration, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, "subscribers": run.lines, "notes": run.notes})
        return
    counted = {
        did: sum(each.did == did for each in run.lines) for did in ("restored", "reset", "deleted", "done_before")
    }
    would = "would be " if dry_run else ""
    told = ", ".join(f"{counted[did]} {would}{did}" for did in ("restored", "reset", "deleted"))
    say(f"{told}, {counted['done_before']} done before.")
    acted_on = [each for each in run.lines if each.did in _LISTED]
    if acted_on:
        print_table(("account", "login name", "did", "because of", "ticket, shown only now"), map(_cells, acted_on))
    by_hand = [each for each in run.lines if each.by_hand]
    if by_hand:
        say("The backup also undoes these. Look at each, and do it again where it matters:")
        print_table(("account", "login name", "events since"), map(_by_hand_cells, by_hand))
    for note in run.notes:
        say(note)


def _cells(it: Line) -> tuple[str, ...]:
    return (plain(it.account), plain(it.login_name), it.did, ", ".join(it.because), it.ticket or "-")


def _by_hand_cells(it: Line) -> tuple[str, ...]:
    return (plain(it.account), plain(it.login_name), ", ".join(it.by_hand))
