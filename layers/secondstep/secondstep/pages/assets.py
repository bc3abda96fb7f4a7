"""The stylesheet and the script: one of each, the same for every page and account."""

from functools import cache
from pathlib import Path

from secondstep.pages.answer import Asset

_STATIC = Path(__file__).parent / "static"
_CACHED_SECONDS = 5 * 60  # an upgrade shows soon, and a login asks once


@cache
def stylesheet() -> Asset:
    """Return the stylesheet."""
    return _asset("style.css", "text/css; charset=utf-8")


@cache
def script() -> Asset:
    """Return the script."""
    return _asset("script.js", "text/javascript; charset=utf-8")


def _asset(name: str, media_type: str) -> Asset:
    return Asset(content=(_STATIC / name).read_bytes(), media_type=media_type, cached_seconds=_CACHED_SECONDS)
