"""An audit event as one line of text."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import UNSET

from cli.printing import plain
from secondstep.shapes import EventAnswer


def line_of(event: EventAnswer) -> str:
    """Return when, what, how it went, about whom, by whom, from where, and why."""
    parts = [
        f"{datetime.fromtimestamp(event.at, UTC):%Y-%m-%d %H:%M:%S}",
        f"{event.event:<22}",
        f"{event.outcome:<7}",
        _named(event.subject) if event.subject else "the account",
    ]
    if event.actor and event.actor != event.subject:
        parts.append(f"by {_named(event.actor)}")
    parts.append(f"from {plain(event.source)}")
    if event.reason is not UNSET:
        parts.append(f'"{plain(event.reason)}"')
    if event.detail is not UNSET:
        parts.append(plain(json.dumps(event.detail, ensure_ascii=False, default=str)))
    return "  ".join(parts)


def _named(who: Mapping[str, str]) -> str:
    return plain(who.get("login_name") or who.get("operator"))
