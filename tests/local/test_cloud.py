"""The local cloud keeps what DynamoDB and KMS promise, and what template.yaml says."""

import gc
import os
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import Item

from local.atomic import TOKEN_SECONDS, TokenMemory
from local.aws_door import AwsDoor
from local.certificate import write_certificate
from local.cloud import Cloud
from local.server import HOST, PortBusy, Server, bound
from local.template import Template, TemplateError

SMALL = Path(__file__).with_name("small.yaml")
RACERS = 20


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(SMALL, {"PublicUrl": "http://127.0.0.1:1", "AllowedOrigins": "http://a,http://b"})


@pytest.fixture(scope="module")
def started(template: Template) -> Iterator[Cloud]:
    with Cloud(template, {"ADDED": "by the caller"}) as cloud:
        yield cloud


@pytest.fixture
def cloud(started: Cloud) -> Iterator[Cloud]:
    yield started
    started.forget()


@pytest.fixture
def table(cloud: Cloud) -> str:
    return cloud.physical("StateTable")


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Switch threads as often as Python can: what is not atomic shows at once."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def door(cloud: Cloud) -> Iterator[Server]:
    server = Server(AwsDoor(), bound(0))
    server.start()
    yield server
    server.stop()


def race(work: Callable[[int], bool]) -> int:
    """Run the work in twenty threads that begin together, and return how many won."""
    together = threading.Barrier(RACERS, timeout=20)

    def racer(number: int) -> bool:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(RACERS) as pool:
        return sum(pool.map(racer, range(RACERS)))


def succeeds(call: Callable[..., Any], **request: Any) -> bool:
    refusals = ("ConditionalCheckFailedException", "TransactionCanceledException")
    try:
        call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in refusals:
            raise
        return False
    return True


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "STATE"}}


def update(table: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": key(name),
        "UpdateExpression": "SET won = :one",
        "ConditionExpression": "attribute_not_exists(won)",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    } | more


def count(table: str, name: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": table,
            "Key": key(name),
            "UpdateExpression": "ADD counted :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def counted(client: Any, table: str, name: str) -> int:
    return int(client.get_item(TableName=table, Key=key(name))["Item"]["counted"]["N"])


# One lock


@pytest.mark.usefixtures("hasty_threads")
def test_of_twenty_racing_updates_one_wins(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    for number in range(10):
        request = update(table, f"race-{number}")
        assert race(lambda _, request=request: succeeds(client.update_item, **request)) == 1  # type: ignore[misc]


@pytest.mark.usefixtures("hasty_threads")
def test_of_twenty_racing_transactions_one_wins(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    for number in range(5):
        parts = [{"Update": update(table, f"race-{number}")}, count(table, f"counter-{number}")]
        assert race(lambda _, parts=parts: succeeds(client.transact_write_items, TransactItems=parts)) == 1  # type: ignore[misc]
        assert counted(client, table, f"counter-{number}") == 1


@pytest.mark.usefixtures("hasty_threads")
def test_the_lock_holds_between_this_process_and_http(cloud: Cloud, door: Server, table: str) -> None:
    inside, outside = cloud.client("dynamodb"), over_http(door, "dynamodb")
    for number in range(5):
        request = update(table, f"race-{number}")

        def attempt(racer: int, request: dict[str, Any] = request) -> bool:
            return succeeds((outside if racer % 2 else inside).update_item, **request)

        assert race(attempt) == 1


# Tokens of transactions


def test_a_repeated_transaction_succeeds_and_is_not_run_again(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    for _ in range(3):
        client.transact_write_items(TransactItems=[count(table, "c")], ClientRequestToken="once")
    assert counted(client, table, "c") == 1


def test_a_won_transaction_repeated_is_not_a_failed_condition(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    for _ in range(2):
        client.transact_write_items(TransactItems=[{"Update": update(table, "w")}], ClientRequestToken="won")


def test_the_token_of_another_transaction_is_refused(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    client.transact_write_items(TransactItems=[count(table, "c")], ClientRequestToken="token")
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(TransactItems=[count(table, "d")], ClientRequestToken="token")
    assert "Item" not in client.get_item(TableName=table, Key=key("d"))


def test_a_refused_transaction_may_be_sent_again(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    parts = [{"Update": update(table, "r", ConditionExpression="attribute_exists(pk)")}]
    assert not succeeds(client.transact_write_items, TransactItems=parts, ClientRequestToken="again")
    client.put_item(TableName=table, Item=key("r"))
    assert succeeds(client.transact_write_items, TransactItems=parts, ClientRequestToken="again")


def test_a_token_is_remembered_for_ten_minutes() -> None:
    now, runs = [0.0], []
    memory = TokenMemory(lambda: now[0])

    class Handler:
        current_account, region = "1", "eu-west-1"
        params = {"ClientRequestToken": "t", "TransactItems": []}  # noqa: RUF012

        def _get_action(self) -> str:
            return "TransactWriteItems"

    def run(handler: Any) -> tuple[int, dict[str, Any], str]:
        runs.append(handler)
        return 200, {}, "{}"

    for moment in (0.0, TOKEN_SECONDS - 1, TOKEN_SECONDS + 1):
        now[0] = moment
        memory.call(Handler(), run)
    assert len(runs) == 2


# What the template says


def test_tables_have_the_templates_keys_index_and_settings(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    described = client.describe_table(TableName=table)["Table"]
    assert [one["AttributeName"] for one in described["KeySchema"]] == ["pk", "sk"]
    assert [one["IndexName"] for one in described["GlobalSecondaryIndexes"]] == ["by_account"]
    assert described["SSEDescription"]["KMSMasterKeyArn"] == cloud.physical("SealKey.Arn")
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "purge_at"}
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_ciphertext_opens_only_with_its_own_context(cloud: Cloud) -> None:
    client = cloud.client("kms")
    sealed = client.encrypt(KeyId=os.environ["SEAL_KEY_ID"], Plaintext=b"secret", EncryptionContext={"sub": "a"})[
        "CiphertextBlob"
    ]
    opened = client.decrypt(CiphertextBlob=sealed, EncryptionContext={"sub": "a"})
    assert opened["Plaintext"] == b"secret"
    with pytest.raises(ClientError):
        client.decrypt(CiphertextBlob=sealed, EncryptionContext={"sub": "b"})
    assert client.get_key_rotation_status(KeyId=os.environ["SEAL_KEY_ID"])["KeyRotationEnabled"]


def test_functions_find_their_environment_resolved(cloud: Cloud, table: str) -> None:
    assert os.environ["STATE_TABLE"] == table
    assert os.environ["SEAL_KEY_ID"] == cloud.physical("SealKey.Arn")
    assert os.environ["PUBLIC_URL"] == "http://127.0.0.1:1"
    assert os.environ["ALLOWED_ORIGINS"] == "http://a,http://b"
    assert os.environ["NAMED"] == "dev-eu-west-1-${literal}"
    assert os.environ["ADDED"] == "by the caller"


def test_forgetting_empties_the_tables_and_keeps_the_keys(cloud: Cloud, table: str) -> None:
    dynamodb, kms = cloud.client("dynamodb"), cloud.client("kms")
    dynamodb.transact_write_items(TransactItems=[count(table, "c")], ClientRequestToken="before")
    sealed = kms.encrypt(KeyId=os.environ["SEAL_KEY_ID"], Plaintext=b"x")["CiphertextBlob"]
    cloud.forget()
    assert dynamodb.scan(TableName=table)["Count"] == 0
    dynamodb.transact_write_items(TransactItems=[count(table, "c")], ClientRequestToken="before")
    assert counted(dynamodb, table, "c") == 1
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_what_was_forgotten_is_kept_nowhere(cloud: Cloud, table: str) -> None:
    """moto keeps a list of every item that it ever made: a run that is used for long would only ever grow."""
    client = cloud.client("dynamodb")
    for number in range(3):
        client.transact_write_items(TransactItems=[count(table, f"mayfly-{number}")])
    cloud.forget()
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Item) and "mayfly" in each.hash_key.value]


def test_the_process_gets_its_environment_back(
    template: Template, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
    before = dict(os.environ)
    with Cloud(template, {"OTHER": "x"}) as second:
        assert "AWS_PROFILE" not in os.environ
        assert "AWS_ENDPOINT_URL" not in os.environ
        assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
        assert os.environ["STATE_TABLE"] == second.physical("StateTable") != cloud.physical("StateTable")
    assert dict(os.environ) == before


def test_a_template_that_cannot_be_acted_out_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"nowhere\.yaml is missing"):
        Template.load(tmp_path / "nowhere.yaml")
    with pytest.raises(TemplateError, match="no parameter Colour"):
        Template.load(SMALL, {"Colour": "red"})
    two_apis = tmp_path / "two.yaml"
    two_apis.write_text(SMALL.read_text().replace("OpenApiVersion: 3.0.1", "TracingEnabled: true"))
    with pytest.raises(TemplateError, match="exactly one"):
        Template.load(two_apis).api()


def test_the_template_of_the_service_can_be_started() -> None:
    template = Template.load()
    with Cloud(template) as cloud:
        tables = cloud.client("dynamodb").list_tables()["TableNames"]
        assert {cloud.outputs["StateTable"], cloud.outputs["AuditTable"]} <= set(tables)
        assert cloud.environment["SEAL_KEY_ID"] != cloud.environment["SIGNING_SEAL_KEY_ID"]


# AWS over HTTP, certificates, ports


def test_http_and_this_process_see_the_same_items(cloud: Cloud, door: Server, table: str) -> None:
    over_http(door, "dynamodb").put_item(TableName=table, Item=key("h"))
    assert cloud.client("dynamodb").get_item(TableName=table, Key=key("h"))["Item"] == key("h")
    assert over_http(door, "sts").get_caller_identity()["Arn"]


def test_http_refuses_what_no_sdk_signed_and_speaks_to_no_web_page(door: Server) -> None:
    request = urllib.request.Request(f"http://{HOST}:{door.port}/", b"{}", {"Origin": "http://evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    with refused.value as answer:
        assert answer.code == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_tls_answers_for_all_names_of_this_machine(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path)
    assert certificate[1].stat().st_mode & 0o077 == 0
    server = Server(hello, bound(0), certificate)
    server.start()
    try:
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        for name in ("localhost", "127.0.0.1"):
            with urllib.request.urlopen(f"https://{name}:{server.port}/", timeout=10, context=trusting) as answer:
                assert answer.read() == b"https"
    finally:
        server.stop()


def test_a_silent_connection_does_not_hold_up_tls(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path)
    server = Server(hello, bound(0), certificate)
    server.start()
    try:
        with socket.create_connection((HOST, server.port), timeout=10):
            trusting = ssl.create_default_context(cafile=str(certificate[0]))
            url = f"https://127.0.0.1:{server.port}/"
            with urllib.request.urlopen(url, timeout=10, context=trusting) as answer:
                assert answer.status == 200
    finally:
        server.stop()


def test_a_busy_port_is_told() -> None:
    with bound(0) as taken, pytest.raises(PortBusy):
        bound(taken.getsockname()[1])


def hello(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.url_scheme"].encode()]


def over_http(door: Server, service: str) -> Any:
    """Return a client as the CLI has one: another process' view, so moto's own shortcut is taken out."""
    from moto.core.models import botocore_stubber

    client = boto3.client(service, region_name="eu-west-1", endpoint_url=f"http://{HOST}:{door.port}")  # type: ignore[call-overload]
    client.meta.events.unregister("before-send", botocore_stubber)
    return client
