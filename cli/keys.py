"""`secondstep keys`: the keys that sign tokens. Only the rotation function makes or ends one, so it is asked to."""

import json
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from cli.deployment import DeploymentError, explained, opened
from cli.options import DEFAULT_STACK, AsJson, Region, Stack
from cli.printing import moment, plain, print_json, print_table, say
from cli.progress import progress
from cli.stack import Resource, find_stack
from cli.stack import Stack as Deployed
from secondstep.errors import Conflict, NotFound
from secondstep.store.signing_keys import SealedSigningKey

_ROTATION = "RotateFunction"

keys_app = typer.Typer(no_args_is_help=True, help="The keys that sign tokens: list, rotate, retire.")


@keys_app.command("list", epilog="Example: secondstep keys list")
def list_(stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """List the signing keys: which one signs, which one comes next, which ones only verify what they have signed."""
    with opened(stack, region) as deployment:
        keys, now = deployment.store.signing_keys.read(), deployment.context().now
    told = [(key, state_of(key, keys, now)) for key in keys]
    if as_json:
        print_json({"keys": [_shown(key) | {"state": state} for key, state in told]})
        return
    rows = [
        (plain(key.kid), state, moment(key.made_at), moment(key.signs_from), moment(key.retires_at))
        for key, state in told
    ]
    print_table(("key", "state", "made (UTC)", "signs from", "ends"), rows)


@keys_app.command("rotate", epilog="Example: secondstep keys rotate")
def rotate(stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """Make the next signing key now, as the schedule does every week; it signs a day later.

    While a next key is waiting already, nothing is made, and that one is told.
    """
    with opened(stack, region) as deployment:
        answer = _asked(find_stack(stack, region), {"action": "rotate", "operator": deployment.operator_arn})
    if as_json:
        print_json(answer)
        return
    say(f"Key {answer['kid']} signs from {moment(answer['signs_from'])} UTC. It is in the JWKS within the hour.")


@keys_app.command(
    "retire",
    epilog="Example: secondstep keys retire q0aYtY1zHcZVd5Rk (secondstep keys list shows them)",
    context_settings={"ignore_unknown_options": True},  # one id in 64 begins with a hyphen
)
def retire(
    kid: Annotated[str, typer.Argument(help="The key's id.", show_default=False)],
    stack: Stack = DEFAULT_STACK,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """The emergency, when somebody else may have the key: end it now, with every token that it has signed.

    Another key signs at once, and the functions get new environments, so that none goes on with what it holds.
    Sessions live on: their next refresh gets tokens of the other key. Run it again if it was interrupted.
    """
    with opened(stack, region) as deployment:
        found = find_stack(stack, region)
        answer = _asked(found, {"action": "retire", "kid": kid, "operator": deployment.operator_arn})
        old = _renew(found, f"Environments made anew at {deployment.context().now}: a signing key was retired.")
    if as_json:
        print_json(answer | {"renewed": not old, "not_renewed": old})
    else:
        say(f"Key {answer['retired']} is retired. Key {answer['kid']} signs now.")
        say("Applications keep the JWKS for up to an hour: restart those that matter (docs/operations.md).")
    if old:
        raise Conflict(
            f"The key is retired, but {', '.join(old)} could not be given new environments and may go on with what "
            "they hold for an hour. Run this again, with the right lambda:UpdateFunctionConfiguration."
        )


def state_of(key: SealedSigningKey, keys: list[SealedSigningKey], now: int) -> str:
    """Return what a key does now, in a word; `keys` are all, the one that signs latest first."""
    if key.is_retired(now):
        return "retired"
    if key.signs_from > now:
        return "next"
    signer = next(each for each in keys if each.signs_from <= now and not each.is_retired(now))
    return "signs" if key is signer else "verifies"


def _shown(key: SealedSigningKey) -> dict[str, Any]:
    return {"kid": key.kid, "made_at": key.made_at, "signs_from": key.signs_from, "retires_at": key.retires_at}


def _asked(stack: Deployed, payload: dict[str, Any]) -> dict[str, Any]:
    """Have the rotation function do something and return its answer; a repeat does no harm."""
    with progress("ask the rotation function"), explained(stack.name):
        reply = stack.client("lambda").invoke(
            FunctionName=stack.output(_ROTATION), Payload=json.dumps(payload).encode()
        )
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        why = plain(answer.get("errorMessage"))
        raise DeploymentError(f"The rotation function failed ({why}): look into its log, then run this again.")
    if answer.get("code") == NotFound.code:
        raise NotFound(f"There is no signing key {plain(payload['kid'])}. `secondstep keys list` shows them.")
    if "code" in answer:
        raise Conflict(plain(answer.get("detail")))
    return answer


def _renew(stack: Deployed, description: str) -> list[str]:
    """Give every other function new environments, within a minute, and return those that could not get them."""
    functions = [each for each in stack.of_type("AWS::Lambda::Function") if each.logical_id != _ROTATION]
    client, old = stack.client("lambda"), list[str]()
    with progress("new environments", total=len(functions)) as told:
        for each in functions:
            if not _is_renewed(client, each, description, stack.name):
                old.append(each.logical_id)
            told(1)
    return old


def _is_renewed(client: Any, function: Resource, description: str, stack: str) -> bool:
    """Change nothing but a function's description: Lambda runs no request in an environment of before any more."""
    with explained(stack):
        try:
            client.update_function_configuration(FunctionName=function.name, Description=description)
        except ClientError:
            return False
    return True
