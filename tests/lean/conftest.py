"""A loopback server that a test tells what to say, the lean client, and beside it boto3 as the reference."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from secondstep.aws import Answer, AwsError, ConditionFailed, TransactionCancelled
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.lean.client import Surroundings
from secondstep.lean.connection import Limits
from tests.clients import REGION, Lean, lean
from tests.lean.said import CREDENTIALS
from tests.loopback import Act, Loopback, Received

_PATIENCE = 60  # no test of what is answered may fail because a busy machine answers late


class Reference(NamedTuple):
    """boto3's clients."""

    dynamodb: Boto3DynamoDb
    kms: Boto3Kms


class Stage(NamedTuple):
    """The server and who speaks to it; `environment`, `pauses` and `clock.now` belong to the lean clients."""

    server: Loopback
    acts: list[Act]
    lean: Lean
    environment: dict[str, str]
    pauses: list[float]
    clock: SimpleNamespace

    def plays(self, *acts: Act) -> None:
        """Answer the next requests like this; the last act goes on for ever."""
        self.server.received.clear()
        self.acts[:] = acts

    @property
    def attempts(self) -> int:
        """Return how many requests have arrived since."""
        return len(self.server.received)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Return a stage over plain HTTP."""
    with playing() as made:
        yield made


@pytest.fixture
def impatient() -> Iterator[Stage]:
    """Return a stage whose clients give up on a silent server at once."""
    with playing(read=0.01) as made:
        yield made


@contextmanager
def playing(tls: ssl.SSLContext | None = None, *, read: float = _PATIENCE, **environment: str) -> Iterator[Stage]:
    """Start a server and lean clients of it, with a clock of their own that stands still."""
    acts: list[Act] = []
    with Loopback(lambda _: acts.pop(0) if len(acts) > 1 else acts[0], tls) as server:
        made = _staged(server, acts, environment, read)
        try:
            yield made
        finally:
            made.lean.close()


def _staged(server: Loopback, acts: list[Act], environment: dict[str, str], read: float) -> Stage:
    around = {**CREDENTIALS, "AWS_ENDPOINT_URL": server.url, **environment}
    pauses: list[float] = []
    clock = SimpleNamespace(now=1_790_000_000.0)
    clients = lean(Surroundings(around, lambda: clock.now, pauses.append, Limits(connect=_PATIENCE, read=read)))
    return Stage(server, acts, clients, around, pauses, clock)


class Twins(NamedTuple):
    """The lean clients and boto3's, at the same server."""

    lean: Lean
    boto3: Reference
    says: Callable[[Act], None]
    heard: list[Received]

    def outcomes(self, service: str, operation: str, request: dict[str, Any]) -> tuple[Any, Any]:
        """Return what either makes of the same call."""
        ours, theirs = (getattr(getattr(each, service), operation) for each in (self.lean, self.boto3))
        return outcome(ours, request), outcome(theirs, request)


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    """Return both clients; neither waits between two attempts."""
    with playing() as stage, pytest.MonkeyPatch.context() as patch:
        for name, value in stage.environment.items():
            patch.setenv(name, value)
        patch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the credentials that it has met first
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        reference = Reference(Boto3DynamoDb(REGION), Boto3Kms(REGION))
        yield Twins(stage.lean, reference, stage.plays, stage.server.received)
        for client in reference:
            client._client.close()


def outcome(call: Callable[..., Answer], request: dict[str, Any]) -> Any:
    """Return an answer, or an error as what can be compared."""
    try:
        answer = dict(call(**request))
    except ConditionFailed as failed:
        return ConditionFailed, failed.item
    except TransactionCancelled as cancelled:
        return TransactionCancelled, cancelled.reasons
    except AwsError as error:
        return type(error), str(error)
    answer.pop("ResponseMetadata", None)
    return answer
