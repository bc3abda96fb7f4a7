"""Makes the parts of an environment, once, from its settings: the only module that knows boto3 and the clock.

The local run and the tests install their own parts (another clock); a deployed function builds them at its first
request and keeps them: clients and caches with their own expiry, never a user's data.
"""

import os
import time
from collections.abc import Callable
from threading import Lock

import msgspec

from secondstep.aws import DynamoDb, EventBridge, Kms, Ses
from secondstep.boto3_client import Boto3DynamoDb, Boto3EventBridge, Boto3Kms, Boto3Ses
from secondstep.bus import Bus
from secondstep.keys import Keyring, Rotation, SealKey
from secondstep.mailer import Mailer
from secondstep.settings import Settings
from secondstep.store import Store


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
    """Return the parts of an environment; the AWS clients are boto3's unless others are given."""
    kms_client = kms or Boto3Kms(settings.region)
    store = Store(
        dynamodb or Boto3DynamoDb(settings.region),
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
        bus=Bus(events or Boto3EventBridge(settings.region), settings.event_bus),
        mailer=Mailer(ses or Boto3Ses(settings.region), settings.notice_from),
    )


class _Environment:
    """The one Services of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._services: Services | None = None

    def services(self) -> Services:
        with self._lock:
            if self._services is None:
                self._services = build(Settings.from_environment(os.environ))
            return self._services

    def install(self, services: Services | None) -> None:
        with self._lock:
            self._services = services


_environment = _Environment()


def services() -> Services:
    """Return this environment's parts, made at the first call."""
    return _environment.services()


def install(services: Services | None) -> None:
    """Replace this environment's parts (the local run and the tests); None has them built anew."""
    _environment.install(services)
