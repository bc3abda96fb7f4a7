"""The rules of cfn-guard's registry, cfn_nag and Security Hub that fit this template: a test each, named by its rule.

checkov's are looked at by `make check` (tests/checkov.py). Where a rule is broken on purpose, the test says which and
why: a wildcard for X-Ray, a stage without tracing. All read the translated template, conditional parts included.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.template import Template
from tests import templates
from tests.templates import document, key_statements, resources

TABLES = resources("AWS::DynamoDB::Table")
KEYS = resources("AWS::KMS::Key")
FUNCTIONS = resources("AWS::Lambda::Function")
LOG_GROUPS = resources("AWS::Logs::LogGroup")
ROLES = resources("AWS::IAM::Role")
PERMISSIONS = resources("AWS::Lambda::Permission")
OF_TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
WITHOUT_RESOURCES = OF_TRACES | {"cloudwatch:DescribeAlarms"}  # IAM knows no resource for these
RESERVABLE = ("Login", "Enroll", "Verify", "Password", "Refresh")


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in ROLES.items():
        for policy in role["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def actions_of(statement: dict[str, Any]) -> list[str]:
    said = statement["Action"]
    return [said] if isinstance(said, str) else list(said)


def stage() -> dict[str, Any]:
    [only] = resources("AWS::ApiGateway::Stage").values()
    return dict(only["Properties"])


# --- tables


@pytest.mark.parametrize("table", TABLES)
def test_dynamodb_pitr_enabled(table: str) -> None:
    """cfn_nag W78, Security Hub DynamoDB.2: any second of the last 35 days can be restored."""
    said = TABLES[table]["Properties"]["PointInTimeRecoverySpecification"]
    assert said == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("table", TABLES)
def test_dynamodb_table_encrypted_kms(table: str) -> None:
    """cfn_nag W74: by a key of this stack, so that reading a table takes two rights."""
    said = TABLES[table]["Properties"]["SSESpecification"]
    assert said == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Fn::GetAtt": ["TableKey", "Arn"]}}


@pytest.mark.parametrize("table", TABLES)
def test_security_hub_dynamodb_1_capacity_grows_by_itself(table: str) -> None:
    """cfn_nag W73 wants provisioned capacity for its price; a login service wants none to run out of."""
    assert TABLES[table]["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("table", TABLES)
def test_security_hub_dynamodb_6_deletion_protection(table: str) -> None:
    given = templates.template()
    assert given.parameter("DeletionProtection") == "true"
    assert given.resolve(TABLES[table]["Properties"]["DeletionProtectionEnabled"]) is True


@pytest.mark.parametrize("kept", [*TABLES, *KEYS])
def test_what_cannot_be_made_again_outlives_its_stack(kept: str) -> None:
    """Security Hub KMS.3 asks for no key to be deleted by accident; a table is as lost."""
    resource = document()["Resources"][kept]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


# --- keys


@pytest.mark.parametrize("key", KEYS)
def test_cmk_backing_key_rotation_enabled(key: str) -> None:
    """cfn_nag F19, Security Hub KMS.4."""
    assert KEYS[key]["Properties"]["EnableKeyRotation"] is True


@pytest.mark.parametrize("key", KEYS)
def test_kms_no_wildcard_principal(key: str) -> None:
    """cfn_nag F76, Security Hub KMS.5: this account, its services; never everybody."""
    for statement in key_statements(key):
        assert "*" not in json.dumps(statement["Principal"]), statement["Sid"]
        assert statement["Effect"] == "Allow", statement["Sid"]


def test_the_logs_alone_use_the_operations_key_for_themselves_and_for_this_stack_only() -> None:
    """And the alarms' topic: everything else that CloudWatch Logs keeps in this account has to bring its own key."""
    by_service = {each["Sid"]: each for each in key_statements("OperationsKey") if "Service" in each["Principal"]}
    assert set(by_service) == {"EncryptLogsOfThisStack", "LetAlarmsSpeak"}
    resolved = templates.template().resolve(by_service["EncryptLogsOfThisStack"])
    [pattern] = resolved["Condition"]["ArnLike"].values()
    assert pattern == "arn:aws:logs:eu-west-1:123456789012:log-group:secondstep-*"
    assert by_service["LetAlarmsSpeak"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


# --- the API


def test_api_gw_method_authorization_type_rule() -> None:
    """cfn_nag W59, Security Hub APIGateway.8: every method says who may call it, and only the open ones say anybody."""
    for path, methods in templates.body()["paths"].items():
        for method, operation in methods.items():
            [said] = operation["security"]
            assert set(said) <= {"AdminAuthorizer", "ConsoleAuthorizer", "NONE"}, (method, path)
            assert len(said) == 1, (method, path)


def test_api_gw_stage_access_logging_rule() -> None:
    """cfn_nag W45."""
    [given] = templates.template().of_type("AWS::ApiGateway::Stage")
    said = templates.template().resolve(given.properties)["AccessLogSetting"]
    assert said["DestinationArn"]
    assert said["Format"]


def test_api_gwv2_access_logs_enabled() -> None:
    """cfn_nag W46, Security Hub APIGateway.9: there is no such API, and so no second front door to forget."""
    assert not [each for each in document()["Resources"].values() if each["Type"].startswith("AWS::ApiGatewayV2::")]


def test_security_hub_api_gateway_1_broken_on_purpose_nothing_logs_what_goes_through() -> None:
    """Execution logs hold headers and bodies, so tokens and passwords (CKV_AWS_276); the access log has neither."""
    for each in stage()["MethodSettings"]:
        assert not {"LoggingLevel", "DataTraceEnabled"} & set(each), each


def test_security_hub_api_gateway_3_broken_on_purpose_a_stages_trace_would_hold_the_path() -> None:
    assert "TracingEnabled" not in stage()


def test_security_hub_api_gateway_5_nothing_is_cached_so_nothing_is_cached_in_clear() -> None:
    assert "CacheClusterEnabled" not in stage()
    assert not [each for each in stage()["MethodSettings"] if each.get("CachingEnabled")]


# --- functions


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_lambda_function_public_access_prohibited(permission: str) -> None:
    """LAMBDA_NO_WILDCARD_PRINCIPALS, cfn_nag F13, Security Hub Lambda.1: two services, each for its own resource."""
    said = PERMISSIONS[permission]["Properties"]
    assert said["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")
    assert said["SourceArn"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_security_hub_lambda_2_a_runtime_that_is_supported(function: str) -> None:
    assert FUNCTIONS[function]["Properties"]["Runtime"] == "python3.13"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_security_hub_lambda_7_tracing(function: str) -> None:
    """Well-Architected, Serverless Lens: every request is traced; the role may say so to X-Ray, or nothing deploys."""
    assert FUNCTIONS[function]["Properties"]["TracingConfig"] == {"Mode": "Active"}
    assert templates.role_of(function).on("*") >= OF_TRACES


@pytest.mark.parametrize("name", RESERVABLE)
def test_lambda_concurrency_check(name: str) -> None:
    """cfn_nag W92: for who needs it. Nothing is reserved by default: 0 to Lambda itself would mean "never runs"."""
    given = Template.load(parameters={f"{name}Concurrency": "25"})
    reserved = {
        each.logical_id: given.resolve(each.properties).get("ReservedConcurrentExecutions")
        for each in given.of_type("AWS::Lambda::Function")
    }
    assert {function: str(many) for function, many in reserved.items() if many is not None} == {f"{name}Function": "25"}
    default = templates.template()
    for each in default.of_type("AWS::Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in default.resolve(each.properties)


# --- logs


@pytest.mark.parametrize("group", LOG_GROUPS)
def test_cloudwatch_log_group_encrypted(group: str) -> None:
    """cfn_nag W84: source addresses stand in them."""
    assert LOG_GROUPS[group]["Properties"]["KmsKeyId"] == {"Fn::GetAtt": ["OperationsKey", "Arn"]}


@pytest.mark.parametrize("group", LOG_GROUPS)
def test_cw_loggroup_retention_period_check(group: str) -> None:
    """cfn_nag W86: a year at least by default, and never for ever."""
    assert LOG_GROUPS[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert document()["Parameters"]["LogRetentionDays"]["Default"] >= 365


# --- roles


def test_iam_policydocument_no_wildcard_resource() -> None:
    """cfn_nag W11; X-Ray and CloudWatch alone, which know no resources. This stack's functions go by their names."""
    for role, statement in statements():
        if "*" in json.dumps(statement["Resource"]).replace(":*", "").replace("function:${AWS::StackName}-*", ""):
            assert set(actions_of(statement)) <= WITHOUT_RESOURCES, role


def test_cfn_nag_f3_no_action_is_a_wildcard() -> None:
    """F38 and F39 with it: nobody may pass a role on, or act as anybody."""
    for role, statement in statements():
        for action in actions_of(statement):
            assert "*" not in action, role
            assert not action.startswith(("iam:", "sts:")), role


def test_cfn_nag_f4_nothing_is_allowed_by_what_it_is_not() -> None:
    """F5 and W21 with it: NotAction and NotResource allow what nobody has thought of."""
    for role, statement in statements():
        assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement), role
    for each in resources("AWS::SQS::QueuePolicy").values():
        assert "NotPrincipal" not in json.dumps(each)


def test_cfn_nag_w58_every_function_may_write_its_log() -> None:
    for function in FUNCTIONS:
        group = FUNCTIONS[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert "logs:PutLogEvents" in templates.role_of(function).on(group)


def test_ckv_aws_45_no_variable_holds_a_secret() -> None:
    """cfn_nag W77: what stands in the environment are names of tables, keys and addresses."""
    known = {"STATE_TABLE", "AUDIT_TABLE", "PUBLIC_URL", "ALLOWED_ORIGINS", "SERVER_ADDRESSES"}
    for function in FUNCTIONS:
        said = set(FUNCTIONS[function]["Properties"]["Environment"]["Variables"])
        of_some = {"SEAL_KEY_ID", "SIGNING_SEAL_KEY_ID", "EVENT_BUS", "NOTICE_FROM"}
        assert said <= known | of_some | {"METRICS_NAMESPACE", "SECONDSTEP_AWS_CLIENT", "SETTINGS_OF_SOME"}, function
