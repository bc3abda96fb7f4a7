"""Makes the parts of an environment, once, from its settings: the only module that knows AWS's clients and the clock.

The local run and the tests install their own parts (another clock); a deployed function builds them in INIT or at its
first request and keeps them: clients and caches with their own expiry, never a user's data.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Lock
from typing import Any

import msgspec

from secondstep.aws import Answer, AwsRefused, AwsUnavailable, DynamoDb, EventBridge, Kms, Ses
from secondstep.bus import Bus
from secondstep.errors import Unavailable
from secondstep.keys import Keyring, Rotation, SealKey
from secondstep.mailer import Mailer
from secondstep.settings import AwsClient, Settings
from secondstep.store import Store

_DEPLOYED = "AWS_LAMBDA_FUNCTION_NAME"
_INITIALIZATION, _SNAPSHOT = "AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start"


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What a function works with; `clock` answers epoch seconds."""

    settings: Settings
    clock: Callable[[], float]
    store: Store
    seal_key: SealKey
    keyring: Keyring
    rotation: Rotation
    bus: Bus
    mailer: Mailer


def build(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], object] = time.sleep,
    dynamodb: DynamoDb | None = None,
    kms: Kms | None = None,
    events: EventBridge | None = None,
    ses: Ses | None = None,
) -> Services:
    """Return the parts of an environment; the AWS clients are those of the settings unless others are given."""
    kms_client = kms or _kms(settings)
    store = Store(
        dynamodb or _dynamodb(settings),
        state=settings.state_table,
        audit=settings.audit_table,
        pause=pause,
    )
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        seal_key=SealKey(kms_client, settings.seal_key_id),
        keyring=Keyring(kms_client, settings.signing_seal_key_id, store.signing_keys),
        rotation=Rotation(kms_client, settings.signing_seal_key_id),
        bus=Bus(events or _RareEventBridge(settings.region), settings.event_bus),
        mailer=Mailer(ses or _RareSes(settings.region), settings.notice_from),
    )


# Each of the two clients is imported where it is chosen: boto3 alone is most of a cold start.
_CLIENT_MODULES = {
    AwsClient.BOTO3: ("secondstep.boto3_client",),
    AwsClient.LEAN: ("secondstep.lean.client", "secondstep.lean.container"),
}


def _dynamodb(settings: Settings) -> DynamoDb:
    if settings.aws_client is AwsClient.BOTO3:
        from secondstep.boto3_client import Boto3DynamoDb

        return Boto3DynamoDb(settings.region)
    from secondstep.lean.client import LeanDynamoDb, Surroundings

    return LeanDynamoDb(settings.region, Surroundings(os.environ, time.time, time.sleep))


def _kms(settings: Settings) -> Kms:
    if settings.aws_client is AwsClient.BOTO3:
        from secondstep.boto3_client import Boto3Kms

        return Boto3Kms(settings.region)
    from secondstep.lean.client import LeanKms, Surroundings

    return LeanKms(settings.region, Surroundings(os.environ, time.time, time.sleep))


class _RareEventBridge:
    """EventBridge by boto3, which is imported at the first call: no function on the login path makes one."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._client: EventBridge | None = None

    def put_events(self, **request: Any) -> Answer:
        """Put events on a bus."""
        if self._client is None:
            from secondstep.boto3_client import Boto3EventBridge

            self._client = Boto3EventBridge(self._region)
        return self._client.put_events(**request)


class _RareSes:
    """SES by boto3, imported at the first call as well."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._client: Ses | None = None

    def send_email(self, **request: Any) -> Answer:
        """Send one mail."""
        if self._client is None:
            from secondstep.boto3_client import Boto3Ses

            self._client = Boto3Ses(self._region)
        return self._client.send_email(**request)


class _Environment:
    """The one Services of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._services: Services | None = None

    def services(self) -> Services:
        with self._lock:
            if self._services is None:
                self._services = _built()
            return self._services

    def has_services(self) -> bool:
        return self._services is not None

    def install(self, services: Services | None) -> None:
        with self._lock:
            self._services = services


def _built() -> Services:
    try:
        return build(Settings.from_environment(os.environ))
    except AwsUnavailable as nobody:
        raise Unavailable from nobody


_environment = _Environment()


def services() -> Services:
    """Return this environment's parts, made at the first call; Unavailable where boto3 gets no credentials."""
    return _environment.services()


def begin() -> None:
    """Do in INIT what the first request would wait for: make the parts, and read the public halves of the signing keys.

    That read opens the connection that the first request uses. What does not answer now is asked again then. Where
    INIT's memory is to be copied (SnapStart), all of it is left to each copy; see `snapshot`.
    """
    if _DEPLOYED not in os.environ:
        return
    if os.environ.get(_INITIALIZATION) == _SNAPSHOT:
        _begin_in_each_copy()
    else:
        _begin_here()


def _begin_here() -> None:
    with suppress(Unavailable, AwsRefused):
        made = services()
        made.keyring.published(int(made.clock()))


def _begin_in_each_copy() -> None:
    from secondstep import snapshot  # imported only here: other cold starts do not pay for it

    for module in _CLIENT_MODULES[Settings.from_environment(os.environ).aws_client]:
        import_module(module)
    snapshot.expect(has_parts=_environment.has_services, begin=_begin_here)


def install(services: Services | None) -> None:
    """Replace this environment's parts (the local run and the tests); None has them built anew."""
    _environment.install(services)
