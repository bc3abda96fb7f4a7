"""`secondstep doctor`: green where all is right; red, with what to do, where one thing is not.

The stack here has, in moto, what template.yaml names: beside the local cloud's tables and keys its alarms, queue and
mapping, and some of its functions with their roles. Nothing runs in it: it is there to be looked at.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import cloudformation_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.sqs.models import sqs_backends

from cli import checks
from local.cloud import Cloud
from local.functions import Functions
from local.lambda_service import LambdaService
from local.template import ACCOUNT, REGION, ROOT, Resource, Template
from secondstep import wiring
from secondstep.settings import Settings
from secondstep.store.codec import encode_item
from secondstep.store.signing_keys import SealedSigningKey, _item
from tests.cli.terminal import Done, Terminal

DAY = 86400
STACK = "whole"  # beside the run's own, which may stand in the same moto
FUNCTIONS = ("VerifyFunction", "RotateFunction", "NotifyFunction")
ZIP = b"PK\x05\x06" + bytes(18)  # an empty archive: no function runs here
ASSUMED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Whole(NamedTuple):
    """A deployed stack, the key that signs in it, and the terminal that looks at it."""

    cloud: Cloud
    key: SealedSigningKey
    terminal: Terminal

    def examined(self) -> Done:
        """Run the command, as a script does."""
        return self.terminal("doctor", "--stack", STACK, "--json")

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, in one text for each check."""
        return wrong_in(self.examined())

    def client(self, service: str) -> Any:
        """Return a client of the cloud."""
        return self.cloud.client(service)

    def table(self, name: str = "StateTable") -> str:
        """Return a table's name."""
        return self.cloud.outputs[name]

    def named(self, logical_id: str) -> str:
        """Return what a resource of the stack is called."""
        return self.cloud.physical(logical_id)

    def items(self) -> list[list[dict[str, Any]]]:
        """Return all items of both tables."""
        return [self.client("dynamodb").scan(TableName=self.table(it))["Items"] for it in ("StateTable", "AuditTable")]

    def hold(self, *keys: SealedSigningKey) -> None:
        """Have these signing keys stored, and no others."""
        client, table = self.client("dynamodb"), self.table()
        for item in client.scan(TableName=table)["Items"]:
            client.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
        for key in keys:
            client.put_item(TableName=table, Item=encode_item(_item(key)))

    def key_of(self, *, made_days_ago: float, kid: str = "present") -> SealedSigningKey:
        """Return a signing key of some age; it signs a day after it was made."""
        made_at = int(time.time() - made_days_ago * DAY)
        return msgspec.structs.replace(self.key, kid=kid, made_at=made_at, signs_from=made_at + DAY)


def wrong_in(done: Done) -> dict[str, str]:
    """Return what a run of the command found to be wrong, in one text for each check."""
    return {it["check"]: " ".join(it["sentences"]) for it in done.json["checks"] if it["verdict"] == "wrong"}


@pytest.fixture(scope="module")
def deployed() -> Template:
    return Template.load(parameters={"PublicUrl": "https://login.example.test"})


@pytest.fixture
def whole(deployed: Template, terminal: Terminal, pair: SealedSigningKey) -> Iterator[Whole]:
    """Return a stack that has everything, with a key that signs."""
    with started(deployed, streams=True) as cloud:
        complete(cloud)
        made = Whole(cloud, pair, terminal)
        made.hold(made.key_of(made_days_ago=3))
        yield made


@pytest.fixture(scope="module")
def pair(deployed: Template) -> SealedSigningKey:
    """Return one pair of keys; the doctor opens none, so it may be sealed under a key that is gone."""
    with started(deployed) as cloud:
        return wiring.build(Settings.from_environment(cloud.environment)).rotation.make(made_at=0, signs_from=0)


@contextmanager
def started(template: Template, *, streams: bool = False) -> Iterator[Cloud]:
    """Yield a cloud of its own, and leave nothing of it in moto: another one may go on in this process."""
    with Cloud(template, streams=streams, stack=STACK) as cloud:
        try:
            yield cloud
        finally:
            stacks = cloudformation_backends[ACCOUNT][REGION].stacks
            for made in [key for key, each in stacks.items() if each.name in (STACK, "old")]:
                del stacks[made]
            iam_backends[ACCOUNT]["aws"].reset()
            for backends in (cloudwatch_backends, lambda_backends, sqs_backends):
                backends[ACCOUNT][REGION].reset()


def complete(cloud: Cloud) -> None:
    """Make what the local cloud does not have by itself, and have the stack list it."""
    iam, functions, given = cloud.client("iam"), cloud.client("lambda"), cloud.template
    for function in (given.functions[each] for each in FUNCTIONS):
        role = function.logical_id.replace("Function", "Role")
        name = f"{STACK}-{role}-1A2B3C4D5E6F"
        role_arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ASSUMED))["Role"]["Arn"]
        cloud.also("AWS::IAM::Role", role, name)
        functions.create_function(
            FunctionName=function.name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role_arn,
            Code={"ZipFile": ZIP},
            Publish=True,
        )
        functions.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        cloud.also("AWS::Lambda::Function", function.logical_id, function.name)
    for queue in given.of_type("AWS::SQS::Queue"):
        url = cloud.client("sqs").create_queue(QueueName=queue.logical_id)["QueueUrl"]
        cloud.also(queue.type, queue.logical_id, url)
    for alarm in given.of_type("AWS::CloudWatch::Alarm"):
        raised(cloud, alarm)
    for mapping in given.of_type("AWS::Lambda::EventSourceMapping"):
        audit = cloud.client("dynamodb").describe_table(TableName=cloud.outputs["AuditTable"])["Table"]
        reader = given.functions[given.function_invoked(mapping.properties["FunctionName"])].name
        made = functions.create_event_source_mapping(
            EventSourceArn=audit["LatestStreamArn"], FunctionName=reader, StartingPosition="LATEST"
        )
        cloud.also(mapping.type, mapping.logical_id, made["UUID"])


def between_versions(functions: Any, name: str) -> None:
    """Leave an alias where a deployment that was stopped leaves it."""
    second = functions.publish_version(FunctionName=name)["Version"]
    functions.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {second: 0.1}})


def layered(functions: Any, name: str) -> None:
    """Give a function a layer, as nobody has deployed it."""
    layer = functions.publish_layer_version(LayerName="another", Content={"ZipFile": ZIP})
    functions.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])


def raised(cloud: Cloud, alarm: Resource) -> None:
    """Make an alarm of the template."""
    name = f"secondstep-{alarm.logical_id}"
    told = cloud.template.resolve(alarm.properties)
    told |= {"AlarmActions": [], "OKActions": [], "Threshold": float(told["Threshold"])}
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **told)
    cloud.also(alarm.type, alarm.logical_id, name)


def test_a_stack_that_has_everything_is_green_and_stays_as_it_is(whole: Whole) -> None:
    before = whole.items()
    done = whole.examined()
    assert (done.code, done.json["healthy"]) == (0, True), done.out
    assert {each["verdict"] for each in done.json["checks"]} == {"green"}
    assert [each["check"] for each in done.json["checks"]] == list(checks.CHECKS)
    assert whole.items() == before


def test_it_is_told_to_people_in_one_line_each(whole: Whole) -> None:
    done = whole.terminal("doctor", "--stack", STACK)
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) == len(checks.CHECKS) + 1
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == "All green."


def rolled_back(cloudformation: Any) -> None:
    """Have the stack's last deployment failed."""
    cloudformation.describe_stacks(StackName=STACK)
    stacks = cloudformation_backends[ACCOUNT][REGION].stacks
    [stack] = [each for each in stacks.values() if each.name == STACK]
    stack.status = "UPDATE_ROLLBACK_COMPLETE"


def streamed_anew(table: str) -> None:
    """Have a table's stream been switched off and on: it is another one then, which moto does not do."""
    dynamodb_backends[ACCOUNT][REGION].tables[table].latest_stream_label = "2026-01-01T00:00:00.000000"


# What somebody may have done to a deployment, the check that notices, and a word of what it says to mend it.
HARM: dict[str, tuple[Callable[[Whole], object], str, str]] = {
    "ttl": (
        lambda it: it.client("dynamodb").update_time_to_live(
            TableName=it.table(), TimeToLiveSpecification={"Enabled": False, "AttributeName": "purge_at"}
        ),
        "tables",
        "update-time-to-live",
    ),
    "recovery": (
        lambda it: it.client("dynamodb").update_continuous_backups(
            TableName=it.table("AuditTable"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        ),
        "tables",
        "update-continuous-backups",
    ),
    "protection": (
        lambda it: it.client("dynamodb").update_table(TableName=it.table(), DeletionProtectionEnabled=False),
        "tables",
        "--deletion-protection-enabled",
    ),
    "key disabled": (
        lambda it: it.client("kms").disable_key(KeyId=it.named("SealKey")),
        "keys",
        "aws kms enable-key --key-id",
    ),
    "key going": (
        lambda it: it.client("kms").schedule_key_deletion(KeyId=it.named("SigningSealKey")),
        "keys",
        "cancel-key-deletion",
    ),
    "key not rotating": (
        lambda it: it.client("kms").disable_key_rotation(KeyId=it.table("TableKeyArn")),
        "keys",
        "enable-key-rotation",
    ),
    "alarm": (
        lambda it: it.client("cloudwatch").set_alarm_state(
            AlarmName=it.named("UndeliveredAlarm"), StateValue="ALARM", StateReason="a test"
        ),
        "alarms",
        "UndeliveredAlarm is in ALARM",
    ),
    "alarm gone": (
        lambda it: it.client("cloudwatch").delete_alarms(AlarmNames=[it.named("UndeliveredAlarm")]),
        "alarms",
        "UndeliveredAlarm",
    ),
    "alarm silent": (
        lambda it: it.client("cloudwatch").disable_alarm_actions(AlarmNames=[it.named("UndeliveredAlarm")]),
        "alarms",
        "enable-alarm-actions",
    ),
    "function gone": (
        lambda it: it.client("lambda").delete_function(FunctionName=it.named("VerifyFunction")),
        "functions",
        "VerifyFunction",
    ),
    "alias gone": (
        lambda it: it.client("lambda").delete_alias(FunctionName=it.named("VerifyFunction"), Name="live"),
        "functions",
        "VerifyFunction has no alias live",
    ),
    "changed by hand": (
        lambda it: it.client("lambda").update_function_configuration(
            FunctionName=it.named("VerifyFunction"), MemorySize=2048
        ),
        "functions",
        "VerifyFunction is invoked as of version 1, and was changed since",
    ),
    "between two versions": (
        lambda it: between_versions(it.client("lambda"), it.named("VerifyFunction")),
        "functions",
        "VerifyFunction is invoked in two versions",
    ),
    "another layer by hand": (
        lambda it: layered(it.client("lambda"), it.named("VerifyFunction")),
        "functions",
        "VerifyFunction is invoked as of version 1, and was changed since",
    ),
    "role gone": (
        lambda it: it.client("iam").delete_role(RoleName=it.named("RotateRole")),
        "roles",
        "RotateRole",
    ),
    "role of a long stack name": (
        lambda it: it.cloud.also("AWS::IAM::Role", "MailRole", it.named("RotateRole")),
        "roles",
        "use a shorter stack name",
    ),
    "deployment rolled back": (
        lambda it: rolled_back(it.client("cloudformation")),
        "stack",
        f"describe-stack-events --stack-name {STACK}",
    ),
    "mapping off": (
        lambda it: it.client("lambda").update_event_source_mapping(UUID=it.named("NotifyFunctionAudit"), Enabled=False),
        "announcing",
        "--enabled",
    ),
    "mapping gone": (
        lambda it: it.client("lambda").delete_event_source_mapping(UUID=it.named("NotifyFunctionAudit")),
        "announcing",
        "NotifyFunctionAudit",
    ),
    "stream off": (
        lambda it: it.client("dynamodb").update_table(
            TableName=it.table("AuditTable"), StreamSpecification={"StreamEnabled": False}
        ),
        "announcing",
        "no stream",
    ),
    "stream made anew": (
        lambda it: streamed_anew(it.table("AuditTable")),
        "announcing",
        "not the Audit table's any more",
    ),
    "undelivered": (
        lambda it: it.client("sqs").send_message(QueueUrl=it.named("UndeliveredQueue"), MessageBody="{}"),
        "undelivered",
        "One event or notice waits",
    ),
    "no signing key": (lambda it: it.hold(), "signing keys", "secondstep keys rotate"),
    "no key in time": (
        lambda it: it.hold(it.key_of(made_days_ago=0)),
        "signing keys",
        "There is no signing key",
    ),
    "schedule stopped": (
        lambda it: it.hold(it.key_of(made_days_ago=9.5), it.key_of(made_days_ago=0, kid="next")),
        "signing keys",
        "the weekly schedule has stopped",
    ),
    "no next key": (
        lambda it: it.hold(it.key_of(made_days_ago=8.5)),
        "signing keys",
        "no next one is announced",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_one_thing_that_is_wrong_is_found_and_nothing_else(whole: Whole, harm: str) -> None:
    do, check, word = HARM[harm]
    do(whole)
    done = whole.examined()
    assert (done.code, done.json["healthy"]) == (1, False)
    wrong = wrong_in(done)
    assert set(wrong) == {check}
    assert word in wrong[check]


def test_a_table_that_is_gone_is_told_and_the_rest_is_still_looked_at(whole: Whole) -> None:
    client = whole.client("dynamodb")
    client.update_table(TableName=whole.table(), DeletionProtectionEnabled=False)
    client.delete_table(TableName=whole.table())
    wrong = whole.wrong()
    assert "does not exist: restore it" in wrong["tables"]
    assert "refused to read the State table" in wrong["signing keys"]
    assert set(wrong) == {"tables", "signing keys"}


def test_a_clock_that_is_off_by_more_than_a_time_step_is_told(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    off = {45: "s ahead of AWS's", 31.5: "s ahead of", -3600: "s behind", -25: None, 25: None, 0: None}
    for seconds, word in off.items():
        monkeypatch.setattr(checks, "this_machines_time", lambda ahead=seconds: time.time() + ahead)
        wrong = whole.wrong()
        assert set(wrong) == ({"clock"} if word else set()), seconds
        assert (word or "") in wrong.get("clock", "")


def test_a_key_in_the_rhythm_of_the_schedule_is_green(whole: Whole) -> None:
    for made_days_ago, next_made_days_ago in ((1.5, None), (7.5, 0.5), (8.5, 0.5), (7.9, None)):
        waiting = [] if next_made_days_ago is None else [whole.key_of(made_days_ago=next_made_days_ago, kid="next")]
        whole.hold(whole.key_of(made_days_ago=made_days_ago), *waiting)
        assert whole.wrong() == {}, made_days_ago


def test_a_role_that_may_move_everybody_is_told(terminal: Terminal, pair: SealedSigningKey) -> None:
    moving = "arn:aws:iam::111122223333:role/moving"
    with started(Template.load(parameters={"MovingRoleArn": moving})) as cloud:
        whole = Whole(cloud, pair, terminal)
        whole.hold(whole.key_of(made_days_ago=3))
        wrong = whole.wrong()
    assert set(wrong) == {"stack"}
    assert f"{moving} may open every authenticator's secret" in wrong["stack"]
    assert "empty MovingRoleArn" in wrong["stack"]


def test_a_stack_of_an_older_release_is_told_and_what_it_lacks_is_not_checked(whole: Whole) -> None:
    template = {"Resources": {}, "Outputs": {"StateTable": {"Value": whole.table()}}}
    whole.client("cloudformation").create_stack(StackName="old", TemplateBody=json.dumps(template))
    done = whole.terminal("doctor", "--stack", "old", "--json")
    verdicts = {each["check"]: each["verdict"] for each in done.json["checks"]}
    assert (done.code, verdicts["stack"], verdicts["keys"]) == (1, "wrong", "not_checked")


def test_what_the_credentials_may_not_see_is_red(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows then whether it is right."""
    whole.cloud.lambdas = Denied(Functions(whole.cloud.template))
    done = whole.examined()
    assert done.code == 1
    told = wrong_in(done)["functions"]
    assert "GetFunctionConfiguration (AccessDeniedException)" in told


class Denied(LambdaService):
    """A Lambda that tells nothing to these credentials."""

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Refuse."""
        return 403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message": "no"}'


def test_what_the_local_cloud_does_not_have_is_not_checked_and_not_red(
    deployed: Template, terminal: Terminal, pair: SealedSigningKey
) -> None:
    with started(deployed) as cloud:
        cloud.lambdas = LambdaService(Functions(deployed))
        Whole(cloud, pair, terminal).hold(Whole(cloud, pair, terminal).key_of(made_days_ago=3))
        done = terminal("doctor", "--stack", STACK)
    assert done.code == 0, done.out
    skipped = [line for line in done.out.splitlines() if line.startswith("- ")]
    assert [line.split()[1] for line in skipped] == ["roles", "alarms", "announcing", "undelivered"]
    assert all("not checked: this cloud lists no AWS::" in line for line in skipped)
    assert done.out.splitlines()[-1] == "All green. 4 could not be checked here."


def test_a_cloud_that_does_not_answer_is_not_reachable(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = whole.examined()
    assert (done.code, done.out) == (3, "")
    assert "could not be asked" in done.err


def test_a_stack_that_is_not_there_is_a_sentence(whole: Whole) -> None:
    done = whole.terminal("doctor", "--stack", "other")
    assert done.code == 3
    assert "no stack other" in done.err


def test_every_check_is_in_the_operators_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("## Is all as it should be?")[2]
    for check in checks.CHECKS:
        assert check in manual, check
