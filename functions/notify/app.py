"""The stream of the Audit table, to the event bus: at least once, in the stream's order for each subscriber."""

from typing import Any

from secondstep import wiring
from secondstep.flows import publication
from secondstep.telemetry import Level, telemetry


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:  # noqa: ARG001
    """Announce a batch of stream records; the answer tells Lambda which are to come again (ReportBatchItemFailures)."""
    failed = publication.publish(event["Records"], wiring.services().bus)
    if failed:
        telemetry.say(Level.WARNING, "not published", first=failed[0], count=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
