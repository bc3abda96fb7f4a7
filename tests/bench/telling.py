"""Where a long run has come to, for whoever waits for it."""

import sys


def say(what: str) -> None:
    """Tell it beside the figures."""
    print(f"bench: {what}", file=sys.stderr, flush=True)  # noqa: T201
