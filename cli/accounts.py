"""`secondstep account`: the accounts of a deployment, from the first admin's ticket to the last item."""

from collections import Counter
from functools import partial
from typing import Annotated

import typer

from cli.confirming import confirm
from cli.deployment import Deployment, opened
from cli.importing.patience import patiently
from cli.options import DEFAULT_STACK, Account, AsJson, Region, Stack, examples
from cli.policies import changed
from cli.printing import moment, plain, print_facts, print_json, print_table, print_ticket, say
from cli.progress import progress
from cli.removing import Removal
from cli.requests import shaped
from cli.trail import line_of
from secondstep.aws import Item
from secondstep.flows import directory
from secondstep.flows.invitation import create_account
from secondstep.shapes import PolicyRequest
from secondstep.store.operation import AccountRecord

_LATEST = 5

account_app = typer.Typer(no_args_is_help=True, help="Accounts: the brands whose subscribers log in.")


@account_app.command("create", epilog=examples('account create acme --admin kim --display-name "Acme Support"'))
def create(
    account: Annotated[str, typer.Argument(help="The account id: 1 to 40 of a-z, 0-9 and -.")],
    admin: Annotated[str, typer.Option(help="The login name of the account's first admin.")],
    display_name: Annotated[str, typer.Option(help="What people see instead of the id.")] = "",
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and its first admin, and print the admin's ticket: it is shown once, never again."""
    shaped({"display_name": display_name}, PolicyRequest)
    with opened(stack, region) as deployment:
        made = create_account(
            account,
            display_name,
            admin,
            deployment.operator_arn,
            store=deployment.store,
            context=deployment.context(),
        )
    if as_json:
        print_json({"account": account, "ticket": made.ticket, "expires_at": made.expires_at})
        return
    say(f"Account {account} is made. Its first admin is {plain(admin)}.")
    opens = "It opens POST /password (the first password), then POST /enroll (the first authenticator)."
    print_ticket(admin, made.ticket or "", made.expires_at, opens=opens)


@account_app.command("list", epilog=examples("account list", "account list --json | jq -r '.accounts[].account'"))
def list_(stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """List all accounts. It reads the whole State table, so it costs what that weighs (half a unit for 4 KB)."""
    with opened(stack, region) as deployment:
        accounts, subscribers = _all(deployment)
    lost = sorted(set(subscribers) - {each.account for each in accounts})
    if as_json:
        shown = [each._asdict() | {"subscribers": subscribers[each.account]} for each in accounts]
        print_json({"accounts": shown, "without_policy": lost})
        return
    rows = [
        (each.account, plain(each.display_name), str(subscribers[each.account]), moment(each.created_at))
        for each in accounts
    ]
    print_table(("account", "display name", "subscribers", "created (UTC)"), rows)
    for account in lost:
        say(f"{plain(account)} has {subscribers[account]} subscribers and no policy: the safe defaults are in force.")


def _all(deployment: Deployment) -> tuple[list[AccountRecord], Counter[str]]:
    """Return all accounts in order, and how many subscribers each has."""
    accounts, subscribers = list[AccountRecord](), Counter[str]()
    after: Item | None = None
    with progress("look") as told:
        while True:
            seen = patiently(partial(deployment.operation.look, after))
            accounts += seen.accounts
            subscribers += seen.subscribers
            told(seen.looked_at)
            after = seen.next_after
            if after is None:
                return sorted(accounts), subscribers


@account_app.command("show", epilog=examples("account show acme"))
def show(account: Account, stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """Show an account: its name, its subscribers by state, the version of its policy, the latest events."""
    with opened(stack, region) as deployment:
        actor = deployment.actor(account)
        found = deployment.operation.account(account) or AccountRecord(account, "", 0, None)
        with progress("count"):
            counts = directory.whole_summary(actor, store=deployment.store, context=deployment.context())
        latest = directory.events(
            actor,
            login_name=None,
            since=None,
            until=None,
            event=None,
            cursor=None,
            limit=_LATEST,
            store=deployment.store,
        ).events
    if as_json:
        print_json(found._asdict() | {"counts": counts, "events": latest})
        return
    states = f"{counts.enrolled} enrolled, {counts.invited} invited, {counts.disabled} disabled"
    print_facts(
        {
            "account": found.account,
            "display name": plain(found.display_name),
            "created": f"{moment(found.created_at)} UTC",
            "policy": f"version {found.version}" if found.version else "lost: the safe defaults are in force",
            "subscribers": f"{counts.subscribers}: {states}",
        }
    )
    say("Latest events", style="bold")
    for each in latest:
        say(line_of(each))


@account_app.command("rename", epilog=examples('account rename acme "Acme Customer Care"'))
def rename(
    account: Account,
    display_name: Annotated[str, typer.Argument(help="What people see; empty: the account's id.")],
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Change what people see. The id stays: it is a part of every subscriber's key and of the tokens."""
    with opened(stack, region) as deployment:
        outcome = changed(deployment, account, {"display_name": display_name} if display_name else {}, {"display_name"})
    if as_json:
        print_json({"account": account, "display_name": display_name, "version": outcome.version})
        return
    say(f"{account} is called {plain(display_name or account)} now, everywhere within a minute.")


@account_app.command("delete", epilog=examples("account delete acme", "account delete acme --confirm acme --json"))
def delete(
    account: Account,
    confirmed: Annotated[str | None, typer.Option("--confirm", help="The account's id, instead of a question.")] = None,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Delete an account and all its subscribers. It cannot be undone; the audit stays. Run it again if interrupted."""
    with opened(stack, region) as deployment:
        deployment.actor(account)
        found = deployment.operation.account(account)
        count = deployment.operation.count(account)
        called = f" ({found.display_name})" if found and found.display_name else ""
        goes = f"{count} subscribers with their passwords and authenticators, the policy, the picture"
        confirm(account, confirmed, f"{account}{called} goes, for good: {goes}. The audit stays.")
        with progress("delete", total=count) as told:
            gone = Removal(account, deployment, told).run()
    if as_json:
        print_json({"account": account, "deleted_subscribers": gone})
        return
    say(f"{account} is gone, with {gone} subscribers. Its audit stays: secondstep audit tail {account}")
