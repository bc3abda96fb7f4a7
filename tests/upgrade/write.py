"""`python -m tests.upgrade.write`: keep what this release writes, for the tests of all later ones.

Run it when a release is made (docs/storage-layout.md, "Changing it"). A fixture that is there stays as it is.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

import pytest

from local.cloud import Cloud
from local.functions import Functions
from local.gateway import Gateway
from local.template import TEMPLATE, Template
from secondstep import __version__, wiring
from secondstep.settings import Settings
from tests.clock import FrozenClock
from tests.conftest import ORIGIN, PUBLIC_URL
from tests.importing.moving_in import Command
from tests.recording import Recorder
from tests.service import Service
from tests.upgrade import kept
from tests.upgrade.journey import Journey

_ROTATION = "RotateFunction"


def main() -> int:
    """Write the fixture of this version and return 0; 1 where there is one already."""
    path = kept.FOLDER / f"{__version__}.json"
    if path.exists():
        _say(f"{path.name} is there, and what a release has written stays. Before the release, delete it first.")
        return 1
    with redirect_stdout(StringIO()):  # the functions' metrics
        made = _made()
    kept.write(path, made)
    _say(f"{path.name}: {len(made.state)} items of State, {len(made.audit)} of Audit, {len(made.held)} people")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _made() -> kept.Kept:
    with _world() as service, pytest.MonkeyPatch.context() as patch:
        held = Journey(service, Command(patch)).walk()
        settings, client = service.services.settings, service.cloud.client("dynamodb")
        return kept.Kept(
            written_by=__version__,
            written_at=service.now(),
            public_url=PUBLIC_URL,
            seal_key=kept.key_of(settings.seal_key_id),
            signing_seal_key=kept.key_of(settings.signing_seal_key_id),
            state=kept.table(client, settings.state_table),
            audit=kept.table(client, settings.audit_table),
            held=held,
        )


@contextmanager
def _world() -> Iterator[Service]:
    """Yield a service that was just deployed: one signing key, and nobody."""
    template = Template.load(TEMPLATE, parameters={"PublicUrl": PUBLIC_URL, "AllowedOrigins": ORIGIN})
    quiet = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_NAMESPACE": "secondstep"}
    with Cloud(template, environment=quiet) as cloud:
        clock = FrozenClock()
        services = wiring.build(Settings.from_environment(os.environ), clock=clock, pause=lambda _: None)
        wiring.install(services)
        functions = Functions(template)
        functions(_ROTATION, {})
        gateway = Gateway(template, functions, clock)
        yield Service(cloud, cloud.client("dynamodb"), cloud.forget, gateway, services, clock, Recorder())
        wiring.install(None)


if __name__ == "__main__":
    sys.exit(main())
