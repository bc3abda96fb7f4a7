"""`secondstep policy`: what an account has decided, what is in force, and its change."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from cli.deployment import Deployment, opened
from cli.explaining import meaning
from cli.options import DEFAULT_STACK, Account, AsJson, Region, Stack, examples
from cli.printing import plain, print_json, print_table, say
from cli.requests import shaped
from secondstep.account import Policy
from secondstep.errors import Conflict, InvalidRequest, PreconditionFailed
from secondstep.flows import policy as policies
from secondstep.shapes import PolicyAnswer, PolicyRequest
from secondstep.store.accounts import StoredPolicy

FIELDS = PolicyRequest.__struct_fields__
_LISTS = ("apps", "applications")

policy_app = typer.Typer(no_args_is_help=True, help="The policy of an account: what its subscribers meet at login.")


class Change(NamedTuple):
    """The policy before and after, its version, and which fields were changed."""

    before: PolicyAnswer
    after: PolicyAnswer
    version: int

    @property
    def fields(self) -> list[str]:
        """Return the fields whose value or origin is another one."""
        old, new = _values(self.before), _values(self.after)
        origins = [each.origin for each in (self.before, self.after)]
        return [name for name in FIELDS if old[name] != new[name] or len({each[name] for each in origins}) > 1]


@policy_app.command("show", epilog=examples("policy show acme", "policy show acme --json | jq .policy"))
def show(account: Account, stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """Show every value in force and where it comes from: `account` decided it, or it is the `default`."""
    answer, version = _read(account, stack, region)
    if as_json:
        print_json({"policy": answer.policy, "origin": answer.origin, "version": version})
        return
    values = _values(answer)
    print_table(("field", "value", "from"), [(name, _text(values[name]), answer.origin[name]) for name in values])


@policy_app.command("explain", epilog=examples("policy explain acme"))
def explain(account: Account, stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """Say of each value where it comes from, and in a sentence what it means."""
    answer, version = _read(account, stack, region)
    values = _values(answer)
    fields = [
        {"field": name, "value": value, "origin": answer.origin[name], "means": meaning(name, answer.policy)}
        for name, value in values.items()
    ]
    if as_json:
        print_json({"fields": fields, "version": version})
        return
    for each in fields:
        say(f"{each['field']} = {_text(each['value'])}  ({each['origin']})", style="bold")
        say(f"  {plain(each['means'])}")


@policy_app.command(
    "set",
    epilog=examples(
        "policy set acme session_hours=8 mfa_required=true",
        "policy set acme --unset session_hours",
        "policy set acme --file policy.json",
    ),
)
def set_(
    account: Account,
    changes: Annotated[
        list[str] | None, typer.Argument(help="field=value; lists as JSON; field= for the default.", show_default=False)
    ] = None,
    unset: Annotated[list[str] | None, typer.Option(help="A field that returns to its default; repeatable.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON that replaces all that was decided.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Change the policy. It is written only if nobody else has changed it meanwhile; in force within 60 seconds."""
    wanted, dropped = _typed(changes or [], unset or [])
    base = _document(file) if file else None
    if not wanted and not dropped and base is None:
        raise typer.BadParameter("Give field=value, --unset or --file.")
    with opened(stack, region) as deployment:
        outcome = changed(deployment, account, wanted, dropped, base=base)
    if as_json:
        after = outcome.after
        print_json({"policy": after.policy, "origin": after.origin, "version": outcome.version})
        return
    if not outcome.fields:
        say(f"Nothing to change: that is the policy of {account} already.")
        return
    old, new = _values(outcome.before), _values(outcome.after)
    rows = [(name, _text(old[name]), _text(new[name]), outcome.after.origin[name]) for name in outcome.fields]
    print_table(("field", "before", "now", "from"), rows)
    say(f"The policy of {account} is version {outcome.version} now, in force everywhere within 60 seconds.")


def changed(
    deployment: Deployment,
    account: str,
    wanted: Mapping[str, Any],
    dropped: set[str],
    *,
    base: Mapping[str, Any] | None = None,
) -> Change:
    """Change the policy as it was read, and return what became of it; nothing is written where nothing differs.

    `base` takes the place of all that was decided. Conflict where somebody else has changed it meanwhile, or where
    what is stored cannot be read; InvalidRequest where a value is refused.
    """
    actor = deployment.actor(account)
    before, _ = policies.explain(account, store=deployment.store)
    stored = deployment.store.accounts.stored_policy(account)
    kept = base if base is not None else _readable(account, stored)
    fields = {name: value for name, value in kept.items() if name not in dropped} | dict(wanted)
    request = shaped(fields, PolicyRequest)
    if fields == stored.fields and stored.version:
        return Change(before, before, stored.version)
    tag = policies.etag(stored.version)
    try:
        after, _ = policies.replace(request, tag, actor, store=deployment.store, context=deployment.context())
    except PreconditionFailed as lost:
        raise Conflict("Somebody else has changed the policy meanwhile. Look again, then repeat it.") from lost
    return Change(before, after, stored.version + 1)


def _readable(account: str, stored: StoredPolicy) -> dict[str, Any]:
    """Return the fields that the account has decided; Conflict where they are corrupt or of a later version."""
    if stored.fields and not stored.decided:
        raise Conflict(
            f"The stored policy of {account} cannot be read, so the safe defaults are in force. Replace it: --file"
        )
    unknown = sorted(set(stored.fields) - set(FIELDS))
    if unknown:
        raise Conflict(
            f"The policy has fields that this version does not know: {', '.join(unknown)}. Replace it: --file"
        )
    return stored.fields


def _read(account: str, stack: str, region: str | None) -> tuple[PolicyAnswer, int]:
    with opened(stack, region) as deployment:
        deployment.actor(account)
        answer, tag = policies.explain(account, store=deployment.store)
    return answer, int(tag.strip('"v'))


def _typed(changes: list[str], unset: list[str]) -> tuple[dict[str, Any], set[str]]:
    """Return the values that were typed, and the fields that return to their defaults."""
    wanted, dropped = dict[str, Any](), set(unset)
    for each in changes:
        name, equals, value = each.partition("=")
        if not equals:
            raise typer.BadParameter(f"{each} is no field=value.")
        if value:
            wanted[name] = value
        else:
            dropped.add(name)
    for name in (*wanted, *dropped):
        if name not in FIELDS:
            raise typer.BadParameter(f"{name} is no field of the policy. There are {', '.join(FIELDS)}.")
    return {name: _value(name, text) for name, text in wanted.items()}, dropped - set(wanted)


def _value(name: str, text: str) -> object:
    """Return what was typed for a field, as the field's type; InvalidRequest where it is none."""
    if name in _LISTS:
        return _json(text, name)
    given = shaped({name: text}, PolicyRequest, from_text=True)
    value: object = msgspec.to_builtins(getattr(given, name))
    return value


def _document(path: Path) -> dict[str, Any]:
    try:
        found = _json(path.read_text("utf-8"), str(path))
    except UnicodeDecodeError as wrong:
        raise InvalidRequest("is not UTF-8", field=str(path)) from wrong
    if not isinstance(found, dict):
        raise InvalidRequest("must be a JSON object of fields", field=str(path))
    return found


def _json(text: str, name: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as wrong:
        raise InvalidRequest("is not JSON", field=name) from wrong
    return found


def _values(answer: PolicyAnswer) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(answer.policy)
    return {name: values[name] for name in Policy.__struct_fields__}


def _text(value: object) -> str:
    """Return a value for people: of a list the names alone, which `--json` shows whole."""
    if isinstance(value, list | tuple):
        return plain(", ".join(str(each.get("name", each)) for each in value))
    return plain(value if isinstance(value, str) else json.dumps(value))
