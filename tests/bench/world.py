"""The service of the tests, without pytest: what the benchmark prepares its requests in, and counts their calls in."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from typing import Any

from argon2 import PasswordHasher

from local.cloud import Cloud
from local.functions import Functions
from local.gateway import Gateway
from local.template import TEMPLATE, Template
from secondstep import wiring
from secondstep.authenticators import password
from secondstep.aws import DynamoDb
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.settings import Settings
from secondstep.store.signing_keys import _item
from secondstep.wiring import Services
from tests import dynamodb_local
from tests.clock import FrozenClock
from tests.recording import RecordedDynamoDb, RecordedKms, Recorder
from tests.service import Service

_PUBLIC_URL = "https://login.example.test"
# Verifies in 0.1 ms: with it a login costs what it costs without its hash. Its parameters are not the service's own, so
# whoever measures with it makes it the service's, or each login would hash the password anew.
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Invocations(Functions):
    """The functions, and a list of what they were invoked with: logical id and event."""

    def __init__(self, template: Template) -> None:
        super().__init__(template)
        self.seen: list[tuple[str, Any]] = []

    def __call__(self, logical_id: str, event: Any) -> Any:
        """Invoke and remember."""
        self.seen.append((logical_id, event))
        return super().__call__(logical_id, event)


class World:
    """A service with one signing key and the account `acme`, its functions' events, its environment."""

    def __init__(
        self, made: Service, invocations: Invocations, environment: Mapping[str, str], begin: Callable[[], Services]
    ) -> None:
        self.service = made
        self.invocations = invocations
        self.environment = environment
        self._begin = begin

    def forget_caches(self) -> None:
        """Begin a new environment: nothing is known that lies in memory."""
        self.service.services = self._begin()
        wiring.install(self.service.services)


@contextmanager
def world(*, dynamodb_endpoint: str | None = None, cheap_hash: bool = False) -> Iterator[World]:
    """Start a service in this process; its DynamoDB is moto, or DynamoDB Local at an address."""
    template = Template.load(TEMPLATE, {"PublicUrl": _PUBLIC_URL})
    hashing = _cheap() if cheap_hash else nullcontext()
    with Cloud(template) as cloud, hashing, redirect_stdout(StringIO()):
        if dynamodb_endpoint:
            dynamodb_local.create_tables(dynamodb_local.client(dynamodb_endpoint), template)
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_endpoint
        try:
            yield _made(template, cloud, Boto3DynamoDb(os.environ["AWS_REGION"]), dynamodb_endpoint)
        finally:
            wiring.install(None)
            os.environ.pop("AWS_ENDPOINT_URL_DYNAMODB", None)


def _made(template: Template, cloud: Cloud, adapter: DynamoDb, endpoint: str | None) -> World:
    clock, recorder = FrozenClock(), Recorder()
    dynamodb = RecordedDynamoDb(adapter, recorder)
    kms = RecordedKms(Boto3Kms(os.environ["AWS_REGION"]), recorder)
    settings = Settings.from_environment(os.environ)

    def begin() -> Services:
        return wiring.build(settings, clock=clock, dynamodb=dynamodb, kms=kms)

    services = begin()
    wiring.install(services)
    invocations = Invocations(template)
    client = dynamodb_local.client(endpoint) if endpoint else cloud.client("dynamodb")
    made = Service(cloud, client, cloud.forget, Gateway(template, invocations, clock), services, clock, recorder)
    made.put(_item(services.rotation.make(made_at=0, signs_from=0)))
    made.account()
    recorder.clear()
    return World(made, invocations, cloud.environment, begin)


@contextmanager
def _cheap() -> Iterator[None]:
    before = password._HASHER
    password._HASHER = CHEAP_HASHER  # everybody's hash in the tests is made by the one that stands here
    try:
        yield
    finally:
        password._HASHER = before
