"""SnapStart: nothing of AWS's or of anybody's is in the image, and no two environments that come of it are alike."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import msgspec
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from local.cloud import CREDENTIALS
from local.event import EVENTS
from secondstep.store.signing_keys import _item
from tests.clients import _at_moto
from tests.loopback import Act, Loopback, Received, says
from tests.service import ACCOUNT, PASSWORD, Person, Service

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a copy is a clone(2)")

ROOT = Path(__file__).resolve().parents[2]
# The functions that somebody waits for. The others begin at their first event, which no snapshot makes sooner.
FUNCTIONS = ("login", "enroll", "verify", "refresh", "me", "reset", "admin", "authorizer", "password", "published")
OTHERS = {"mail", "notify", "rotate"}
SECRET, SESSION = "the/secret+of/this/role", "the+session/of+this/role"
FROM_THE_IMAGE = {"jitter", "tls"}  # what comes out of the image's memory, unless it is seeded anew

type Json = dict[str, Any]


class Place(NamedTuple):
    """Where images run: AWS on the loopback address, which gives them their credentials as well."""

    server: Loopback
    environment: dict[str, str]

    def calls(self) -> list[Received]:
        """Return what has been asked since the last look."""
        asked = self.server.received[:]
        self.server.received.clear()
        return asked


@pytest.fixture
def place(service: Service) -> Iterator[Place]:
    with Loopback(_at_aws) as server:
        theirs = {name: value for name, value in service.cloud.environment.items() if name not in CREDENTIALS}
        yield Place(
            server,
            theirs
            | {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}/layers/secondstep:{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_REGION": CREDENTIALS["AWS_REGION"],
                "AWS_LAMBDA_FUNCTION_NAME": "secondstep-VerifyFunction",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
                "AWS_ENDPOINT_URL": server.url,
                "SECONDSTEP_AWS_CLIENT": "lean",
            },
        )


def _at_aws(received: Received) -> Act:
    if received.target != "/credentials":
        return _at_moto(received)
    return says(
        {
            "AccessKeyId": "ASIAROLE",
            "SecretAccessKey": SECRET,
            "Token": SESSION,
            "Expiration": datetime.fromtimestamp(time.time() + 6 * 60 * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


class Image(NamedTuple):
    """A running image: what it was like when the snapshot was taken, and copies of it."""

    process: "subprocess.Popen[str]"
    was: Json

    def restore(self, **how: Any) -> Json:
        """Make a copy and return what it did."""
        return _said(self.process, how)


@contextmanager
def image(place: Place, function: str, **how: Any) -> Iterator[Image]:
    environment = place.environment | how.pop("environment", {})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.snapstart.image"],
        env=environment,
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Image(process, _said(process, {"function": function, **how}))
        finally:
            assert process.stdin
            process.stdin.close()


def _said(process: "subprocess.Popen[str]", told: Json) -> Json:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        assert process.stderr
        failure = process.stderr.read()
        if "Operation not permitted" in failure and "CI" not in os.environ:
            pytest.skip("this machine gives its users no namespace of processes")
        raise AssertionError(failure)
    said: Json = json.loads(line)
    return said


def event(name: str, body: Json) -> Json:
    """Return an event of API Gateway's with this body."""
    sent: Json = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return sent | {"body": json.dumps(body)}


def login(login_name: str) -> Json:
    return event("login.right_password_bound", {"account": ACCOUNT, "login_name": login_name, "password": PASSWORD})


def right_code(person: Person, challenge: str) -> Json:
    return event("verify.right_code", {"challenge": challenge, "code": pyotp.TOTP(person.secret.base32).now()})


def test_every_function_is_one_or_the_other() -> None:
    assert {each.parent.name for each in (ROOT / "functions").glob("*/app.py")} == {*FUNCTIONS} | OTHERS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_init_asks_nobody_and_no_two_environments_that_come_of_it_draw_alike(place: Place, function: str) -> None:
    with image(place, function, then=["draw from TLS"]) as taken:
        assert {"secondstep.lean.client", "secondstep.lean.container"} <= set(taken.was["modules"])
        assert taken.was["sockets"] == 0
        assert place.calls() == []
        first, second = (taken.restore()["drawn"] for _ in range(2))
    assert {kind for kind in first if first[kind] == second[kind]} == set()


def test_nor_does_it_with_boto3_which_asks_for_credentials_when_a_client_is_made(place: Place) -> None:
    with image(place, "login", environment={"SECONDSTEP_AWS_CLIENT": "boto3"}) as taken:
        assert taken.was["sockets"] == 0
        assert place.calls() == []
        assert "boto3" in taken.was["modules"]
        taken.restore()
        assert {each.operation for each in place.calls()} == {"", "Query"}  # the credentials, the signing keys


def test_a_restored_environment_reads_the_signing_keys_over_a_connection_of_its_own(place: Place) -> None:
    with image(place, "verify") as taken:
        for _ in range(2):
            taken.restore()
            assert [each.operation for each in place.calls()] == ["", "Query"]


def test_without_the_hook_they_do_where_init_has_drawn(place: Place) -> None:
    """The control: these copies are true ones, and a key that is made in two of them is one key."""
    with image(place, "login", then=["draw from TLS", "draw from cryptography"]) as taken:
        first, second = (taken.restore(hooks=False) for _ in range(2))
    assert first["pid"] == second["pid"] == taken.was["pid"] == 1
    alike = {kind for kind in first["drawn"] if first["drawn"][kind] == second["drawn"][kind]}
    assert alike == FROM_THE_IMAGE | {"rsa"}


def test_a_password_is_taken_in_each(service: Service, place: Place) -> None:
    people = [service.bound_person(name) for name in ("ada", "bob")]
    with image(place, "login") as taken:
        answers = [taken.restore(event=login(each.login_name))["answered"] for each in people]
    told = [json.loads(each["body"]) for each in answers]
    assert [each["statusCode"] for each in answers] == [200, 200]
    assert told[0]["challenge"] != told[1]["challenge"]
    connections = {each.connection for each in place.calls() if each.operation != ""}
    assert len(connections) >= 2


def test_a_code_is_taken_in_each_and_the_sessions_are_two(service: Service, place: Place) -> None:
    people = [service.bound_person(name) for name in ("ada", "bob")]
    challenges = [service.challenge(each) for each in people]
    with image(place, "verify") as taken:
        answers = [
            taken.restore(event=right_code(person, challenge))["answered"]
            for person, challenge in zip(people, challenges, strict=True)
        ]
    assert [each["statusCode"] for each in answers] == [200, 200]
    told = [json.loads(each["body"]) for each in answers]
    assert len({each[kind] for each in told for kind in ("refresh_token", "access_token")}) == 4
    assert [each["outcome"] for each in service.events("verify")] == ["success", "success"]


def test_an_environment_is_restored_though_it_gets_no_credentials_and_says_so_to_who_asks(
    service: Service, place: Place
) -> None:
    service.bound_person("ada")
    nobody = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/credentials"}
    with image(place, "login", environment=nobody) as taken:
        answered = taken.restore(event=login("ada"))["answered"]
    assert (answered["statusCode"], json.loads(answered["body"])["code"]) == (503, "unavailable")
    assert place.calls() == []


def test_the_signing_keys_are_those_of_the_restore_not_of_the_snapshot(service: Service, place: Place) -> None:
    [key] = service.services.store.signing_keys.read()
    people = [service.bound_person(name) for name in ("ada", "bob")]
    challenges = [service.challenge(each) for each in people]
    with image(place, "verify") as taken:
        service.put(_item(msgspec.structs.replace(key, retires_at=1)))
        retired = taken.restore(event=right_code(people[0], challenges[0]))["answered"]
        successor = service.services.rotation.make(made_at=1, signs_from=1)
        service.put(_item(successor))
        signed = taken.restore(event=right_code(people[1], challenges[1]))["answered"]
    assert retired["statusCode"] == 503
    assert jwt.get_unverified_header(json.loads(signed["body"])["access_token"])["kid"] == successor.kid


def test_neither_credentials_nor_a_signing_key_are_in_the_image(service: Service, place: Place, tmp_path: Path) -> None:
    """All the memory of the image is searched, and as a control that of an environment that has opened its key."""
    looked_for = {"secret": SECRET.encode(), "session": SESSION.encode(), **_written_in_every_way(service)}
    before, after = tmp_path / "image", tmp_path / "environment"
    with image(place, "verify", dump=str(before)) as taken:
        taken.restore(dump=str(after))
    kept = before.read_bytes()
    assert {name for name, value in looked_for.items() if value in kept} == set()
    opened = after.read_bytes()
    assert {name for name, value in looked_for.items() if value in opened} >= {"secret", "session", "held"}


def _written_in_every_way(service: Service) -> dict[str, bytes]:
    """Return parts of the private signing key: as KMS sends it, and as OpenSSL holds its prime."""
    [sealed] = service.services.store.signing_keys.read()
    raw = service.cloud.client("kms").decrypt(
        KeyId=service.services.settings.signing_seal_key_id,
        CiphertextBlob=sealed.sealed_private_key,
        EncryptionContext={"purpose": "signing", "kid": sealed.kid},
    )["Plaintext"]
    key = load_der_private_key(raw, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    prime = key.private_numbers().p.to_bytes(128, sys.byteorder)
    return {"sent": b64encode(raw)[-400:-300], "opened": raw[-400:-300], "held": prime[:100]}


def test_an_image_that_has_opened_a_key_is_refused(place: Place) -> None:
    with image(place, "verify", then=["open the signing key"]) as taken:
        assert taken.was == {"refused": "TooEarly"}


def test_without_snapstart_nothing_is_left_to_later(place: Place) -> None:
    with image(place, "verify", environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}) as taken:
        assert [each.operation for each in place.calls()] == ["", "Query"]
        assert not {"secondstep.snapshot", "snapshot_restore_py"} & set(taken.was["modules"])
