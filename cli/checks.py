"""What `secondstep doctor` looks at. Each check is right, or says what is wrong and how to mend it.

A check only reads. What this cloud cannot answer (an emulator lists no roles and keeps no alarms) is not checked, and
that is told; what AWS refuses to tell is wrong, because nobody knows then.
"""

import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from cli.deployment import DeploymentError
from cli.printing import moment, plain
from cli.stack import Resource, Stack
from secondstep.aws import AwsRefused
from secondstep.boto3_client import Boto3DynamoDb
from secondstep.store import Store

_OUTPUTS = (
    "ApiUrl",
    "StateTable",
    "AuditTable",
    "SealKeyArn",
    "SigningSealKeyArn",
    "TableKeyArn",
    "EventBus",
    "UndeliveredQueue",
    "RotateFunction",
)
_STEADY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_UNKNOWN_HERE = {"UnknownOperation", "UnknownOperationException", "NotImplemented", "UnsupportedOperation"}
_NOT_IMPLEMENTED = 501
_CLOCK_SECONDS = 30  # a time step: beyond it a code that is computed here is refused
_DAY = 24 * 60 * 60
# A key is made weekly and signs a day later. One that was made by hand just before the schedule lets the schedule pass
# once, so it may become nine days old before its successor signs, and eight before there is one.
_NEXT_IS_DUE_SECONDS, _SCHEDULE_HAS_STOPPED_SECONDS = 8 * _DAY, 9 * _DAY
_ALARMS_A_CALL = 100
_ALIAS = "live"  # AutoPublishAlias of template.yaml
# What a version keeps of its function: a difference reaches no request. The layer is nearly all of the code.
_PUBLISHED = ("CodeSha256", "Layers", "Environment", "MemorySize", "Timeout", "Role")


class NotChecked(Exception):
    """This cloud cannot answer; the message ends the sentence "not checked: "."""


class Found(NamedTuple):
    """What a check found: sentences about what is wrong (none: it is right), and one for when it is right."""

    wrong: tuple[str, ...]
    right: str


class Finding(NamedTuple):
    """The outcome of a check: `green`, `wrong` or `not_checked`, and its sentences."""

    check: str
    verdict: str
    sentences: tuple[str, ...]


type Check = Callable[[Stack], Found]


def examined(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each check; DeploymentError where AWS cannot be reached."""
    for name, check in CHECKS.items():
        yield _finding(name, check, stack)


def _finding(name: str, check: Check, stack: Stack) -> Finding:
    try:
        found = check(stack)
    except NotChecked as unanswerable:
        return Finding(name, "not_checked", (f"not checked: {unanswerable}",))
    except ClientError as refused:
        return _refused(name, refused)
    except AwsRefused as refused:
        return Finding(name, "wrong", (f"AWS refused to read the State table ({refused}).",))
    except BotoCoreError as fault:
        raise DeploymentError(f"AWS could not be asked: {fault}") from fault
    return Finding(name, "wrong", found.wrong) if found.wrong else Finding(name, "green", (found.right,))


def _refused(name: str, refused: ClientError) -> Finding:
    code = refused.response["Error"]["Code"]
    status = refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in _UNKNOWN_HERE or status == _NOT_IMPLEMENTED:
        return Finding(name, "not_checked", (f"not checked: this cloud does not know {refused.operation_name}.",))
    told = f"AWS does not answer {refused.operation_name} ({code}): do the credentials have that right?"
    return Finding(name, "wrong", (told,))


def _stack(stack: Stack) -> Found:
    wrong = []
    if stack.status not in _STEADY:
        mend = f"aws cloudformation describe-stack-events --stack-name {stack.name} tells why; then deploy again"
        wrong.append(f"The stack is {stack.status}: {mend}.")
    missing = [name for name in _OUTPUTS if name not in stack.outputs]
    if missing:
        wrong.append(f"The stack has no output {', '.join(missing)}: deploy this release.")
    if moving := stack.parameters.get("MovingRoleArn"):
        wrong.append(f"{moving} may open every authenticator's secret: when the move is done, empty MovingRoleArn.")
    return Found(tuple(wrong), f"{stack.name} is deployed, with all its outputs.")


def _tables(stack: Stack) -> Found:
    client = stack.client("dynamodb")
    wrong = [each for name in ("StateTable", "AuditTable") for each in _of_table(client, _output(stack, name), name)]
    return Found(tuple(wrong), "Both are active, recoverable, protected, and clean up by purge_at.")


def _of_table(client: Any, table: str, name: str) -> Iterator[str]:
    try:
        told = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        yield f"{name} ({table}) does not exist: restore it (docs/operations.md, Restore)."
        return
    if told["TableStatus"] != "ACTIVE":
        yield f"{name} is {told['TableStatus']}: wait, or ask AWS Support where it stays so."
    if not told.get("DeletionProtectionEnabled"):
        mend = f"aws dynamodb update-table --table-name {table} --deletion-protection-enabled"
        yield f"{name} can be deleted: deploy with DeletionProtection true, or {mend}"
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        mend = f"aws dynamodb update-continuous-backups --table-name {table}"
        setting = "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
        yield f"{name} has no point-in-time recovery: {mend} {setting}"
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    is_on = expiry.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    if not is_on or expiry.get("AttributeName") != "purge_at":
        mend = "--time-to-live-specification Enabled=true,AttributeName=purge_at"
        yield f"{name} does not clean up by purge_at: aws dynamodb update-time-to-live --table-name {table} {mend}"


def _keys(stack: Stack) -> Found:
    client = stack.client("kms")
    names = ("SealKeyArn", "SigningSealKeyArn", "TableKeyArn")
    wrong = [each for name in names for each in _of_key(client, _output(stack, name), name.removesuffix("Arn"))]
    return Found(tuple(wrong), "All three are enabled and rotate.")


def _of_key(client: Any, arn: str, name: str) -> Iterator[str]:
    try:
        state = client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    except client.exceptions.NotFoundException:
        yield f"{name} ({arn}) does not exist: what it sealed is lost."
        return
    if state == "PendingDeletion":
        mend = f"aws kms cancel-key-deletion --key-id {arn}, then aws kms enable-key --key-id {arn}"
        yield f"{name} will be deleted, and all that it sealed with it: {mend}"
        return
    if state != "Enabled":
        yield f"{name} is {state}: aws kms enable-key --key-id {arn}"
    if not client.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]:
        yield f"{name} does not rotate: aws kms enable-key-rotation --key-id {arn}"


def _functions(stack: Stack) -> Found:
    listed, client = _listed(stack, "AWS::Lambda::Function"), stack.client("lambda")
    wrong = [each for function in listed for each in _of_function(client, function)]
    return Found(tuple(wrong), f"All {len(listed)} are there and active.")


def _of_function(client: Any, function: Resource) -> Iterator[str]:
    try:
        told = client.get_function_configuration(FunctionName=function.name)
    except client.exceptions.ResourceNotFoundException:
        yield _deleted(function)
        return
    yield from _of_alias(client, function, told)
    if told.get("State", "Active") not in ("Active", "Inactive"):  # inactive: idle for weeks, and woken by a call
        yield f"{function.logical_id} is {told['State']} ({plain(told.get('StateReason'))}): deploy again."
    if told.get("LastUpdateStatus") == "Failed":
        yield f"{function.logical_id} could not be updated ({plain(told.get('LastUpdateStatusReason'))}): deploy again."


def _of_alias(client: Any, function: Resource, latest: dict[str, Any]) -> Iterator[str]:
    """Look at the version that is invoked: what was changed in the function itself reaches no request."""
    try:
        invoked = client.get_function_configuration(FunctionName=function.name, Qualifier=_ALIAS)
        weights = client.get_alias(FunctionName=function.name, Name=_ALIAS).get("RoutingConfig", {})
    except client.exceptions.ResourceNotFoundException:
        yield f"{function.logical_id} has no alias {_ALIAS}, by which it is invoked: deploy again."
        return
    if any(invoked.get(each) != latest.get(each) for each in _PUBLISHED):
        version = invoked.get("Version", "?")
        yield f"{function.logical_id} is invoked as of version {version}, and was changed since: deploy again."
    if weights.get("AdditionalVersionWeights"):
        yield f"{function.logical_id} is invoked in two versions: an update goes through, or has ended between them."


def _roles(stack: Stack) -> Found:
    listed, client = _listed(stack, "AWS::IAM::Role"), stack.client("iam")
    wrong = [each for role in listed for each in _of_role(client, role, stack.name)]
    return Found(tuple(wrong), f"All {len(listed)} are there, under names that the key policies know.")


def _of_role(client: Any, role: Resource, stack: str) -> Iterator[str]:
    if not role.name.startswith(f"{stack}-{role.logical_id}-"):
        yield f"{role.logical_id} is called {role.name}, and the key policies do not know it: use a shorter stack name."
    try:
        client.get_role(RoleName=role.name)
    except client.exceptions.NoSuchEntityException:
        yield _deleted(role)


def _alarms(stack: Stack) -> Found:
    listed, client = _listed(stack, "AWS::CloudWatch::Alarm"), stack.client("cloudwatch")
    told: dict[str, Any] = {}
    for at in range(0, len(listed), _ALARMS_A_CALL):
        names = [each.name for each in listed[at : at + _ALARMS_A_CALL]]
        answer = client.describe_alarms(AlarmNames=names, MaxRecords=_ALARMS_A_CALL)
        told |= {each["AlarmName"]: each for each in answer["MetricAlarms"]}
    wrong = [each for alarm in listed for each in _of_alarm(alarm, told.get(alarm.name))]
    return Found(tuple(wrong), f"All {len(listed)} are there, and none is in ALARM.")


def _of_alarm(alarm: Resource, told: dict[str, Any] | None) -> Iterator[str]:
    if told is None:
        yield _deleted(alarm)
        return
    if told["StateValue"] == "ALARM":
        yield f"{alarm.logical_id} is in ALARM: {plain(told.get('AlarmDescription') or told.get('StateReason'))}"
    if not told.get("ActionsEnabled", True):
        yield f"{alarm.logical_id} tells nobody: aws cloudwatch enable-alarm-actions --alarm-names {alarm.name}"


def _clock(stack: Stack) -> Found:
    before = this_machines_time()
    answer = stack.client("sts").get_caller_identity()
    here = (before + this_machines_time()) / 2
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        raise NotChecked("this cloud does not tell the time.")
    ahead = here - parsedate_to_datetime(date).timestamp()
    if abs(ahead) <= _CLOCK_SECONDS:
        return Found((), "This machine's clock agrees with AWS's.")
    said = f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's"
    return Found((f"{said}: set it by NTP, or codes that are computed here will be refused.",), "")


def _signing_keys(stack: Stack) -> Found:
    store = Store(
        Boto3DynamoDb(stack.region),
        state=_output(stack, "StateTable"),
        audit=_output(stack, "AuditTable"),
        pause=time.sleep,
    )
    now = int(this_machines_time())
    keys = [each for each in store.signing_keys.read() if not each.is_retired(now)]
    signer = next((each for each in keys if each.signs_from <= now), None)
    waiting = next((each for each in keys if each.signs_from > now), None)
    if signer is None:
        return Found(("There is no signing key, so nobody can log in (503): secondstep keys rotate",), "")
    age = now - signer.made_at
    mend = "look at the log of RotateFunction and at its rule, and run secondstep keys rotate"
    if age > _SCHEDULE_HAS_STOPPED_SECONDS:
        return Found((f"The signing key is {age // _DAY} days old, so the weekly schedule has stopped: {mend}.",), "")
    if waiting is None and age > _NEXT_IS_DUE_SECONDS:
        return Found((f"The signing key is {age // _DAY} days old and no next one is announced: {mend}.",), "")
    follows = f"{waiting.kid} signs from {moment(waiting.signs_from)} UTC" if waiting else "the next one is not due yet"
    return Found((), f"{signer.kid} signs, {age // _DAY} days old; {follows}.")


def _announcing(stack: Stack) -> Found:
    listed = _listed(stack, "AWS::Lambda::EventSourceMapping")
    table = stack.client("dynamodb").describe_table(TableName=_output(stack, "AuditTable"))["Table"]
    if not table.get("StreamSpecification", {}).get("StreamEnabled"):
        return Found(("The Audit table has no stream, so no event goes out: deploy again.",), "")
    client = stack.client("lambda")
    wrong = [each for one in listed for each in _of_mapping(client, one, table["LatestStreamArn"])]
    return Found(tuple(wrong), "The Audit table's stream is on and is read.")


def _of_mapping(client: Any, mapping: Resource, stream: str) -> Iterator[str]:
    try:
        told = client.get_event_source_mapping(UUID=mapping.name)
    except client.exceptions.ResourceNotFoundException:
        yield _deleted(mapping)
        return
    if told["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        mend = f"aws lambda update-event-source-mapping --uuid {mapping.name} --enabled"
        yield f"The Audit table's stream is not read ({mapping.logical_id} is {told['State']}): {mend}"
    if told.get("EventSourceArn") != stream:
        yield f"{mapping.logical_id} reads a stream that is not the Audit table's any more: deploy again."


def _undelivered(stack: Stack) -> Found:
    _listed(stack, "AWS::SQS::Queue")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    client = stack.client("sqs")
    try:
        told = client.get_queue_attributes(QueueUrl=_output(stack, "UndeliveredQueue"), AttributeNames=names)
    except client.exceptions.QueueDoesNotExist:
        return Found(("UndeliveredQueue does not exist: it was deleted by hand; deploy again.",), "")
    count = sum(int(each) for each in told["Attributes"].values())
    wait = "One event or notice waits" if count == 1 else f"{count} events or notices wait"
    wrong = (f"{wait} in UndeliveredQueue: docs/operations.md says what to do.",) if count else ()
    return Found(wrong, "The queue of what could not be delivered is empty.")


def this_machines_time() -> float:
    """Return epoch seconds by the clock of the machine that the command runs on."""
    return time.time()


def _output(stack: Stack, name: str) -> str:
    if name not in stack.outputs:
        raise NotChecked(f"the stack has no output {name}.")
    return stack.outputs[name]


def _listed(stack: Stack, kind: str) -> tuple[Resource, ...]:
    """Return the stack's resources of a type; a deployment has some of each, an emulator may list none."""
    listed = stack.of_type(kind)
    if not listed:
        raise NotChecked(f"this cloud lists no {kind}.")
    return listed


def _deleted(resource: Resource) -> str:
    return (
        f"{resource.logical_id} ({resource.name}) was deleted by hand: deploy once without it in template.yaml, "
        "then once with it."
    )


CHECKS: dict[str, Check] = {
    "stack": _stack,
    "tables": _tables,
    "keys": _keys,
    "signing keys": _signing_keys,
    "functions": _functions,
    "roles": _roles,
    "alarms": _alarms,
    "announcing": _announcing,
    "undelivered": _undelivered,
    "clock": _clock,
}
