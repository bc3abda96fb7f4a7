"""ministack, with the condition keys that our policies use and it does not fill in, and binary media types.

It evaluates conditions by itself (operators, `ForAllValues`, key policies), but knows no `dynamodb:LeadingKeys`, no
`kms:EncryptionContext`, no `events:source` and no `ses:FromAddress`, and takes a session's ARN for `aws:PrincipalArn`
where AWS takes the role's. Without these keys every right on a seal key would be refused and every partition allowed:
the template could not be deployed as it is, and its conditions would prove nothing. What each key holds is taken from
AWS's documentation, which no emulator confirms; tests/test_template.py holds the same conditions against the template.

It also takes no binary media type, neither from an API's definition nor by a call: a picture would arrive as text. And
it makes no alarm on a formula of metrics: such a one is made on a metric that does not exist. It translates a SAM
template without the values of its parameters, so with CodeDeploy, which it does not have, though `Rollout` wants none.

Each right by which something was allowed is written down, one JSON line each, in the file that `DECISIONS` names.

Run by ministack's own Python: `.tools/ministack/bin/python tests/deployment/ministack_completed.py`.
"""

import json
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import apigateway_v1
from ministack.services.cloudformation import changesets, engine, handlers, provisioners
from samtranslator.translator import transform as sam

type Context = dict[str, Any]

_context_of_table = iam_actions.dynamodb_service_context
_checks_of_parts = iam_actions.dynamodb_transaction_checks
_context_of_tags = iam_actions.request_tag_context
_condition_key = iam_evaluator._resolve_condition_key
_enforce = iam_evaluator.enforce
_alarm = provisioners._cw_metric_alarm_record
_apply_patch = apigateway_v1._apply_patch
_enforce_ses = app._enforce_ses_v2
_sender: ContextVar[str] = ContextVar("sender")
_evaluate = iam_evaluator.evaluate
_apply_transforms = engine._apply_transforms
_transform = sam.transform
_parameters: ContextVar[Context] = ContextVar("parameters")


class PartOfTransaction(str):
    """The ARN of a part's table, and the partition that the part touches: each is asked for by itself."""

    __slots__ = ("touched",)

    touched: str


def dynamodb_service_context(body: bytes) -> Context:
    """Return what a request to DynamoDB says, `dynamodb:LeadingKeys` included: the partitions that it touches."""
    said: Context = _context_of_table(body)
    partitions = _partitions(json.loads(body or b"{}"))
    return said | {"dynamodb:LeadingKeys": partitions} if partitions else said


def dynamodb_transaction_checks(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
    """Return the parts of a transaction as IAM is asked for them, each with its own partition."""
    checks = _checks_of_parts(action, body, region, account)
    if not checks:
        return []
    parts = [part for item in json.loads(body)["TransactItems"] for part in item.values()]
    return [(asked, _with_partition(arn, part)) for (asked, arn), part in zip(checks, parts, strict=True)]


def request_tag_context(service: str, action: str | None, body: bytes, query: Context) -> Context:
    """Return what any request says; one to KMS its encryption context as well, and events their sources."""
    said: Context = _context_of_tags(service, action, body, query)
    if service == "kms":
        given = json.loads(body or b"{}").get("EncryptionContext") or {}
        return said | {f"kms:EncryptionContext:{name}": value for name, value in given.items()}
    if action == "events:PutEvents":
        sources = {each["Source"] for each in json.loads(body)["Entries"]}
        return said | {"events:source": sources.pop() if len(sources) == 1 else sorted(sources)}
    return said


def enforce_ses_v2(method: str, path: str, headers: Context, body: bytes, *rest: Any) -> Any:
    """Decide on a call of SES; `enforce` is told whom a mail says it is from, which is the identity that is used."""
    told = _sender.set(str(json.loads(body or b"{}").get("FromEmailAddress", "")))
    try:
        return _enforce_ses(method, path, headers, body, *rest)
    finally:
        _sender.reset(told)


def enforce(*asked: Any, resource_arn: str = "*", service_context: Context | None = None) -> Any:
    """Decide; for a part of a transaction, on its own partition; for a mail, on its sender."""
    if sender := _sender.get(""):
        service_context = {**(service_context or {}), "ses:FromAddress": sender}
        resource_arn = f"arn:aws:ses:{asked[3]}:{os.environ['MINISTACK_ACCOUNT_ID']}:identity/{sender}"
    if isinstance(resource_arn, PartOfTransaction):
        service_context = {**(service_context or {}), "dynamodb:LeadingKeys": [resource_arn.touched]}
    return _enforce(*asked, resource_arn=resource_arn, service_context=service_context)


def evaluate(context: Any, policies: Any, *limits: Any) -> Any:
    """Decide by policies as ministack does, and write down which statement has allowed it."""
    result = _evaluate(context, policies, *limits)
    if result.decision == "Allow":
        used = {
            "principal": context.principal_arn,
            "action": context.action,
            "resource": context.resource_arn,
            "sid": result.matched_sid,
        }
        with Path(os.environ["DECISIONS"]).open("a", encoding="utf-8") as written:
            written.write(json.dumps(used) + "\n")
    return result


def resolve_condition_key(key: str, context: Any) -> Any:
    """Return a condition key; for whoever took a role, `aws:PrincipalArn` is the role."""
    found = _condition_key(key, context)
    if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(found):
        return found
    account, role = str(found).split(":")[4], str(found).split("/")[1]
    return f"arn:aws:iam::{account}:role/{role}"


def apply_patch(patched: Context, operations: list[Context]) -> Context:
    """Change a resource of API Gateway; a binary media type is added to the list."""
    prefix = "/binaryMediaTypes/"
    for each in operations:
        if each["path"].startswith(prefix):
            patched["binaryMediaTypes"].append(each["path"].removeprefix(prefix).replace("~1", "/"))
    others = [each for each in operations if not each["path"].startswith(prefix)]
    changed: Context = _apply_patch(patched, others)
    return changed


def alarm(name: str, properties: Context) -> Any:
    """Return the record of an alarm; one on a formula is on a metric that does not exist."""
    if "Metrics" in properties:
        stood_for = {"MetricName": "formula", "Namespace": "secondstep", "Period": 60, "Statistic": "Sum"}
        properties = {name: value for name, value in properties.items() if name != "Metrics"} | stood_for
    return _alarm(name, properties)


def apply_transforms(template: Context, provided: Any = None, previous: Any = None) -> Any:
    """Apply a template's transforms; SAM's is told the parameters, as AWS tells it them."""
    told = _parameters.set(engine._transform_parameters(template, provided, previous))
    try:
        return _apply_transforms(template, provided, previous)
    finally:
        _parameters.reset(told)


def transform(template: Context, _: Context, *more: Any) -> Any:
    """Translate a SAM template with the parameters that `apply_transforms` was told."""
    return _transform(template, _parameters.get(), *more)


def _with_partition(arn: str, part: Context) -> PartOfTransaction:
    said = PartOfTransaction(arn)
    said.touched = _partition(part)
    return said


def _partitions(request: Context) -> list[str]:
    if "RequestItems" in request:
        return [key["pk"]["S"] for table in request["RequestItems"].values() for key in table["Keys"]]
    if "KeyConditionExpression" in request:
        value = request["KeyConditionExpression"].split(" = ")[1].split(" AND ")[0]
        return [request["ExpressionAttributeValues"][value]["S"]]
    return [_partition(request)] if "Key" in request or "Item" in request else []


def _partition(request: Context) -> str:
    return str((request.get("Key") or request["Item"])["pk"]["S"])


if __name__ == "__main__":
    for replaced in (dynamodb_service_context, dynamodb_transaction_checks, request_tag_context):
        setattr(iam_actions, replaced.__name__, replaced)
    iam_evaluator.enforce = enforce
    iam_evaluator.evaluate = evaluate
    iam_evaluator._resolve_condition_key = resolve_condition_key
    apigateway_v1._apply_patch = apply_patch
    provisioners._cw_metric_alarm_record = alarm
    app._enforce_ses_v2 = enforce_ses_v2
    for using in (engine, changesets, handlers):
        using._apply_transforms = apply_transforms
    sam.transform = transform
    app.main()
