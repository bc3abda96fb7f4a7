"""Notices by mail: an event from the bus, to the subscriber whom it concerns."""

from typing import Any

from secondstep import announcement, wiring
from secondstep.flows import notification
from secondstep.http import log_defect


class NotSent(Exception):
    """The notice has not left; Lambda tries again, then the event goes to the queue of what was not delivered."""


def handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:  # noqa: ARG001
    """Send the notices that an event asks for; none, where nobody can be told."""
    environment = wiring.services()
    try:
        told = announcement.parse(event["detail"])
        sent = notification.notify(told, store=environment.store, mailer=environment.mailer)
    except Exception:  # noqa: BLE001 - SES repeats addresses in its messages, and Lambda logs what is raised
        log_defect()  # the kind and the place
        raise NotSent from None
    return {"sent": [each.value for each in sent]}
