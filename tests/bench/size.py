"""Bytes: the built layer by package, each function, and what a browser gets; `make build` first."""

import gzip
from pathlib import Path
from typing import NamedTuple

from tests.bench.world import world
from tests.service import ACCOUNT

_BUILT = Path(__file__).resolve().parents[2] / ".aws-sam" / "build"
_PAGES = (f"/ui/login?account={ACCOUNT}", "/ui/style.css", "/ui/script.js")


class Page(NamedTuple):
    """What one address of the pages answers: its bytes, and those of the same text compressed."""

    path: str
    plain: int
    compressed: int


def layer() -> dict[str, int]:
    """Return the bytes of each package of the built layer, the largest first."""
    place = _BUILT / "SecondstepLayer" / "python"
    if not place.is_dir():
        raise FileNotFoundError("The layer is not built: make build.")
    found = {each.name: _bytes(each) for each in place.iterdir() if not each.name.endswith(".dist-info")}
    found["(metadata)"] = sum(_bytes(each) for each in place.glob("*.dist-info"))
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def functions() -> dict[str, int]:
    """Return the bytes of each built function."""
    return {each.name: _bytes(each) for each in sorted(_BUILT.glob("*Function"))}


def pages() -> list[Page]:
    """Return the sign-in page and what it links."""
    with world(cheap_hash=True) as made:
        sent = [made.service.gateway.client().get(path) for path in _PAGES]
    return [Page(path, len(got.data), len(gzip.compress(got.data))) for path, got in zip(_PAGES, sent, strict=True)]


def _bytes(place: Path) -> int:
    files = [place] if place.is_file() else place.rglob("*")
    return sum(each.stat().st_size for each in files if each.is_file())
