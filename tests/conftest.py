"""One local cloud for the whole run; each test meets it empty, with a fresh clock and one signing key."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.clock import LocalClock
from local.cloud import Cloud
from local.functions import Functions
from local.gateway import Gateway
from local.template import TEMPLATE, Template
from secondstep import wiring
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.settings import Settings
from secondstep.store.codec import encode_item
from secondstep.store.signing_keys import SealedSigningKey, _item
from tests.recording import RecordedDynamoDb, RecordedKms, Recorder
from tests.service import Person, Service

PUBLIC_URL = "https://login.example.test"
ORIGIN = "https://app.example.test"


@pytest.fixture(scope="session")
def template() -> Template:
    """Return template.yaml, translated once."""
    return Template.load(
        Path(os.environ.get("TPL", str(TEMPLATE))), parameters={"PublicUrl": PUBLIC_URL, "AllowedOrigins": ORIGIN}
    )


@pytest.fixture(scope="session")
def cloud(template: Template) -> Iterator[Cloud]:
    """Start the local cloud."""
    quiet = {"POWERTOOLS_LOG_LEVEL": "INFO", "POWERTOOLS_METRICS_NAMESPACE": "secondstep"}
    with Cloud(template, environment=quiet) as started:
        yield started


@pytest.fixture(scope="session")
def _clients(cloud: Cloud) -> tuple[Boto3DynamoDb, Boto3Kms]:
    return Boto3DynamoDb(os.environ["AWS_REGION"]), Boto3Kms(os.environ["AWS_REGION"])


@pytest.fixture(scope="session")
def _signing_key(cloud: Cloud, _clients: tuple[Boto3DynamoDb, Boto3Kms]) -> SealedSigningKey:
    services = wiring.build(Settings.from_environment(os.environ), dynamodb=_clients[0], kms=_clients[1])
    return services.rotation.make(made_at=0, signs_from=0)


@pytest.fixture
def service(
    template: Template,
    cloud: Cloud,
    _clients: tuple[Boto3DynamoDb, Boto3Kms],
    _signing_key: SealedSigningKey,
) -> Iterator[Service]:
    """Return the service with empty tables, one signing key and the account `acme`."""
    cloud.forget()
    clock, recorder = LocalClock(), Recorder()
    services = wiring.build(
        Settings.from_environment(os.environ),
        clock=clock,
        pause=lambda _: None,
        dynamodb=RecordedDynamoDb(_clients[0], recorder),
        kms=RecordedKms(_clients[1], recorder),
    )
    wiring.install(services)
    gateway = Gateway(template, Functions(template), clock)
    made = Service(cloud, gateway, services, clock, recorder)
    made.cloud.client("dynamodb").put_item(
        TableName=services.settings.state_table, Item=encode_item(_item(_signing_key))
    )
    made.account()
    yield made
    wiring.install(None)


@pytest.fixture
def agent(service: Service) -> Person:
    """Return a subscriber who has never enrolled; enrollment is open."""
    return service.person("agent")


@pytest.fixture
def enrolled(service: Service) -> Person:
    """Return a subscriber with one bound authenticator and ten recovery codes."""
    return service.bound_person("enrolled")


@pytest.fixture
def admin(service: Service) -> Person:
    """Return an admin with one bound authenticator."""
    return service.bound_admin("boss")


@pytest.fixture
def admin_token(service: Service, admin: Person) -> str:
    """Return the account token of an admin who has just logged in with both steps."""
    return str(service.session(admin)["account_token"])
