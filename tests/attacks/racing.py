"""What the attacks on a subscriber's own account are told with: all that is stored, and a change that comes between."""

import operator
from collections.abc import Callable
from typing import Any

from secondstep.aws import Answer
from tests.recording import Called
from tests.service import Service

BY_KEY = operator.itemgetter("pk", "sk")
NEW_PASSWORD = "a lamp beside the window"


def everything(service: Service) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return all that is stored, state and audit."""
    return sorted(service.state(), key=BY_KEY), service.events()


def meanwhile(service: Service, change: Callable[[], object]) -> None:
    """Let a change come between the reads of the next transaction and its write."""

    def change_first(called: Called, go_on: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            change()
        return go_on()

    service.recorder.fault = change_first


def successes_of(service: Service, name: str) -> int:
    """Return how often something has succeeded, by the audit."""
    return sum(each["outcome"] == "success" for each in service.events(name))
