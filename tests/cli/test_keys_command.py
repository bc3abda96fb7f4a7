"""`secondstep keys`: the rotation function does it, through Lambda, and the command tells what came of it."""

import json
from collections.abc import Iterator

import jwt
import msgspec
import pytest

from cli.keys import state_of
from local.functions import Functions
from local.lambda_service import LambdaService
from secondstep.store.signing_keys import SealedSigningKey
from tests.cli.terminal import Terminal
from tests.service import Person, Service

DAY = 86400


@pytest.fixture(autouse=True)
def functions(service: Service) -> Iterator[None]:
    """Let Lambda reach the functions of the template."""
    service.cloud.lambdas = LambdaService(Functions(service.cloud.template))
    yield
    service.cloud.lambdas = None


def keys(service: Service) -> list[SealedSigningKey]:
    return service.services.store.signing_keys.read()


def token(service: Service, person: Person) -> str:
    service.clock.advance(30)
    return str(service.session(person)["access_token"])


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_rotate_makes_the_next_key_and_tells_when_it_signs(service: Service, terminal: Terminal) -> None:
    answer = terminal("keys", "rotate", "--json").json
    assert answer == {"kid": keys(service)[0].kid, "signs_from": service.now() + DAY}
    again = terminal("keys", "rotate")
    assert again.code == 0
    assert f"Key {answer['kid']} signs from " in again.out
    assert len(keys(service)) == 2


def test_retire_ends_the_key_and_its_tokens_for_every_function_within_a_minute(
    service: Service, enrolled: Person, terminal: Terminal
) -> None:
    old = token(service, enrolled)
    assert service.get("/me", token=old).status == 200
    done = terminal("keys", "retire", kid_of(old))
    assert done.code == 0
    assert f"Key {kid_of(old)} is retired." in done.out
    assert "within a minute" in done.out
    service.clock.advance(60)
    reply = service.get("/me", token=old)
    assert (reply.status, reply.code) == (401, "invalid_token")
    [published] = service.get("/.well-known/jwks.json").body["keys"]
    new = token(service, enrolled)
    assert kid_of(new) == published["kid"] != kid_of(old)
    assert published["kid"] in done.out
    assert service.get("/me", token=new).status == 200


def test_the_audit_names_the_operator(service: Service, terminal: Terminal) -> None:
    [key] = keys(service)
    assert terminal("keys", "retire", key.kid).code == 0
    assert terminal("keys", "rotate").code == 0
    retired, rotated = service.events("signing_key_rotated")
    assert retired["detail"]["retired"] == key.kid
    for event in (retired, rotated):
        assert event["actor"]["operator"].startswith("arn:aws:")


def test_retiring_again_does_no_harm(service: Service, terminal: Terminal) -> None:
    [key] = keys(service)
    first, before = terminal("keys", "retire", key.kid, "--json"), service.state()
    assert terminal("keys", "retire", key.kid, "--json") == first
    assert first.code == 0
    assert service.state() == before


@pytest.mark.parametrize("kid", ["unknown", "-leading-hyphen", "--json2", "x\x1b[2J"])
def test_an_unknown_key_is_a_sentence_and_changes_nothing(service: Service, terminal: Terminal, kid: str) -> None:
    before = service.state()
    done = terminal("keys", "retire", kid)
    assert (done.code, done.out) == (1, "")
    assert "There is no signing key" in done.err
    assert "keys list" in done.err
    assert "\x1b" not in done.err
    assert service.state() == before


@pytest.mark.parametrize("command", [("rotate",), ("retire", "any")])
def test_a_function_that_fails_is_a_sentence(service: Service, terminal: Terminal, command: tuple[str, ...]) -> None:
    failing = Functions(service.cloud.template, {"RotateFunction": lambda *_: 1 / 0})
    service.cloud.lambdas = LambdaService(failing)
    done = terminal("keys", *command)
    assert done.code == 3
    assert "The rotation function failed (division by zero)" in done.err


def test_what_is_not_a_function_of_the_template_is_not_invoked(service: Service) -> None:
    client = service.cloud.client("lambda")
    for name in ("other", "secondstep-RotateFunction-2", "arn:aws:lambda:eu-west-1:123456789012:function:other"):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke(FunctionName=name, Payload=b"{}")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:secondstep-RotateFunction"
    assert json.loads(client.invoke(FunctionName=arn, Payload=b"{}")["Payload"].read())["kid"] == keys(service)[0].kid


def test_the_list_says_what_each_key_does(service: Service, terminal: Terminal) -> None:
    service.clock.advance(-DAY)  # the command's own clock is the machine's
    [first] = keys(service)
    terminal("keys", "retire", first.kid)
    service.clock.advance(DAY / 2)
    assert [key["state"] for key in terminal("keys", "list", "--json").json["keys"]] == ["signs", "retired"]
    terminal("keys", "rotate")
    told = terminal("keys", "list", "--json").json["keys"]
    assert [key["state"] for key in told] == ["next", "signs"]
    shown = terminal("keys", "list").out
    assert all(key["kid"] in shown for key in told)


def test_a_key_that_has_a_successor_only_verifies(service: Service) -> None:
    [key] = keys(service)
    now = service.now()
    old = msgspec.structs.replace(key, kid="old", signs_from=now - 10, retires_at=now + 10)
    new = msgspec.structs.replace(key, kid="new", signs_from=now)
    assert [state_of(each, [new, old], now) for each in (new, old)] == ["signs", "verifies"]
