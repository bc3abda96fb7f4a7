"""What the layer brings along: locked by hash, listed in a bill of materials, under licences that are free to use."""

import json
import re
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import sbom
from tests.readme import ROOT

LOCKS = sorted(
    path
    for path in (ROOT / "layers/secondstep/requirements.txt", ROOT / "requirements-dev.txt", ROOT / "scripts/uv.txt")
) + sorted((ROOT / "scripts/tools").glob("*.txt"))
FREE = {"MIT", "MIT-0", "Apache-2.0", "BSD-3-Clause", "PSF-2.0"}  # none asks anything of who deploys the service


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_is_locked_by_version_and_hash_and_no_index_is_named(lock: Path) -> None:
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    packages = [entry for entry in entries if entry and not entry.lstrip().startswith("#")]
    assert packages
    assert [entry for entry in packages if not re.match(r"\S+==\S+.*--hash=sha256:", entry)] == []
    assert "://" not in "".join(packages)


def test_the_bill_of_materials_is_that_of_the_lock() -> None:
    assert sbom.SBOM.read_text() == sbom.document(), "run `make sbom`"


def test_the_bill_of_materials_is_valid_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.SBOM.read_text()) is None


def test_every_package_of_the_layer_is_under_a_licence_that_asks_nothing() -> None:
    licences = {package.name: sbom.licence(package.name) for package in sbom.locked()}
    assert {name: text for name, text in licences.items() if not set(text.split(" OR ")) <= FREE} == {}


def test_the_bill_of_materials_lists_licence_and_hash_of_each() -> None:
    components = json.loads(sbom.SBOM.read_text())["components"]
    assert {part["name"] for part in components} == {package.name for package in sbom.locked()}
    assert all(part["licenses"] and part["hashes"] for part in components)
