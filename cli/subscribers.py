"""`secondstep subscriber`: what an account's admin does in the console, for an account that has nobody who can.

The same flows run as behind the admin routes. The operator stands in the audit, and an account keeps its last admin.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.confirming import confirm
from cli.deployment import Deployment, opened
from cli.importing.patience import patiently
from cli.inviting import Invitations, Outcome, rows
from cli.options import DEFAULT_STACK, Account, AsJson, LoginName, Reason, Region, Stack, examples
from cli.printing import moment, plain, print_facts, print_json, print_table, print_ticket, say, warn, yes_or_no
from cli.progress import progress
from cli.requests import shaped
from secondstep.acting import ActingOperator
from secondstep.errors import Conflict, NotFound
from secondstep.flows import administration, directory, invitation
from secondstep.flows.reset import reset as reset_flow
from secondstep.shapes import (
    ChangeSubscriberRequest,
    InviteRequest,
    ReasonRequest,
    SubscriberAnswer,
    SubscriberLine,
    SubscribersAnswer,
)
from secondstep.subscriber import Identity, Role, Status, canonical_login_name

LEFT_OUT, STOPPED = 1, 3
_PAGE = 100

subscriber_app = typer.Typer(no_args_is_help=True, help="Subscribers: who logs in.")


class _Subject:
    """One subscriber that a command is about, and the operator who acts."""

    def __init__(self, deployment: Deployment, account: str, login_name: str) -> None:
        self.identity = Identity.parse(account=account, login_name=login_name)
        self.actor = deployment.actor(account)
        self.deployment = deployment

    @property
    def login_name(self) -> str:
        """Return the canonical login name."""
        return self.identity.login_name

    def read(self) -> SubscriberAnswer:
        """Return the subscriber as an admin sees it."""
        store, context = self.deployment.store, self.deployment.context()
        return administration.read(self.login_name, self.actor, store=store, context=context)

    def known(self) -> ActingOperator:
        """Return the operator, about to act on the subscriber as it is now; NotFound where there is none."""
        found, _ = self.deployment.store.directory.subscriber(self.identity)
        if found is None:
            raise NotFound
        return self.actor.about(found)


@contextmanager
def _about(account: str, login_name: str, stack: str, region: str | None) -> Iterator[_Subject]:
    """Yield the subscriber that a command is about; one that is not there is a sentence."""
    with opened(stack, region) as deployment:
        subject = _Subject(deployment, account, login_name)
        try:
            yield subject
        except NotFound as missing:
            raise NotFound(f"There is no subscriber {plain(subject.login_name)} in {account}.") from missing


@subscriber_app.command("list", epilog=examples("subscriber list acme --status active --not-enrolled"))
def list_(
    account: Account,
    prefix: Annotated[str, typer.Option(help="Only names that begin with this.")] = "",
    status: Annotated[Status | None, typer.Option(help="Only those of this status.")] = None,
    enrolled: Annotated[
        bool | None, typer.Option("--enrolled/--not-enrolled", help="Only those with, or without, an authenticator.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List the subscribers of an account, in order of their names."""
    found = list[SubscriberLine]()
    begins = canonical_login_name(prefix) if prefix else ""
    with opened(stack, region) as deployment, progress("list") as told:
        actor, cursor = deployment.actor(account), None

        def page() -> SubscribersAnswer:
            return directory.subscribers(
                actor,
                prefix=begins,
                status=status.value if status else None,
                enrolled=enrolled,
                cursor=cursor,
                limit=_PAGE,
                store=deployment.store,
            )

        while True:
            answer = patiently(page)
            found += answer.subscribers
            told(len(answer.subscribers))
            cursor = answer.cursor
            if cursor is None:
                break
    if as_json:
        print_json({"subscribers": found})
        return
    heading = ("login name", "display name", "role", "status", "enrolled", "last login (UTC)")
    print_table(heading, [_cells(each) for each in found])


def _cells(it: SubscriberLine) -> tuple[str, ...]:
    return (
        plain(it.login_name),
        plain(it.display_name),
        it.role,
        it.status,
        yes_or_no(it.enrolled),
        moment(it.last_login_at),
    )


@subscriber_app.command("show", epilog=examples("subscriber show acme kim"))
def show(
    account: Account,
    login_name: LoginName,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Show one subscriber: state, authenticators (never their secrets), and what is locked until when."""
    with _about(account, login_name, stack, region) as subject:
        _print_one(subject.read(), as_json=as_json)


@subscriber_app.command(
    "invite",
    epilog=examples(
        "subscriber invite acme ana --email ana@example.com",
        "subscriber invite acme --file people.csv --json > tickets.json",
    ),
)
def invite(
    account: Account,
    login_name: Annotated[str | None, typer.Argument(help="Whom to invite.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Many: a name on each line, or CSV with a heading."),
    ] = None,
    role: Annotated[Role, typer.Option(help="What the subscriber may do.")] = Role.AGENT,
    email: Annotated[str | None, typer.Option(help="Where notices go.")] = None,
    display_name: Annotated[str | None, typer.Option(help="How the subscriber is called.")] = None,
    locale: Annotated[str | None, typer.Option(help="The language of notices, as de or pt-BR.")] = None,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Leave names alone that were invited before; else they get a new ticket.")
    ] = False,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Invite, and print a ticket for each: it is shown once. It opens the first password, then the first enrollment."""
    if (login_name is None) == (file is None):
        raise typer.BadParameter("Give one login name, or --file.")
    given = {"email": email, "display_name": display_name, "locale": locale}
    fields = {name: value for name, value in given.items() if value is not None}
    if file:
        if fields:
            raise typer.BadParameter("With --file these stand in its columns: email, display_name, locale.")
        _invite_many(account, file, role, stack, region, only_new=only_new, as_json=as_json)
        return
    with _about(account, login_name or "", stack, region) as subject:
        _invite_one(subject, role, fields, only_new=only_new, as_json=as_json)


def _invite_one(subject: _Subject, role: Role, fields: dict[str, str], *, only_new: bool, as_json: bool) -> None:
    request = shaped({"login_name": subject.login_name, "role": role.value} | fields, InviteRequest)
    store = subject.deployment.store
    if only_new and store.subscribers.read(subject.identity.hash):
        raise Conflict("The login name is taken.")
    made = invitation.invite(request, subject.actor, store=store, context=subject.deployment.context())
    opens = "It opens POST /password (the first password), then POST /enroll (the first authenticator)."
    _print_ticket(subject, made.ticket, made.expires_at, opens=opens, as_json=as_json)


def _invite_many(
    account: str, file: Path, role: Role, stack: str, region: str | None, *, only_new: bool, as_json: bool
) -> None:
    with opened(stack, region) as deployment:
        wanted = rows(file, role.value)
        invitations = Invitations(deployment, deployment.actor(account), only_new=only_new)
        with progress("invite", total=len(wanted)) as told:
            outcome = invitations.run(wanted, told)
    _print_outcome(outcome, as_json=as_json)
    if outcome.stopped:
        raise typer.Exit(STOPPED)
    if outcome.left_out:
        raise typer.Exit(LEFT_OUT)


def _print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        invited = [each._asdict() for each in outcome.invited]
        left_out = [each._asdict() for each in outcome.left_out]
        print_json({"invited": invited, "left_out": left_out, "stopped": outcome.stopped})
    else:
        until = [(plain(each.login_name), each.ticket, moment(each.expires_at)) for each in outcome.invited]
        print_table(("login name", "ticket, shown only now", "good until (UTC)"), until)
    for each in outcome.left_out:
        warn(f"line {each.line}: {plain(each.login_name)}: {each.reason}")
    if outcome.stopped:
        warn(f"{outcome.stopped} Stopped there; run the rest again with --only-new.")


@subscriber_app.command("reset", epilog=examples('subscriber reset acme kim --reason "lost phone, case 4711"'))
def reset(
    account: Account,
    login_name: LoginName,
    reason: Reason,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Remove the authenticators and recovery codes, end all sessions, and print the ticket for the next enrollment."""
    with _about(account, login_name, stack, region) as subject:
        why = shaped({"reason": reason}, ReasonRequest).reason
        store, context = subject.deployment.store, subject.deployment.context()
        made = reset_flow(subject.login_name, why, subject.known(), store=store, context=context)
        _print_ticket(
            subject,
            made.ticket,
            made.expires_at,
            opens="After the password it opens POST /enroll (the next authenticator).",
            as_json=as_json,
        )


@subscriber_app.command("password-reset", epilog=examples('subscriber password-reset acme kim --reason "forgot it"'))
def password_reset(
    account: Account,
    login_name: LoginName,
    reason: Reason,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Print a ticket for a new password; the authenticators stay, and the old password works until it is used."""
    with _about(account, login_name, stack, region) as subject:
        why = shaped({"reason": reason}, ReasonRequest).reason
        store, context = subject.deployment.store, subject.deployment.context()
        made = administration.reset_password(subject.login_name, why, subject.actor, store=store, context=context)
        opens = "It opens POST /password (the new password)."
        _print_ticket(subject, made.ticket, made.expires_at, opens=opens, as_json=as_json)


@subscriber_app.command("unlock", epilog=examples("subscriber unlock acme kim"))
def unlock(
    account: Account,
    login_name: LoginName,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Clear the counts of wrong passwords and codes, and let disabled authenticators work again; removes nothing."""
    with _about(account, login_name, stack, region) as subject:
        store, context = subject.deployment.store, subject.deployment.context()
        now = administration.unlock(subject.login_name, subject.actor, store=store, context=context)
    _print_changed(now, f"{plain(now.login_name)} is unlocked.", as_json=as_json)


@subscriber_app.command("disable", epilog=examples("subscriber disable acme kim"))
def disable(
    account: Account,
    login_name: LoginName,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Let a subscriber in no more: sessions and challenges end at once, tickets die. The last active admin stays."""
    now = _with_status(account, login_name, "disabled", stack, region)
    _print_changed(now, f"{plain(now.login_name)} is disabled, and logged out everywhere.", as_json=as_json)


@subscriber_app.command("enable", epilog=examples("subscriber enable acme kim"))
def enable(
    account: Account,
    login_name: LoginName,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Let a disabled subscriber in again, with the password and the authenticators as they were."""
    now = _with_status(account, login_name, "active", stack, region)
    _print_changed(now, f"{plain(now.login_name)} may log in again.", as_json=as_json)


def _with_status(
    account: str, login_name: str, status: Literal["active", "disabled"], stack: str, region: str | None
) -> SubscriberAnswer:
    wanted = ChangeSubscriberRequest(status=status)
    with _about(account, login_name, stack, region) as subject:
        store, context = subject.deployment.store, subject.deployment.context()
        return administration.change(subject.login_name, wanted, subject.actor, store=store, context=context)


@subscriber_app.command(
    "delete", epilog=examples("subscriber delete acme kim", "subscriber delete acme kim --confirm kim --json")
)
def delete(
    account: Account,
    login_name: LoginName,
    confirmed: Annotated[str | None, typer.Option("--confirm", help="The login name, instead of a question.")] = None,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Delete a subscriber with all that it holds; the audit stays. The last active admin is not deleted."""
    with _about(account, login_name, stack, region) as subject:
        held, name = subject.read(), subject.login_name
        goes = f"{name} ({held.role}, {held.status}, {len(held.authenticators)} authenticators) goes, for good."
        confirm(name, confirmed, goes, canonical=canonical_login_name)
        store, context = subject.deployment.store, subject.deployment.context()
        administration.delete(name, subject.actor, store=store, context=context)
    if as_json:
        print_json({"account": account, "deleted": name})
        return
    say(f"{plain(name)} is gone from {account}. The audit stays.")


def _print_ticket(subject: _Subject, ticket: str | None, expires_at: int | None, *, opens: str, as_json: bool) -> None:
    if as_json:
        identity = {"account": subject.identity.account, "login_name": subject.login_name}
        print_json(identity | {"ticket": ticket, "expires_at": expires_at})
    elif ticket is None:
        say(f"{plain(subject.login_name)} enrolls anew with the password alone: the policy asks for no ticket.")
    else:
        print_ticket(subject.login_name, ticket, expires_at, opens=opens)


def _print_changed(now: SubscriberAnswer, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(now)
    else:
        say(sentence)


def _print_one(it: SubscriberAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(it)
        return
    bound = [f"{plain(each.name)} (last used {moment(each.last_used_at)} UTC)" for each in it.authenticators]
    print_facts(
        {
            "login name": plain(it.login_name),
            "display name": plain(it.display_name),
            "sub": it.sub,
            "role": it.role,
            "status": it.status,
            "enrollment": f"{it.enrollment}, authenticators disabled" if it.authenticators_disabled else it.enrollment,
            "authenticators": ", ".join(bound) or "-",
            "recovery codes": f"{it.recovery_codes_left} left",
            "locked until": f"{moment(it.locked_until)} UTC" if it.locked_until else "-",
            "created": f"{moment(it.created_at)} UTC",
            "last login": f"{moment(it.last_login_at)} UTC" if it.last_login_at else "-",
            "email": plain(it.email),
            "locale": plain(it.locale),
        }
    )
