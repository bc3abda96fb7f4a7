"""INIT: a deployed function has its parts, and the signing keys' public halves, before the first request."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import CredentialRetrievalError

from secondstep import wiring
from secondstep.aws import AwsRefused
from secondstep.errors import Unavailable
from secondstep.settings import Settings
from secondstep.wiring import Services
from tests.unit.aws import FakeKms, FakeTable, Silent
from tests.unit.records import NOW


@pytest.fixture
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture(autouse=True)
def made(table: FakeTable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    environment = {"STATE_TABLE": "State", "AUDIT_TABLE": "Audit", "AWS_REGION": "eu-west-1"}
    made = wiring.build(
        Settings.from_environment(environment),
        clock=lambda: NOW,
        pause=lambda _: None,
        dynamodb=table,
        kms=FakeKms(),
        events=Silent(),
        ses=Silent(),
    )
    wiring.install(made)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "secondstep-VerifyFunction")
    yield made
    wiring.install(None)


def test_the_signing_keys_are_read_once_in_init_and_not_by_the_first_request(table: FakeTable, made: Services) -> None:
    wiring.begin()
    assert table.reads == 1
    made.keyring.published(NOW)
    assert table.reads == 1


def test_an_init_that_cannot_read_leaves_it_to_the_first_request(table: FakeTable, made: Services) -> None:
    table.is_down = True
    wiring.begin()
    table.is_down = False
    made.keyring.published(NOW)
    assert table.reads >= 2


def test_an_init_that_may_not_read_lets_the_first_request_say_so(
    table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> object:
        raise AwsRefused("AccessDeniedException")

    monkeypatch.setattr(table, "query", refused)
    wiring.begin()
    with pytest.raises(AwsRefused):
        wiring.services().keyring.published(NOW)


def test_without_credentials_for_boto3_init_ends_and_the_request_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asks_in_vain(*_: object, **__: object) -> None:
        raise CredentialRetrievalError(provider="container-role", error_msg="nobody there")

    monkeypatch.setattr("boto3.client", asks_in_vain)
    for name, value in (("STATE_TABLE", "s"), ("AUDIT_TABLE", "a"), ("SECONDSTEP_AWS_CLIENT", "boto3")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    wiring.install(None)
    wiring.begin()
    with pytest.raises(Unavailable):
        wiring.services()


def test_nothing_is_read_where_no_function_is_deployed(table: FakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    wiring.begin()
    assert table.reads == 0
