"""`secondstep audit tail`: what happened in an account, and what happens now."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from cli.deployment import Deployment, opened
from cli.importing.patience import patiently
from cli.moments import moment_of
from cli.options import DEFAULT_STACK, Account, AsJson, Region, Stack, examples
from cli.printing import print_json, say, warn
from cli.progress import progress
from cli.trail import line_of
from secondstep.acting import ActingOperator
from secondstep.audit import EventName, Operator, Outcome
from secondstep.errors import NotFound
from secondstep.flows import directory
from secondstep.shapes import EventAnswer, EventsAnswer
from secondstep.subscriber import Identity

_PAGE, _LATEST = 100, 20
_LATE_SECONDS = 15  # an index is behind by a second or two, and an event is as old as the request that wrote it

audit_app = typer.Typer(no_args_is_help=True, help="The audit: what happened in an account.")


@audit_app.callback()
def about() -> None:
    """Look at what happened in an account."""


@audit_app.command(
    "tail", epilog=examples("audit tail acme --follow", "audit tail acme --event reset --since 7d --json")
)
def tail(
    account: Account,
    login_name: Annotated[str | None, typer.Option(help="Only what happened to this subscriber.")] = None,
    event: Annotated[EventName | None, typer.Option(help="Only these events.", metavar="EVENT")] = None,
    since: Annotated[str | None, typer.Option(help="From when on: 30m, 2h, 3d, a date, a time. All of it.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the latest; 20 without --since.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens; Ctrl-C ends it.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="With --follow: look again after so many seconds.")] = 2.0,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Print the latest events of an account, oldest first; with --json one object on each line.

    The audit outlives the account that it tells of. Refused passwords are not in it: they lie under a pseudonym.
    """
    with opened(stack, region) as deployment:
        begin = moment_of(since, deployment.context().now) if since else None
        trail = _Trail(deployment, account, login_name, event)
        most = limit or (None if since else _LATEST)
        with progress("read") as told:
            latest = trail.latest(begin, most, told)
        if not latest:
            _refuse_unknown(deployment, trail.actor)
            if not follow and not as_json:
                warn("there is no such event.")
        printed = print_json if as_json else _print_line
        for each in latest:
            printed(each)
        if follow:
            was_cut = most is not None and len(latest) == most
            _follow(trail, latest, latest[0].at if was_cut else 0, printed, every)


def _print_line(event: EventAnswer) -> None:
    say(line_of(event), style="red" if event.outcome == Outcome.FAILURE.value else None)


def _refuse_unknown(deployment: Deployment, actor: ActingOperator) -> None:
    """Raise NotFound for an account that is not there and has no events: a slip of the fingers, most likely."""
    if deployment.operation.is_known(actor.account):
        return
    if not _Trail(deployment, actor.account, None, None).latest(None, 1, lambda _: None):
        raise NotFound(f"There is no account {actor.account}, and no event of one.")


def _follow(
    trail: "_Trail",
    latest: list[EventAnswer],
    cut_at: int,
    printed: Callable[[EventAnswer], None],
    every: float,
) -> None:
    """Print what comes, each event once, though the index may show an earlier one later.

    What is as old as `cut_at` was there before, and was not asked for.
    """
    seen = {each.id: each.at for each in latest}
    newest = max(seen.values(), default=trail.now())
    try:
        while True:
            time.sleep(every)
            for each in trail.latest(newest - _LATE_SECONDS, None, lambda _: None):
                if each.id not in seen and each.at > cut_at:
                    printed(each)
                seen[each.id] = each.at
            newest = max(newest, *seen.values(), 0)
            seen = {event_id: at for event_id, at in seen.items() if at >= newest - _LATE_SECONDS}
    except KeyboardInterrupt:
        return


class _Trail:
    """The events of an account that were asked for."""

    def __init__(self, deployment: Deployment, account: str, login_name: str | None, event: EventName | None) -> None:
        about = Identity.parse(account=account, login_name=login_name or "anybody")
        self.actor = ActingOperator(account, Operator(deployment.operator_arn))
        self._deployment = deployment
        self._about = about.login_name if login_name else None
        self._event = event.value if event else None

    def now(self) -> int:
        """Return the time."""
        return self._deployment.context().now

    def latest(self, since: int | None, most: int | None, told: Callable[[int], object]) -> list[EventAnswer]:
        """Return the latest events since a moment, at most so many, oldest first."""
        found, cursor = list[EventAnswer](), None
        while most is None or len(found) < most:
            page = patiently(partial(self._page, since, cursor, min(_PAGE, (most or _PAGE))))
            found += page.events
            told(len(page.events))
            cursor = page.cursor
            if cursor is None:
                break
        return found[:most][::-1]

    def _page(self, since: int | None, cursor: str | None, limit: int) -> EventsAnswer:
        return directory.events(
            self.actor,
            login_name=self._about,
            since=since,
            until=None,
            event=self._event,
            cursor=cursor,
            limit=limit,
            store=self._deployment.store,
        )
