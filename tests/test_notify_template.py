"""What stands behind the audit in template.yaml: stream, bus, rules, queue, alarm, and the rights of two functions."""

from typing import Any

from local.template import Template
from secondstep.audit import EventName
from secondstep.notices.occasions import Notice
from tests import templates
from tests.templates import Asked, document, resources, role_of

QUEUE = {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}
STREAM = "AuditTable.StreamArn"
ADDRESS = "arn:aws:ses:eu-west-1:123456789012:identity/no-reply@example.test"
DOMAIN = "arn:aws:ses:eu-west-1:123456789012:identity/example.test"


def on_partition(action: str, table: str, partition: str) -> Asked:
    return Asked(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": (partition,)})


def mail_rules() -> list[dict[str, Any]]:
    rules = [each["Properties"] for each in resources("AWS::Events::Rule").values()]
    return [each for each in rules if "EventPattern" in each]


# --- stream to function


def test_the_audit_streams_what_was_appended_and_the_state_streams_nothing() -> None:
    tables = resources("AWS::DynamoDB::Table")
    assert tables["AuditTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert "StreamSpecification" not in tables["StateTable"]["Properties"]


def test_a_batch_that_fails_is_halved_tried_again_and_kept_in_the_end() -> None:
    [mapping] = resources("AWS::Lambda::EventSourceMapping").values()
    said = mapping["Properties"]
    assert said["EventSourceArn"] == {"Fn::GetAtt": ["AuditTable", "StreamArn"]}
    assert templates.template().function_invoked(said["FunctionName"]) == "NotifyFunction"
    assert said["BisectBatchOnFunctionError"] is True
    assert said["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < said["MaximumRetryAttempts"] <= 100
    assert said["MaximumRecordAgeInSeconds"] < 24 * 60 * 60, "a stream forgets after a day"
    assert said["StartingPosition"] == "TRIM_HORIZON"
    assert said["DestinationConfig"] == {"OnFailure": {"Destination": QUEUE}}


def test_what_ttl_removes_costs_no_invocation() -> None:
    [mapping] = resources("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]}


# --- queue and alarm


def test_the_queue_keeps_as_long_as_a_queue_can_and_is_encrypted() -> None:
    [queue] = resources("AWS::SQS::Queue").values()
    assert queue["Properties"] == {"MessageRetentionPeriod": 14 * 24 * 60 * 60, "SqsManagedSseEnabled": True}


def test_one_message_in_the_queue_is_an_alarm() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["UndeliveredAlarm"]["Properties"]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["UndeliveredQueue", "QueueName"]}}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_the_rules_alone_write_to_the_queue_without_a_role() -> None:
    [policy] = resources("AWS::SQS::QueuePolicy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert list(statement["Condition"]) == ["ArnLike"]


# --- notices


def test_without_a_sender_there_is_no_trace_of_mail() -> None:
    without = Template.load()
    assert "MailFunction" not in without.functions
    for kind in ("AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::Lambda::Permission", "AWS::Events::Rule"):
        assert not [each.logical_id for each in without.of_type(kind) if "Mail" in each.logical_id], kind
    assert not list(without.of_type("AWS::SQS::QueuePolicy"))
    assert document()["Parameters"]["NoticeFrom"]["Default"] == ""


def test_the_rules_listen_to_this_service_on_its_own_bus_and_lose_nothing() -> None:
    assert mail_rules()
    for rule in mail_rules():
        assert rule["EventBusName"] == {"Ref": "EventBus"}
        assert rule["EventPattern"]["source"] == ["secondstep"]
        assert rule["EventPattern"]["detail"]["version"] == [1]
        [target] = rule["Targets"]
        assert templates.template().function_invoked(target["Arn"]) == "MailFunction"
        assert target["DeadLetterConfig"] == {"Arn": QUEUE}


def test_an_event_is_in_one_rule_only() -> None:
    named = [each for rule in mail_rules() for each in rule["EventPattern"]["detail-type"]]
    assert len(named) == len(set(named))


def test_the_rules_name_every_event_that_has_a_notice() -> None:
    named = {each for rule in mail_rules() for each in rule["EventPattern"]["detail-type"]}
    burst = {Notice.LOGIN_AFTER_FAILURES, Notice.SECOND_STEP_FAILED}
    single = {each.value for each in Notice} - burst - {Notice.EMAIL_CHANGED}
    assert named == single | {EventName.VERIFY, EventName.LOGIN, EventName.PROFILE_CHANGED}


def test_a_mail_that_cannot_be_sent_is_tried_again_and_kept_in_the_end() -> None:
    [config] = resources("AWS::Lambda::EventInvokeConfig").values()
    assert config["Properties"]["MaximumRetryAttempts"] == 2
    assert config["Properties"]["DestinationConfig"] == {"OnFailure": {"Destination": QUEUE}}


# --- rights


def test_notify_reads_the_stream_and_speaks_on_the_bus_as_this_service_only() -> None:
    role = role_of("NotifyFunction")
    assert role.on("StateTable") | role.on("AuditTable") == set()
    assert {each.removeprefix("dynamodb:") for each in role.on(STREAM)} == {
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    }
    assert role.on("EventBus") == {"events:PutEvents"}
    assert role.allows(Asked("events:PutEvents", "EventBus", {"events:source": ("secondstep",)}))
    assert not role.allows(Asked("events:PutEvents", "EventBus", {"events:source": ("aws.ec2",)}))
    assert not role.on(ADDRESS)


def test_mail_reads_subscribers_and_their_events_and_writes_nothing_but_notes() -> None:
    role = role_of("MailFunction")
    assert role.allows(on_partition("GetItem", "StateTable", "SUBSCRIBER#0"))
    assert role.allows(on_partition("Query", "AuditTable", "SUBSCRIBER#0"))
    assert role.allows(on_partition("UpdateItem", "StateTable", "NOTICE#0"))
    for partition in ("SUBSCRIBER#0", "ACCOUNT#acme", "BUDGET#0", "SIGNING_KEY"):
        for action in ("PutItem", "UpdateItem", "DeleteItem"):
            assert not role.allows(on_partition(action, "StateTable", partition)), (action, partition)
            assert not role.allows(on_partition(action, "AuditTable", partition)), (action, partition)
    assert not role.allows(on_partition("GetItem", "StateTable", "SIGNING_KEY"))
    assert role.on("EventBus") == set()
    assert role.on(STREAM) == set()


def test_mail_sends_as_the_one_sender_only() -> None:
    role = role_of("MailFunction")
    for identity in (ADDRESS, DOMAIN):
        assert role.on(identity) == {"ses:SendEmail"}
        assert role.allows(Asked("ses:SendEmail", identity, {"ses:FromAddress": (templates.NOTICE_FROM,)}))
        assert not role.allows(Asked("ses:SendEmail", identity, {"ses:FromAddress": ("boss@example.test",)}))


def test_no_login_function_speaks_on_the_bus_or_sends_mail() -> None:
    for function in set(resources("AWS::Lambda::Function")) - {"NotifyFunction", "MailFunction"}:
        role = role_of(function)
        assert not role.on("EventBus") | role.on("UndeliveredQueue") | role.on(STREAM) | role.on(ADDRESS), function
        variables = resources("AWS::Lambda::Function")[function]["Properties"].get("Environment", {})["Variables"]
        assert not {"EVENT_BUS", "NOTICE_FROM"} & set(variables), function


def test_the_bus_and_the_queue_are_told_by_the_stack() -> None:
    assert {"EventBus", "UndeliveredQueue"} <= set(document()["Outputs"])
