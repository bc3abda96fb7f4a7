"""The build and the deployment: made once for the run. A part that is missing is a failure, never a skip."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import emulator
from tests.deployment.emulator import Deployment
from tests.deployment.visitor import Visitor


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the folder with what `sam build` has built for this machine."""
    return emulator.build()


@pytest.fixture(scope="session")
def deployment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Return the template, deployed into an AWS that enforces its roles."""
    with emulator.deployed(built, tmp_path_factory.mktemp("ministack")) as made:
        yield made


@pytest.fixture(scope="session")
def _visitor(deployment: Deployment) -> Visitor:
    return Visitor(deployment)


@pytest.fixture
def visitor(_visitor: Visitor) -> Visitor:
    """Return somebody before a deployment that stands at its seeds: `agent`, `admin` and `enrolled` of `acme`."""
    _visitor.reset()
    return _visitor
