"""The bill of materials of the layer, `docs/sbom.cdx.json` (CycloneDX 1.6), made from its lock file (`make sbom`).

Versions and hashes are the lock's, licences those that the installed packages declare. It holds no time and no random
serial number, so that the same lock makes the same file and a test can compare them.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "layers/secondstep/requirements.txt"
SBOM = ROOT / "docs/sbom.cdx.json"

_PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)")
_SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# Packages that declare a licence by a classifier or a bare word alone, read in the licence file that each ships.
_DECLARED_IN_ITS_FILES = {"jinja2": "BSD-3-Clause", "segno": "BSD-3-Clause"}


class Locked(NamedTuple):
    """One package of the lock: what exactly may be installed."""

    name: str
    version: str
    sha256: tuple[str, ...]


def locked() -> Iterator[Locked]:
    """Yield the packages of the layer's lock file, in its order."""
    for entry in LOCK.read_text().replace("\\\n", " ").splitlines():
        pinned = _PINNED.match(entry)
        if pinned:
            yield Locked(pinned["name"], pinned["version"], tuple(_SHA256.findall(entry)))


def licence(package: str) -> str:
    """Return the licence of an installed package as an SPDX expression."""
    declared: PackageMetadata = metadata(package)
    found = declared.get("License-Expression") or _DECLARED_IN_ITS_FILES.get(package) or declared.get("License")
    if not found:
        raise LookupError(f"{package} declares no licence: read its files and write down what they say")
    return str(found)


def _component(package: Locked) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", None, package.name, package.version),
        licenses=[LicenseFactory().make_from_string(licence(package.name))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.sha256],
    )


def document() -> str:
    """Return the bill of materials as it should lie in `docs/`."""
    made = json.loads(JsonV1Dot6(Bom(components=map(_component, locked()))).output_as_string())
    del made["serialNumber"]  # random
    del made["metadata"]  # the time, and the tool
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SBOM.write_text(document())
