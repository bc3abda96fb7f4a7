"""The rotation function: alone makes and retires signing keys; weekly, by the operator, and first at deploy.

It is also the one that a deployment can ask, so it answers the template's `Settings` as well: with their digest.
"""

import hashlib
import json
import urllib.request
from collections.abc import Callable
from typing import Any

from secondstep import wiring
from secondstep.audit import Operator
from secondstep.context import RequestContext
from secondstep.errors import Conflict, InvalidRequest, NotFound
from secondstep.flows import rotation

_SENT_BY_CLOUDFORMATION = "ResponseURL"
_SCHEDULE = "aws.events"
_ANSWER_SECONDS = 5
_LONGEST_ARN = 2048

type Answer = dict[str, Any]


def handler(event: dict[str, Any], context: Any) -> Answer:
    """Do what the event asks for: the schedule, an operator's action, or a resource of a deployment.

    A CloudFormation event is answered at its `ResponseURL`. What is refused is an answer with a `code`; what may
    succeed when it is tried again is raised, so that Lambda tries the schedule's event again.
    """
    if _SENT_BY_CLOUDFORMATION in event:
        return _answer_cloudformation(event, context)
    try:
        return _action(event)(event, context)
    except (Conflict, InvalidRequest, NotFound) as refused:
        return {"code": refused.code, "detail": refused.detail}


def _action(event: dict[str, Any]) -> Callable[[dict[str, Any], Any], Answer]:
    """Return what the event asks for; the schedule's and an empty one rotate, an unknown one does nothing."""
    is_plain = not event or event.get("source") == _SCHEDULE
    match event.get("action", "rotate" if is_plain else None):
        case "rotate":
            return _rotate
        case "retire":
            return _retire
    raise _refused("action", "must be `rotate` or `retire`")


def _rotate(event: dict[str, Any], context: Any) -> Answer:
    environment = wiring.services()
    key = rotation.rotate(
        store=environment.store,
        rotation=environment.rotation,
        context=_request_context(environment, context),
        actor=_operator(event),
    )
    return {"kid": key.kid, "signs_from": key.signs_from}


def _retire(event: dict[str, Any], context: Any) -> Answer:
    kid = event.get("kid")
    if not isinstance(kid, str):
        raise _refused("kid", "must be the id of a signing key")
    environment = wiring.services()
    key = rotation.retire(
        kid,
        store=environment.store,
        rotation=environment.rotation,
        context=_request_context(environment, context),
        actor=_operator(event),
    )
    return {"retired": kid, "kid": key.kid, "signs_from": key.signs_from}


def _operator(event: dict[str, Any]) -> Operator | None:
    """Return who asks, as the command says it: Lambda does not tell, CloudTrail does."""
    arn = event.get("operator")
    if arn is None:
        return None
    if not (isinstance(arn, str) and arn.startswith("arn:") and len(arn) <= _LONGEST_ARN and arn.isprintable()):
        raise _refused("operator", "must be an ARN")
    return Operator(arn)


def _refused(field: str, message: str) -> InvalidRequest:
    refused = InvalidRequest(message, field=field)
    refused.detail = f"{field} {message}."
    return refused


def _answer_cloudformation(event: dict[str, Any], context: Any) -> Answer:
    """Make what a resource of the template stands for on create and update; a delete keeps the keys, as the tables."""
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    try:
        if event["RequestType"] != "Delete":
            answer |= _resource(event, context)
    except Exception as fault:  # noqa: BLE001 - CloudFormation would wait an hour for an answer that never comes
        answer |= {"Status": "FAILED", "Reason": f"{event['LogicalResourceId']} was not made: {type(fault).__name__}"}
    _send(event["ResponseURL"], answer)
    return {"status": answer["Status"]}


def _resource(event: dict[str, Any], context: Any) -> Answer:
    match event["ResourceType"]:
        case "Custom::SigningKey":
            _ensure_first(context)
            return {}
        case "Custom::Settings":
            return {"Data": {"Digest": _digest(event["ResourceProperties"])}}
    raise _refused("ResourceType", "is not one of this template's")


def _digest(properties: dict[str, Any]) -> str:
    """Return a word that is another one when any property is: template.yaml publishes versions by it."""
    return hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:16]


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


def _send(url: str, answer: Answer) -> None:
    """Put the answer where CloudFormation waits for it: a presigned address, without a content type."""
    request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - the address is CloudFormation's
        pass
