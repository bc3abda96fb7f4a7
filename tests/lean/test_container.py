"""The credentials of a restored function: asked for as botocore asks, kept while they last, and never shown."""

import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from botocore.credentials import ContainerProvider
from botocore.exceptions import CredentialRetrievalError
from botocore.utils import ContainerMetadataFetcher

from secondstep.aws import AwsUnavailable
from secondstep.lean import container
from secondstep.lean.client import LeanDynamoDb, Surroundings
from secondstep.lean.container import Container
from secondstep.lean.signing import Credentials
from tests.lean.conftest import Stage, playing
from tests.lean.said import CREDENTIALS, READ
from tests.loopback import Act, Loopback, Received, answers, closes, half, is_silent, resets, says

HOUR = 60 * 60
NOW = datetime.now(UTC).timestamp()
TOKEN = "the token of this environment"
SECRET = "secret/of+the/role"


def written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(number: int = 1, *, expires_at: float = NOW + 6 * HOUR, **more: Any) -> dict[str, Any]:
    return {
        "AccessKeyId": f"ASIA{number}",
        "SecretAccessKey": f"{SECRET}{number}",
        "Token": f"session{number}",
        "Expiration": written(expires_at),
    } | more


class Provider(NamedTuple):
    """The loopback server of the credentials, what it says next, and the environment that names it."""

    server: Loopback
    acts: list[Act]
    environment: dict[str, str]

    def plays(self, *acts: Act) -> None:
        self.acts[:] = acts

    @property
    def asked(self) -> list[Received]:
        return self.server.received


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(container, "_SECONDS", 0.3)
    acts: list[Act] = [says(answer())]
    with Loopback(lambda _: acts.pop(0) if len(acts) > 1 else acts[0]) as server:
        environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/credentials?of=me",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN,
        }
        yield Provider(server, acts, environment)


def theirs(environment: dict[str, str]) -> Any:
    """Return what botocore's provider makes of the same answers: key, secret, token and moment of expiry, or failed."""
    fetcher: Any = ContainerMetadataFetcher(sleep=lambda _: None)
    try:
        loaded: Any = ContainerProvider(environment, fetcher).load()
    except (CredentialRetrievalError, KeyError, ValueError, TypeError):
        return "failed"
    held = loaded.get_frozen_credentials()
    return (held.access_key, held.secret_key, held.token), loaded._expiry_time.timestamp()


def ours(environment: dict[str, str]) -> Any:
    try:
        credentials, expires_at = container._fetched(environment)
    except AwsUnavailable:
        return "failed"
    return tuple(credentials), expires_at


GOOD = {
    "as Lambda says it": answer(),
    "with more members": answer(AccountId="123456789012", Type="AWS-HMAC", Code="Success", LastUpdated="x"),
    "with an offset": answer(Expiration="2099-01-01T00:00:00+02:00"),
    "with fractions": answer(Expiration="2099-01-01T00:00:00.123Z"),
    "without dashes": answer(Expiration="20990101T000000Z"),
}
BAD: dict[str, Act] = {
    "401": says(answer(), 401),
    "404": says({"code": "NotFound", "message": "m"}, 404),
    "500": says(b"", 500),
    "a redirection": says(answer(), 302, Location="/credentials"),
    "no JSON": says(b"<html>"),
    "a list": says([answer()]),
    "an error of 200": says({"Code": "AssumeRoleUnauthorizedAccess", "Message": "m"}),
    "no moment of expiry": says(answer(Expiration="soon")),
    "half an answer": half(),
    "closed": closes,
    "reset": resets,
    **{f"without {name}": says({key: told for key, told in answer().items() if key != name}) for name in answer()},
}


@pytest.mark.parametrize("case", GOOD)
def test_an_answer_is_read_as_botocore_reads_it(provider: Provider, case: str) -> None:
    provider.plays(says(GOOD[case]))
    assert ours(provider.environment) == theirs(provider.environment) != "failed"


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_answer_for_botocore_is_unavailable(provider: Provider, case: str) -> None:
    provider.plays(BAD[case])
    assert ours(provider.environment) == theirs(provider.environment) == "failed"


def test_silence_is_waited_for_once_and_shortly(provider: Provider) -> None:
    provider.plays(is_silent)
    with pytest.raises(AwsUnavailable, match="CredentialRetrievalError"):
        Container(provider.environment).credentials(NOW)
    assert len(provider.asked) == 1


@pytest.mark.parametrize("body", [answer(AccessKeyId=""), answer(SecretAccessKey=""), answer(Expiration="2099-01-01")])
def test_credentials_that_sign_nothing_or_nobody_knows_how_long_are_none(
    provider: Provider, body: dict[str, Any]
) -> None:
    provider.plays(says(body))
    assert ours(provider.environment) == "failed"


def test_the_question_is_botocores(provider: Provider) -> None:
    ours(provider.environment)
    theirs(provider.environment)
    first, second = (
        (each.target, each.headers["authorization"], each.headers["accept"], each.body) for each in provider.asked
    )
    assert first == second == ("/credentials?of=me", TOKEN, "application/json", b"")


def test_without_a_token_none_is_sent(provider: Provider) -> None:
    del provider.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    ours(provider.environment)
    theirs(provider.environment)
    assert [("authorization" in each.headers) for each in provider.asked] == [False, False]


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.9.9.9", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"),
        *("169.254.169.254", "10.0.0.1", "example.com", "localhost.example.com", "[fd00:ec2::24]", "0.0.0.0", "127.1"),  # noqa: S104
        *("user@example.com", "localhost@example.com", ""),
    ],
)
def test_credentials_are_asked_of_the_hosts_that_botocore_asks(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refused(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError

    monkeypatch.setattr(container, "HTTPConnection", refused)
    address = f"http://{host}:1/x"
    assert ours({"AWS_CONTAINER_CREDENTIALS_FULL_URI": address}) == "failed"
    assert bool(asked) == is_allowed_by_botocore(address)


def is_allowed_by_botocore(address: str) -> bool:
    fetcher: Any = ContainerMetadataFetcher()
    try:
        fetcher._validate_allowed_url(address)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("address", ["https://localhost/x", "file:///etc/passwd", "http://localhost:port/", "x", ""])
def test_only_plain_http_of_this_machine_is_asked(address: str) -> None:
    assert ours({"AWS_CONTAINER_CREDENTIALS_FULL_URI": address}) == "failed"


def test_credentials_are_kept_until_shortly_before_they_expire(provider: Provider) -> None:
    provider.plays(says(answer(1, expires_at=NOW + HOUR)), says(answer(2, expires_at=NOW + 2 * HOUR)))
    held = Container(provider.environment)
    moments = (NOW, NOW + 54 * 60, NOW + 56 * 60, NOW + HOUR)
    assert [held.credentials(each).key_id for each in moments] == ["ASIA1", "ASIA1", "ASIA2", "ASIA2"]
    assert len(provider.asked) == 2


def test_address_and_token_are_read_at_each_fetch(provider: Provider) -> None:
    provider.plays(says(answer(1, expires_at=NOW + 60)), says(answer(2)))
    held = Container(provider.environment)
    held.credentials(NOW)
    provider.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{provider.server.url}/next"
    provider.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "next"
    assert held.credentials(NOW).key_id == "ASIA2"
    assert (provider.asked[1].target, provider.asked[1].headers["authorization"]) == ("/next", "next")


def test_what_still_lasts_is_used_while_new_ones_cannot_be_had(provider: Provider) -> None:
    provider.plays(says(answer(1, expires_at=NOW + HOUR)), says(b"", 500))
    held = Container(provider.environment)
    assert [held.credentials(each).key_id for each in (NOW, NOW + HOUR - 1)] == ["ASIA1", "ASIA1"]
    with pytest.raises(AwsUnavailable):
        held.credentials(NOW + HOUR)


def test_expired_credentials_sign_nothing(provider: Provider) -> None:
    provider.plays(says(answer(expires_at=NOW - 1)))
    with pytest.raises(AwsUnavailable, match="ExpiredCredentials"):
        Container(provider.environment).credentials(NOW)


def test_many_threads_ask_once(provider: Provider) -> None:
    held, all_here = Container(provider.environment), threading.Barrier(8)
    got: list[Credentials] = []

    def asks() -> None:
        all_here.wait()
        got.append(held.credentials(NOW))

    threads = [threading.Thread(target=asks) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(set(got)), len(got), len(provider.asked)) == (1, 8, 1)


def test_the_environments_own_credentials_come_first(provider: Provider) -> None:
    client = LeanDynamoDb("eu-west-1", Surroundings(CREDENTIALS | provider.environment, lambda: NOW, lambda _: None))
    assert "Credential=AKIDEXAMPLE/" in client._headers("GetItem", b"{}")["Authorization"]
    assert not provider.asked


def test_half_of_the_environments_credentials_is_none_and_nothing_else_is_asked(provider: Provider) -> None:
    around = provider.environment | {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}
    with pytest.raises(AwsUnavailable, match="NoCredentialsError"):
        LeanDynamoDb("eu-west-1", Surroundings(around, lambda: NOW, lambda _: None)).get_item(**READ)
    assert not provider.asked


@pytest.fixture
def restored(provider: Provider) -> Iterator[Stage]:
    """Return a stage whose lean clients have their credentials from the provider."""
    with playing() as stage:
        for name in CREDENTIALS:
            del stage.environment[name]
        stage.environment.update(provider.environment)
        stage.clock.now = NOW
        stage.plays(says({"Item": {}}))
        yield stage


def test_a_call_is_signed_with_them(restored: Stage) -> None:
    restored.lean.dynamodb.get_item(**READ)
    (call,) = restored.server.received
    assert "Credential=ASIA1/" in call.headers["authorization"]
    assert call.headers["x-amz-security-token"] == "session1"


def test_without_them_nothing_is_sent_and_nothing_decided(restored: Stage, provider: Provider) -> None:
    provider.plays(says(b"", 500))
    with pytest.raises(AwsUnavailable):
        restored.lean.dynamodb.get_item(**READ)
    assert restored.attempts == 0


@pytest.mark.parametrize(
    "said",
    {
        "no status line": answers(f'{{"SecretAccessKey": "{SECRET}"}}\r\n\r\n'.encode(), goes_on=False),
        "a list": says([answer()]),
        "500": says(answer(), 500),
        "half": says(answer(Expiration=SECRET)),
    }.items(),
    ids=lambda each: each[0],
)
def test_no_failure_quotes_the_secret(provider: Provider, said: tuple[str, Act]) -> None:
    provider.plays(said[1])
    with pytest.raises(AwsUnavailable) as failed:
        Container(provider.environment).credentials(NOW)
    assert SECRET not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("token", ["Zq7x\r\nZq7x", "Zq7x €"])
def test_a_token_that_is_no_header_is_neither_sent_nor_quoted(provider: Provider, token: str) -> None:
    provider.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
    with pytest.raises(AwsUnavailable) as failed:
        Container(provider.environment).credentials(NOW)
    assert "Zq7x" not in "".join(traceback.format_exception(failed.value))
    assert not provider.asked


def test_nothing_that_is_held_shows_the_secret(provider: Provider) -> None:
    held = Container(provider.environment)
    held.credentials(NOW)
    assert SECRET not in repr(held._held)
    assert SECRET not in repr(msgspec.convert(answer(), container._Answer))
