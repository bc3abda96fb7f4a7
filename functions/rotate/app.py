"""The rotation function: alone makes signing keys; weekly, by the operator, and for the first time at deploy."""

import json
import urllib.request
from typing import Any

from secondstep import wiring
from secondstep.context import RequestContext
from secondstep.flows import rotation

_SENT_BY_CLOUDFORMATION = "ResponseURL"
_ANSWER_SECONDS = 5


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Rotate; a CloudFormation event makes the first key only, and is answered at its `ResponseURL`."""
    if _SENT_BY_CLOUDFORMATION in event:
        return _answer_cloudformation(event, context)
    environment = wiring.services()
    kid = rotation.rotate(
        store=environment.store, rotation=environment.rotation, context=_request_context(environment, context)
    )
    return {"kid": kid}


def _answer_cloudformation(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Make the deployment's first key on create and update; a delete keeps the keys, as the tables are kept."""
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId", "first-signing-key"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    try:
        if event["RequestType"] != "Delete":
            _ensure_first(context)
    except Exception as fault:  # noqa: BLE001 - CloudFormation would wait an hour for an answer that never comes
        answer |= {"Status": "FAILED", "Reason": f"no signing key was made: {type(fault).__name__}"}
    _send(event["ResponseURL"], answer)
    return {"status": answer["Status"]}


def _ensure_first(context: Any) -> None:
    environment = wiring.services()
    rotation.ensure_first(
        store=environment.store, rotation=environment.rotation, context=_request_context(environment, context)
    )


def _request_context(environment: wiring.Services, context: Any) -> RequestContext:
    moment = environment.clock()
    return RequestContext(
        now=int(moment),
        milliseconds=int(moment * 1000),
        source="rotation",
        charged_address=None,
        request_id=context.aws_request_id,
        issuer=environment.settings.public_url,
    )


def _send(url: str, answer: dict[str, str]) -> None:
    """Put the answer where CloudFormation waits for it: a presigned address, without a content type."""
    request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - the address is CloudFormation's
        pass
