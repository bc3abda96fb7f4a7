"""One local cloud for the whole run; each test meets it empty, with a fresh clock and one signing key."""

import logging
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from argon2 import PasswordHasher

from local.cloud import Cloud
from local.direct import DirectClient
from local.functions import Functions
from local.gateway import Gateway
from local.template import TEMPLATE, Template
from secondstep import wiring
from secondstep.authenticators import password
from secondstep.aws import DynamoDb, Kms
from secondstep.settings import AwsClient, Settings
from secondstep.store.signing_keys import SealedSigningKey, _item
from tests import dynamodb_local
from tests.clients import CHOSEN, clients
from tests.clock import FrozenClock
from tests.recording import RecordedDynamoDb, RecordedKms, Recorder
from tests.service import Person, Service
from tests.spilled import Secrets

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
    with Cloud(template) as started:
        yield started


class Database(NamedTuple):
    """AWS under test: a plain client of DynamoDB to look with, the service's own clients, and how to empty it."""

    client: Any
    adapter: DynamoDb
    kms: Kms
    empty: Callable[[], None]


@pytest.fixture(scope="session")
def database(cloud: Cloud, template: Template) -> Iterator[Database]:
    """Return moto behind its lock, or with DYNAMODB_LOCAL=1 AWS's own DynamoDB Local, for the very same tests.

    SECONDSTEP_AWS_CLIENT has the service use `lean` or `boto3`, to the wire; without it moto is asked directly.
    """
    if not os.environ.get("DYNAMODB_LOCAL"):
        direct = DirectClient(cloud.client("dynamodb"))
        with clients(CHOSEN, direct=direct) as ours:
            yield Database(direct, ours.dynamodb, ours.kms, cloud.forget)
        return
    with dynamodb_local.dynamodb_local() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        client = dynamodb_local.client(endpoint)
        dynamodb_local.create_tables(client, template)
        with clients(CHOSEN or AwsClient.LEAN, dynamodb_url=endpoint) as ours:
            yield Database(client, ours.dynamodb, ours.kms, lambda: dynamodb_local.empty_tables(client))


@pytest.fixture(scope="session")
def _signing_key(database: Database) -> SealedSigningKey:
    services = wiring.build(Settings.from_environment(os.environ), dynamodb=database.adapter, kms=database.kms)
    return services.rotation.make(made_at=0, signs_from=0)


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def _cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash the passwords of a test of the service at no cost, unless it is about hashing: thousands log in."""
    if "service" in request.fixturenames and not request.node.get_closest_marker("hashing"):
        monkeypatch.setattr(password, "_HASHER", CHEAP)


@pytest.fixture
def service(template: Template, cloud: Cloud, database: Database, _signing_key: SealedSigningKey) -> Iterator[Service]:
    """Return the service with empty tables, one signing key and the account `acme`."""
    database.empty()
    clock, recorder = FrozenClock(), Recorder()
    services = wiring.build(
        Settings.from_environment(os.environ),
        clock=clock,
        pause=lambda _: None,
        dynamodb=RecordedDynamoDb(database.adapter, recorder),
        kms=RecordedKms(database.kms, recorder),
    )
    wiring.install(services)
    gateway = Gateway(template, Functions(template), clock)
    made = Service(cloud, database.client, database.empty, gateway, services, clock, recorder)
    made.put(_item(_signing_key))
    made.account()
    recorder.clear()
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


SECRETS = pytest.StashKey[Secrets]()


@pytest.fixture(autouse=True)
def secrets_seen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """Yield the secrets that this test meets; its output and log are searched for them when it has ended."""
    seen = request.node.stash[SECRETS] = Secrets()
    if "service" in request.fixturenames:
        seen.watch(monkeypatch)
    logging.getLogger().addHandler(seen.logged)
    yield seen
    logging.getLogger().removeHandler(seen.logged)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose captured output or log holds one of its secrets (promise 10)."""
    report = yield
    if call.when == "call" and report.passed and SECRETS in item.stash:
        seen = item.stash[SECRETS]
        spilled = seen.found_in("\n".join([*seen.logged.lines, *(text for _, text in report.sections)]))
        if spilled:
            report.outcome = "failed"
            report.longrepr = f"secrets were printed or logged: {spilled}"
    return report
