"""The alarms and the dashboard: each number that they watch is really counted, under that name, for the whole service.

An alarm on a metric that nobody emits is silent for ever, and looks like peace. So the handlers are driven here until
they have emitted everything, and what they wrote for CloudWatch (EMF, lines on standard output) is held against what
the template reads. Of AWS's own metrics the names and dimensions are listed below, as AWS documents them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from functions.rotate.app import handler as rotate
from local.template import STACK, Template
from secondstep.aws import AwsRefused, AwsUnavailable
from secondstep.throttle import MOST_IN_A_ROW
from tests import templates
from tests.recording import Called
from tests.service import Person, Service
from tests.templates import document, resources

ALARMS = resources("AWS::CloudWatch::Alarm")

# Namespace and name of a metric of AWS, and its dimensions (each service's "metrics and dimensions" page).
OF_AWS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName": "AWS::SQS::Queue"},
    ("AWS/ApiGateway", "5XXError"): {"ApiName": "", "Stage": "AWS::ApiGateway::Stage"},
    ("AWS/ApiGateway", "4XXError"): {"ApiName": "", "Stage": "AWS::ApiGateway::Stage"},
    ("AWS/ApiGateway", "Count"): {"ApiName": "", "Stage": "AWS::ApiGateway::Stage"},
    ("AWS/ApiGateway", "Latency"): {"ApiName": "", "Stage": "AWS::ApiGateway::Stage"},
    ("AWS/Lambda", "Throttles"): {"FunctionName": "AWS::Lambda::Function"},
    ("AWS/Lambda", "Errors"): {"FunctionName": "AWS::Lambda::Function"},
    ("AWS/Lambda", "IteratorAge"): {"FunctionName": "AWS::Lambda::Function"},
    ("AWS/Lambda", "Duration"): {"FunctionName": "AWS::Lambda::Function"},
    ("AWS/Lambda", "ConcurrentExecutions"): {"FunctionName": "AWS::Lambda::Function"},
    ("AWS/DynamoDB", "ReadThrottleEvents"): {"TableName": "AWS::DynamoDB::Table"},
    ("AWS/DynamoDB", "WriteThrottleEvents"): {"TableName": "AWS::DynamoDB::Table"},
}


class Metric(NamedTuple):
    """One metric as CloudWatch tells them apart; the unit is `None` where an alarm asks for none."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    unit: str | None


def metric(said: dict[str, Any], unit: str | None) -> Metric:
    resolved = templates.template().resolve(said)
    dimensions = frozenset((each["Name"], str(each["Value"])) for each in resolved["Dimensions"])
    return Metric(resolved["Namespace"], resolved["MetricName"], dimensions, unit)


def watched(alarm: str) -> Iterator[Metric]:
    said = ALARMS[alarm]["Properties"]
    if "MetricName" in said:
        yield metric(said, said.get("Unit"))
    for each in said.get("Metrics", []):
        if "MetricStat" in each:
            yield metric(each["MetricStat"]["Metric"], each["MetricStat"].get("Unit"))


def of_the_functions(metrics: Iterator[Metric]) -> set[Metric]:
    return {each for each in metrics if not each.namespace.startswith("AWS/")}


def emitted(output: str) -> set[Metric]:
    """Return every metric in some EMF lines ("Embedded metric format specification")."""
    found = set()
    for line in output.splitlines():
        if '"_aws"' not in line:
            continue
        blob = json.loads(line)
        for directive in blob["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, blob[name]) for name in names)
                for each in directive["Metrics"]:
                    assert blob[each["Name"]], "a metric without a value"
                    found.add(Metric(directive["Namespace"], each["Name"], dimensions, each["Unit"]))
    return found


def kms_that_fails(how: Exception) -> Any:
    def fault(called: Called, send: Any) -> Any:
        if called.operation == "decrypt":
            raise how
        return send()

    return fault


def drive(service: Service, enrolled: Person) -> None:
    """Have everything happen once that an alarm or the dashboard watches."""
    stranger = service.bound_person("stranger")
    assert service.session(enrolled)  # ok, accepted_offset
    assert service.verify(service.challenge(stranger), service.wrong_code(stranger)).code == "invalid_code"
    service.change(stranger, run=MOST_IN_A_ROW)
    challenge = service.challenge(stranger)
    assert service.verify(challenge, service.code(stranger)).code == "authenticator_disabled"
    replies = [service.log_in(stranger, "wrong").code for _ in range(12)]
    assert {"invalid_credentials", "too_many_attempts"} <= set(replies)
    for fault, code in ((AwsUnavailable("down"), "unavailable"), (AwsRefused("AccessDenied"), "internal_error")):
        service.clock.advance(30)
        challenge = service.challenge(enrolled)
        service.recorder.fault = kms_that_fails(fault)
        assert service.verify(challenge, service.code(enrolled)).code == code
        service.recorder.fault = None


@pytest.fixture
def lines(service: Service, enrolled: Person, capfd: pytest.CaptureFixture[str]) -> str:
    drive(service, enrolled)
    return capfd.readouterr().out


def test_each_number_that_an_alarm_or_the_dashboard_watches_is_counted_by_the_functions(lines: str) -> None:
    counted = emitted(lines)
    for alarm in ALARMS:
        assert of_the_functions(watched(alarm)) <= counted, alarm
    on_board = {(each.namespace, each.name, each.dimensions) for each in of_the_functions(on_the_dashboard())}
    assert on_board <= {(each.namespace, each.name, each.dimensions) for each in counted}
    assert len(on_board) >= 8


def test_a_metric_that_nobody_emits_would_be_found(lines: str) -> None:
    invented = Metric(STACK, "invented", frozenset({("service", "secondstep")}), "Count")
    misspelt = Metric(STACK, "invalid_code", frozenset({("Service", "secondstep")}), "Count")
    of_another_unit = Metric(STACK, "invalid_code", frozenset({("service", "secondstep")}), "Seconds")
    assert not {invented, misspelt, of_another_unit} & emitted(lines)


def test_the_functions_count_for_their_own_stack() -> None:
    """Two stacks in one Region would else ring each other's alarms."""
    for name, each in resources("AWS::Lambda::Function").items():
        variables = each["Properties"]["Environment"]["Variables"]
        assert variables["METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}, name


def test_the_namespace_is_what_the_environment_says() -> None:
    asked = "from secondstep.telemetry import NAMESPACE; print(NAMESPACE)"
    environment = {**os.environ, "METRICS_NAMESPACE": "another-stack"}
    told = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert told.stdout.strip() == "another-stack"


def test_each_number_counts_for_the_service_and_by_route(lines: str) -> None:
    service = ("service", "secondstep")
    counted = {each.dimensions for each in emitted(lines) if each.name == "invalid_code"}
    assert counted == {frozenset({service}), frozenset({service, ("route", "/verify")})}


@pytest.mark.parametrize(("late_seconds", "offset"), [(0, 0), (30, -1), (-30, 1)])
def test_an_accepted_code_tells_how_far_its_phone_is_from_our_clock(
    service: Service, enrolled: Person, capfd: pytest.CaptureFixture[str], late_seconds: int, offset: int
) -> None:
    challenge, code = service.challenge(enrolled), ""
    service.clock.advance(-late_seconds)
    code = service.code(enrolled)
    service.clock.advance(late_seconds)
    capfd.readouterr()
    assert service.verify(challenge, code).status == 200
    [line] = [each for each in capfd.readouterr().out.splitlines() if "accepted_offset" in each]
    assert json.loads(line)["accepted_offset"] == [offset]


def test_a_code_that_is_not_accepted_tells_nothing_of_the_clock(
    service: Service, enrolled: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else anybody who can guess could ring the clock's alarm, or keep it silent."""
    capfd.readouterr()
    service.verify(service.challenge(enrolled), service.wrong_code(enrolled))
    assert "accepted_offset" not in capfd.readouterr().out


def test_a_measure_does_not_leak_into_the_next_request(
    service: Service, enrolled: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    service.session(enrolled)
    capfd.readouterr()
    service.get("/health")
    assert "accepted_offset" not in capfd.readouterr().out


def test_a_rotation_that_fails_is_an_error_of_its_function(service: Service) -> None:
    """RotationFailedAlarm reads Lambda's own count of errors, so the handler has to raise."""

    def refuse(called: Called, send: Any) -> Any:
        raise AwsUnavailable("down")

    service.recorder.fault = refuse
    with pytest.raises(Exception, match="unavailable"):
        rotate({}, type("Context", (), {"aws_request_id": "rotation"}))


# --- AWS's own metrics


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_metric_of_aws_exists_and_is_of_a_resource_of_this_stack(alarm: str) -> None:
    for name, said in raw_metrics(alarm):
        if name[0].startswith("AWS/"):
            kinds = OF_AWS[name]
            assert {each["Name"] for each in said} == set(kinds), alarm
            for each in said:
                assert is_of(each["Value"], kinds[each["Name"]]), (alarm, each)


def raw_metrics(alarm: str) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    said = ALARMS[alarm]["Properties"]
    single = [said] if "MetricName" in said else []
    for each in [*single, *(one["MetricStat"]["Metric"] for one in said.get("Metrics", []) if "MetricStat" in one)]:
        namespace = templates.template().resolve(each["Namespace"])
        yield (namespace, each["MetricName"]), each["Dimensions"]


def is_of(value: Any, kind: str) -> bool:
    """Tell whether a dimension's value is a resource of the kind; an API is known by its name, the stack's."""
    if not kind:
        return bool(value == {"Ref": "AWS::StackName"})
    if kind == "AWS::ApiGateway::Stage" and isinstance(value, str):  # where the resource itself would be a cycle
        return value == templates.template().api().stage
    logical_id = value.get("Ref") or value["Fn::GetAtt"][0]
    return bool(document()["Resources"][logical_id]["Type"] == kind)


def test_no_function_behind_the_api_is_throttled_unseen() -> None:
    """An alarm adds up ten metrics at most: with an eleventh function this one has to be divided."""
    seen = {dict(each.dimensions)["FunctionName"] for each in watched("ThrottlesAlarm")}
    behind = {route.function for route in templates.template().api().routes} | {"AuthorizerFunction"}
    names = {templates.template().functions[each].name for each in behind}
    assert seen == names
    assert len(seen) <= 10


def test_the_dashboard_shows_every_alarm_and_metrics_that_exist() -> None:
    shown = dashboard()
    [alarms] = [each for each in shown["widgets"] if each["type"] == "alarm"]
    assert len(alarms["properties"]["alarms"]) == len(set(alarms["properties"]["alarms"])) == len(ALARMS)
    for each in on_the_dashboard():
        if each.namespace.startswith("AWS/"):
            assert {name for name, _ in each.dimensions} == set(OF_AWS[each.namespace, each.name]), each


def dashboard() -> dict[str, Any]:
    [board] = resources("AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(templates.template().resolve(board["Properties"]["DashboardBody"]))
    return body


def on_the_dashboard() -> Iterator[Metric]:
    for widget in dashboard()["widgets"]:
        for namespace, name, *rest in widget["properties"].get("metrics", []):
            texts = [each for each in rest if isinstance(each, str)]
            yield Metric(namespace, name, frozenset(zip(texts[::2], texts[1::2], strict=True)), None)


# --- whom they tell


def actions(parameters: dict[str, str]) -> set[str]:
    given = Template.load(parameters=parameters)
    told = [given.resolve(each.properties) for each in given.of_type("AWS::CloudWatch::Alarm")]
    assert len(told) == len(ALARMS)
    assert all(each["AlarmActions"] == each["OKActions"] for each in told)
    return {action for each in told for action in each["AlarmActions"]}


def test_every_alarm_tells_the_stacks_own_topic_when_it_begins_and_when_it_ends() -> None:
    [topic] = templates.template().of_type("AWS::SNS::Topic")
    assert actions({}) == {templates.template().resolve({"Ref": topic.logical_id})}


def test_with_a_topic_of_ones_own_the_stack_makes_none() -> None:
    own = "arn:aws:sns:eu-west-1:123456789012:operators"
    assert actions({"AlarmTopic": own}) == {own}
    assert not list(Template.load(parameters={"AlarmTopic": own}).of_type("AWS::SNS::Topic"))


def test_the_topic_is_encrypted_by_a_key_that_alarms_may_use() -> None:
    """Under AWS's own key for SNS an alarm cannot publish, and only its history would tell."""
    [topic] = resources("AWS::SNS::Topic").values()
    assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["OperationsKey", "Arn"]}
    [speaks] = [each for each in templates.key_statements("OperationsKey") if each["Sid"] == "LetAlarmsSpeak"]
    assert speaks["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(speaks["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert "Condition" not in speaks


@pytest.mark.parametrize(("parameters", "addresses"), [({}, []), ({"AlarmEmail": "ops@example.test"}, 1)])
def test_a_mail_address_is_told_only_where_one_is_given(parameters: dict[str, str], addresses: Any) -> None:
    given = Template.load(parameters=parameters)
    told = [given.resolve(each.properties)["Endpoint"] for each in given.of_type("AWS::SNS::Subscription")]
    assert told == (["ops@example.test"] if addresses else [])


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_where_to_read_on_and_that_silence_is_peace(alarm: str) -> None:
    said = ALARMS[alarm]["Properties"]
    assert "docs/operations.md" in said["AlarmDescription"]
    assert said["TreatMissingData"] == "notBreaching"  # nobody logs in at night: no number is no alarm
