"""`secondstep keys`: the keys that sign tokens. Only the rotation function makes or ends one, so it is asked to."""

import json
from typing import Annotated, Any

import typer

from cli.deployment import DeploymentError, explained, opened
from cli.options import DEFAULT_STACK, AsJson, Region, Stack
from cli.printing import moment, plain, print_json, print_table, say
from cli.progress import progress
from cli.stack import Stack as Deployed
from cli.stack import find_stack
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

    Another key signs at once. A minute later no function uses the retired one any more, whatever it holds.
    Sessions live on: their next refresh gets tokens of the other key. Run it again if it was interrupted.
    """
    with opened(stack, region) as deployment:
        found = find_stack(stack, region)
        answer = _asked(found, {"action": "retire", "kid": kid, "operator": deployment.operator_arn})
    if as_json:
        print_json(answer)
        return
    say(f"Key {answer['retired']} is retired. Key {answer['kid']} signs now.")
    say("Every function knows it within a minute. Applications keep the JWKS for up to an hour: restart those that")
    say("matter (docs/operations.md).")


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
