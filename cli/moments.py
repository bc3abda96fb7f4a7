"""Moments as operators type them: `30m`, `2h`, `3d` ago, a date, a date with a time, epoch seconds."""

import re
from datetime import UTC, datetime

import typer

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
_EPOCH = re.compile(r"[0-9]{9,10}")


def moment_of(typed: str, now: int) -> int:
    """Return the moment in epoch seconds; without a zone it is UTC. A usage error where it is none."""
    ago = _AGO.fullmatch(typed)
    if ago:
        return max(0, now - int(ago[1]) * _SECONDS[ago[2]])
    if _EPOCH.fullmatch(typed):
        return int(typed)
    try:
        found = datetime.fromisoformat(typed)
    except ValueError as wrong:
        raise typer.BadParameter(f"{typed} is no moment: 30m, 2h, 3d, 2026-11-24, 2026-11-24T09:30") from wrong
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
