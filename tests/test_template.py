"""What template.yaml deploys, and what it must never deploy. No AWS: the template is translated as SAM would do it.

For who may do what, the roles and key policies are read as rights (tests/templates.py), conditions included.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from functions.rotate.app import handler as rotate
from local.template import ACCOUNT, STACK, TEMPLATE, Template
from secondstep import errors, site_map
from secondstep.http import SECURITY_HEADERS, issuer
from secondstep.settings import Settings
from secondstep.subscriber import Enrollment, new_id
from tests import templates
from tests.browsing import Browser, Sending
from tests.outside import Outside
from tests.pictures import png
from tests.relying_party import REGISTERED, RelyingParty
from tests.service import PASSWORD, Person, Reply, Service, secret_of
from tests.templates import Asked, document, findings, key_policy, questions, resources, role_of

FUNCTIONS = (
    "LoginFunction",
    "EnrollFunction",
    "VerifyFunction",
    "PasswordFunction",
    "RefreshFunction",
    "MeFunction",
    "AdminFunction",
    "ResetFunction",
    "AuthorizerFunction",
    "PublishedFunction",
    "RotateFunction",
    "NotifyFunction",
    "MailFunction",
)
ISSUERS = {"LoginFunction", "VerifyFunction", "RefreshFunction"}
WITHOUT_KEYS = tuple(sorted(set(FUNCTIONS) - ISSUERS - {"EnrollFunction", "RotateFunction"}))
TABLES = ("StateTable", "AuditTable")
KEYS = ("SealKey", "SigningSealKey", "TableKey")
# What the two functions behind the audit reach besides; tests/test_notify_template.py says which right of it.
_IDENTITY = "arn:aws:ses:eu-west-1:123456789012:identity/"
INDEXES = ("StateTable/index/by_account", "AuditTable/index/by_account")
ELSEWHERE = {
    "AdminFunction": INDEXES,
    "NotifyFunction": ("AuditTable.StreamArn", "EventBus", "UndeliveredQueue"),
    "MailFunction": ("UndeliveredQueue", f"{_IDENTITY}{templates.NOTICE_FROM}", f"{_IDENTITY}example.test"),
}
BEHIND_THE_AUDIT = {"NotifyFunction", "MailFunction"}
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
USES = {"kms:Encrypt", "kms:Decrypt"}

# Every kind of answer that API Gateway can make by itself ("Gateway response types"), and what our contract calls it.
REFUSALS: dict[str, type[errors.ServiceError]] = {
    "ACCESS_DENIED": errors.Forbidden,
    "API_CONFIGURATION_ERROR": errors.InternalError,
    "AUTHORIZER_CONFIGURATION_ERROR": errors.Unavailable,
    "AUTHORIZER_FAILURE": errors.Unavailable,
    "BAD_REQUEST_BODY": errors.InvalidRequest,
    "BAD_REQUEST_PARAMETERS": errors.InvalidRequest,
    "DEFAULT_4XX": errors.InvalidRequest,
    "DEFAULT_5XX": errors.InternalError,
    "EXPIRED_TOKEN": errors.NotFound,
    "INTEGRATION_FAILURE": errors.Unavailable,
    "INTEGRATION_TIMEOUT": errors.Unavailable,
    "INVALID_API_KEY": errors.Forbidden,
    "INVALID_SIGNATURE": errors.NotFound,
    "MISSING_AUTHENTICATION_TOKEN": errors.NotFound,
    "QUOTA_EXCEEDED": errors.TooManyAttempts,
    "REQUEST_TOO_LARGE": errors.PayloadTooLarge,
    "RESOURCE_NOT_FOUND": errors.NotFound,
    "THROTTLED": errors.TooManyAttempts,
    "UNAUTHORIZED": errors.InvalidToken,
    "UNSUPPORTED_MEDIA_TYPE": errors.UnsupportedMediaType,
    "WAF_FILTERED": errors.Forbidden,
}


def source() -> dict[str, templates.Json]:
    parsed: dict[str, templates.Json] = yaml_parse(TEMPLATE.read_text("utf-8"))
    return parsed


def operations() -> Iterator[tuple[str, str, dict[str, templates.Json]]]:
    for path, methods in templates.body()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def ask(action: str, resource: str, partition: str) -> Asked:
    return Asked(f"dynamodb:{action}", resource, {"dynamodb:LeadingKeys": (partition,)})


def users(key: str, action: str) -> set[str]:
    return {function for function in FUNCTIONS if action in role_of(function).on(key)}


# --- the template as a whole


def test_the_translated_template_has_no_cycle_and_no_other_finding() -> None:
    """cfn-lint sees a cycle (a function that names its API, a key that names its role) only after the translation."""
    assert findings(document()) == []


def test_every_parameter_and_output_says_what_it_is() -> None:
    for name, each in (document()["Parameters"] | document()["Outputs"]).items():
        assert each["Description"].rstrip().endswith("."), name


def test_every_parameter_has_a_default() -> None:
    assert all("Default" in each for each in document()["Parameters"].values())


def test_the_command_finds_the_tables_by_the_outputs() -> None:
    assert {"ApiUrl", "StateTable", "AuditTable", "SealKeyArn", "SigningSealKeyArn", "RotateFunction"} <= set(
        document()["Outputs"]
    )


def test_the_output_of_the_address_is_the_issuer_that_functions_build() -> None:
    settings = Settings(state_table="", audit_table="", region="eu-west-1")
    built = issuer({"apiId": "local", "stage": "live"}, settings)
    assert templates.template().outputs()["ApiUrl"] == built


def test_nothing_has_a_fixed_name() -> None:
    """A second stack in the same account, or one made again beside its kept tables, meets no name that is taken."""
    naming = {"TableName", "RoleName", "FunctionName", "LogGroupName", "LayerName", "AliasName", "KeyId"}
    for name, each in document()["Resources"].items():
        if not each["Type"].startswith("AWS::Lambda::") or each["Type"] == "AWS::Lambda::Function":
            assert not naming & set(each.get("Properties", {})), name


# --- the front door


def test_there_is_exactly_one_stage_and_it_is_called_live() -> None:
    [stage] = resources("AWS::ApiGateway::Stage").values()
    assert stage["Properties"]["StageName"] == "live"
    [deployment] = resources("AWS::ApiGateway::Deployment").values()
    assert "StageName" not in deployment["Properties"]


def test_the_api_is_one_regional_rest_api_and_only_what_brings_a_picture_is_binary() -> None:
    [api] = resources("AWS::ApiGateway::RestApi").values()
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    binary = ["image~1png", "multipart~1form-data"]  # CloudFormation wants the slash so
    assert api["Properties"]["BinaryMediaTypes"] == binary
    assert not resources("AWS::ApiGatewayV2::Api")


def test_no_function_has_a_door_of_its_own() -> None:
    assert not resources("AWS::Lambda::Url")
    for name, each in resources("AWS::Lambda::Permission").items():
        assert "SourceArn" in each["Properties"], name
        assert each["Properties"]["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")


def test_every_admin_route_stands_behind_the_authorizer() -> None:
    admin = [each for each in operations() if each[1].startswith("/admin") and each[0] != "OPTIONS"]
    assert len(admin) >= 2
    for method, path, each in admin:
        assert each["security"] == [{"AdminAuthorizer": []}], (method, path)


def test_every_page_of_the_console_stands_behind_the_authorizer_of_cookies() -> None:
    console = [each for each in operations() if each[1].startswith("/ui/admin")]
    assert len(console) == 12
    for method, path, each in console:
        assert each["security"] == [{"ConsoleAuthorizer": []}], (method, path)


def test_no_other_route_stands_behind_it_and_each_says_so() -> None:
    for method, path, each in operations():
        if method == "OPTIONS" or not path.startswith(("/admin", "/ui/admin")):
            assert each["security"] == [{"NONE": []}], (method, path)


def test_a_route_that_does_not_say_who_may_call_it_is_closed() -> None:
    forgetful = source()
    event = {"Type": "Api", "Properties": {"RestApiId": {"Ref": "Api"}, "Method": "GET", "Path": "/forgotten"}}
    forgetful["Resources"]["MeFunction"]["Properties"]["Events"]["Forgotten"] = event
    [route] = [each for each in Template(forgetful).api().routes if each.resource == "/forgotten"]
    assert route.authorizer is not None
    assert route.authorizer.function == "AuthorizerFunction"


def test_no_route_takes_every_method_or_every_path() -> None:
    for method, path, _ in operations():
        assert method in ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"), path
        assert "+" not in path, path


@pytest.mark.parametrize(
    ("name", "source"), [("AdminAuthorizer", "method.request.header.Authorization"), ("ConsoleAuthorizer", None)]
)
def test_the_authorizer_is_asked_at_every_request(name: str, source: str | None) -> None:
    """The console's without any source: who brings no cookie gets a page as well."""
    schemes = templates.body()["components"]["securitySchemes"]
    assert set(schemes) == {"AdminAuthorizer", "ConsoleAuthorizer"}
    said = schemes[name]["x-amazon-apigateway-authorizer"]
    assert said["authorizerResultTtlInSeconds"] == 0
    assert said["type"] == "request"
    assert said.get("identitySource") == source


def test_every_path_answers_the_cors_preflight() -> None:
    paths = {path for _, path, _ in operations()} - {each.path for each in site_map.PAGES}  # pages have none
    preflights = {path: each for method, path, each in operations() if method == "OPTIONS"}
    assert set(preflights) == paths
    for each in preflights.values():
        assert "PublishedFunction" in json.dumps(each["x-amazon-apigateway-integration"]["uri"])


def test_a_changed_parameter_reaches_the_stage() -> None:
    """AllowedOrigins decides about gateway responses, which only a new deployment takes to the stage."""
    assert source()["Resources"]["Api"]["Properties"]["AlwaysDeploy"] is True


def test_every_route_that_costs_something_has_its_own_throttle() -> None:
    [stage] = resources("AWS::ApiGateway::Stage").values()
    settings = {(each["HttpMethod"], each["ResourcePath"]): each for each in stage["Properties"]["MethodSettings"]}
    everything = settings.pop(("*", "/*"))
    for each in (everything, *settings.values()):
        assert 0 < each["ThrottlingRateLimit"] <= each["ThrottlingBurstLimit"]
    costly = {(method, path) for method, path, _ in operations() if method not in ("GET", "OPTIONS")}
    named = {(method, "/" + path.removeprefix("/~1").replace("~1", "/")) for method, path in settings}
    assert costly <= named
    assert named <= {(method, path) for method, path, _ in operations()}, "a throttle for a route that is not there"


def test_a_method_setting_writes_the_path_as_aws_wants_it() -> None:
    [stage] = resources("AWS::ApiGateway::Stage").values()
    for each in stage["Properties"]["MethodSettings"]:
        assert re.fullmatch(r"/\*|/~1[^/]+", each["ResourcePath"])


def test_a_custom_domain_wants_tls_1_2_and_exists_only_when_asked_for() -> None:
    [(name, domain)] = resources("AWS::ApiGateway::DomainName").items()
    assert domain["Properties"]["SecurityPolicy"] == "TLS_1_2"
    assert domain["Condition"] == "HasDomain"
    assert not list(templates.template().of_type("AWS::ApiGateway::DomainName")), f"{name} without DomainName"


# --- the access log


def access_log() -> dict[str, templates.Json]:
    [stage] = templates.template().of_type("AWS::ApiGateway::Stage")
    said: dict[str, templates.Json] = templates.template().resolve(stage.properties["AccessLogSetting"])
    return said


def test_the_access_log_has_the_template_of_the_path_and_never_the_path() -> None:
    """A login name stands in the path, and what is typed there may be a password."""
    variables = set(re.findall(r"\$context[.\w]+", access_log()["Format"]))
    assert "$context.resourcePath" in variables
    wanted = {"requestId", "resourcePath", "httpMethod", "status", "identity.sourceIp", "responseLatency"}
    assert {f"$context.{each}" for each in wanted} <= variables
    telling = (".path", ".domainName", ".userAgent", ".user", ".principalId")
    assert not {each for each in variables if each.endswith(telling) or ".authorizer." in each}


def test_the_access_log_is_one_json_object_a_line() -> None:
    line = access_log()["Format"].replace("$context.requestTimeEpoch", "1")
    assert "\n" not in line
    assert json.loads(line)["resourcePath"] == "$context.resourcePath"


def test_the_access_log_can_be_switched_off_where_the_region_has_no_role_for_it() -> None:
    without = Template.load(parameters={"AccessLog": "false"})
    [stage] = without.of_type("AWS::ApiGateway::Stage")
    assert "AccessLogSetting" not in without.resolve(stage.properties)
    assert "AccessLogGroup" not in {each.logical_id for each in without.of_type("AWS::Logs::LogGroup")}


def test_the_regions_role_for_logs_is_not_taken_over() -> None:
    assert not resources("AWS::ApiGateway::Account")


# --- the gateway's own refusals


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_of_the_gateway_is_a_problem_of_the_contract(kind: str) -> None:
    said = templates.body()["x-amazon-apigateway-gateway-responses"][kind]
    expected = REFUSALS[kind]
    problem = json.loads(said["responseTemplates"]["application/json"])
    assert said["statusCode"] == str(expected.status)
    assert problem["status"] == expected.status
    assert problem["code"] == expected.code
    assert problem["type"] == f"urn:secondstep:problem:{expected.code}"
    assert problem["title"] == expected.title
    assert problem["detail"]
    assert problem["request_id"] == "$context.requestId"


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_of_the_gateway_carries_the_headers_of_every_answer(kind: str) -> None:
    headers = headers_of(kind)
    for name, value in (SECURITY_HEADERS | {"Content-Type": "application/problem+json"}).items():
        assert headers[name] == f"'{value}'"
    assert ("WWW-Authenticate" in headers) is (REFUSALS[kind].status == 401)
    assert ("Retry-After" in headers) is (REFUSALS[kind].status in (429, 503))


def test_a_refusal_says_in_its_body_what_its_headers_say() -> None:
    for kind in REFUSALS:
        said = templates.body()["x-amazon-apigateway-gateway-responses"][kind]
        problem = json.loads(said["responseTemplates"]["application/json"])
        assert headers_of(kind).get("Retry-After", "''").strip("'") == str(problem.get("retry_after", ""))


def test_no_kind_of_refusal_is_left_to_aws() -> None:
    assert set(templates.body()["x-amazon-apigateway-gateway-responses"]) == set(REFUSALS)


def test_the_401_names_the_scheme() -> None:
    assert headers_of("UNAUTHORIZED")["WWW-Authenticate"] == "'Bearer error=\"invalid_token\"'"


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_web_page_of_a_listed_origin_can_read_a_refusal(kind: str) -> None:
    headers = headers_of(kind)
    assert headers["Access-Control-Allow-Origin"] == "method.request.header.Origin"
    assert headers["Vary"] == "'Origin'"
    assert "WWW-Authenticate" in headers["Access-Control-Expose-Headers"]
    assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("kind", REFUSALS)
def test_without_origins_a_refusal_has_no_cors_header_at_all(kind: str) -> None:
    assert not {name for name in headers_of(kind, origins="") if name.startswith("Access-Control") or name == "Vary"}


def headers_of(kind: str, *, origins: str = "https://app.example.test") -> dict[str, str]:
    said = templates.body(origins)["x-amazon-apigateway-gateway-responses"][kind]["responseParameters"]
    return {name.removeprefix("gatewayresponse.header."): value for name, value in said.items()}


# --- functions


def test_these_functions_are_deployed_and_no_others() -> None:
    assert set(resources("AWS::Lambda::Function")) == set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_python_3_13_on_arm64_with_the_layer_and_outside_any_vpc(function: str) -> None:
    properties = resources("AWS::Lambda::Function")[function]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    [layer] = resources("AWS::Lambda::LayerVersion")
    assert properties["Layers"] == [{"Ref": layer}]
    assert "VpcConfig" not in properties


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_stops_before_the_gateway_gives_up(function: str) -> None:
    assert resources("AWS::Lambda::Function")[function]["Properties"]["Timeout"] == 10


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_knows_the_keys_that_it_may_use_and_no_others(function: str) -> None:
    variables = resources("AWS::Lambda::Function")[function]["Properties"]["Environment"]["Variables"]
    for name, key in (("SEAL_KEY_ID", "SealKey"), ("SIGNING_SEAL_KEY_ID", "SigningSealKey")):
        assert (name in variables) is bool(role_of(function).on(key) & USES)
        assert variables.get(name, {"Fn::GetAtt": [key, "Arn"]}) == {"Fn::GetAtt": [key, "Arn"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_into_its_own_group_for_a_limited_time(function: str) -> None:
    group = resources("AWS::Lambda::Function")[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == function.replace("Function", "LogGroup")
    assert resources("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert role_of(function).on(group) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    others = set(resources("AWS::Logs::LogGroup")) - {group}
    assert not any(role_of(function).on(other) for other in others)


def test_every_log_group_forgets() -> None:
    for name, group in resources("AWS::Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_the_first_signing_key_is_made_by_the_deployment_and_the_next_ones_weekly() -> None:
    [first] = resources("Custom::SigningKey").values()
    assert first["Properties"]["ServiceToken"] == {"Fn::GetAtt": ["RotateFunction", "Arn"]}
    rules = [each["Properties"] for each in resources("AWS::Events::Rule").values()]
    assert [each["ScheduleExpression"] for each in rules if "ScheduleExpression" in each] == ["rate(7 days)"]


# --- roles


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_role_of_its_own_that_only_lambda_takes(function: str) -> None:
    name = function.replace("Function", "Role")
    assert resources("AWS::Lambda::Function")[function]["Properties"]["Role"] == {"Fn::GetAtt": [name, "Arn"]}
    role = resources("AWS::IAM::Role")[name]["Properties"]
    assert "ManagedPolicyArns" not in role
    [trusted] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_there_is_no_role_without_a_function() -> None:
    of_functions = {each.replace("Function", "Role") for each in FUNCTIONS}
    assert set(resources("AWS::IAM::Role")) == of_functions | {"RolloutRole"}  # CodeDeploy's, tests/test_rollout.py
    assert not resources("AWS::IAM::Policy")
    assert not resources("AWS::IAM::ManagedPolicy")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_right_has_a_wildcard_but_the_one_to_trace(function: str) -> None:
    for statement in role_of(function).statements:
        assert not [each for each in statement.actions if "*" in each], statement.sid
        if statement.sid != "Trace":  # X-Ray knows no resources (tests/test_template_rules.py)
            assert not [each for each in statement.resources if "*" in each], statement.sid


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_reaches_tables_keys_and_its_log_group_only(function: str) -> None:
    known = {*TABLES, *KEYS, function.replace("Function", "LogGroup"), "*", *ELSEWHERE.get(function, ())}
    assert {each for statement in role_of(function).statements for each in statement.resources} <= known


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_role_reads_or_writes_a_table_without_naming_its_partitions(function: str) -> None:
    for statement in role_of(function).statements:
        if set(statement.resources) & set(TABLES):
            assert statement.partitions, statement.sid
            assert not [each for each in statement.partitions if each.startswith("*")], statement.sid


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_can_scan_a_table_or_ask_it_in_another_language(function: str) -> None:
    """Scan and PartiQL would not be held to partitions."""
    actions = role_of(function).on("StateTable") | role_of(function).on("AuditTable")
    assert actions <= WRITES | {
        f"dynamodb:{each}" for each in ("GetItem", "BatchGetItem", "Query", "ConditionCheckItem")
    }


# --- the secrets of authenticators


def test_enroll_alone_seals_secrets_and_can_open_none() -> None:
    assert users("SealKey", "kms:Encrypt") == {"EnrollFunction"}
    assert role_of("EnrollFunction").on("SealKey") == {"kms:Encrypt"}


def test_verify_alone_opens_secrets_and_can_seal_none() -> None:
    assert users("SealKey", "kms:Decrypt") == {"VerifyFunction"}
    assert role_of("VerifyFunction").on("SealKey") == {"kms:Decrypt"}


@pytest.mark.parametrize("function", WITHOUT_KEYS)
def test_reset_authorizer_and_the_others_use_neither_key(function: str) -> None:
    assert role_of(function).on("SealKey") == set()
    assert role_of(function).on("SigningSealKey") == set()


@pytest.mark.parametrize(("function", "action"), [("EnrollFunction", "kms:Encrypt"), ("VerifyFunction", "kms:Decrypt")])
def test_the_seal_key_serves_this_application_only(function: str, action: str) -> None:
    def asked(app: dict[str, tuple[str, ...]]) -> Asked:
        return Asked(action, "SealKey", app)

    role = role_of(function)
    assert role.allows(asked({"kms:EncryptionContext:app": ("secondstep",)}))
    assert not role.allows(asked({"kms:EncryptionContext:app": ("other",)}))
    assert not role.allows(asked({}))


# --- the signing keys


def test_the_issuers_alone_open_signing_keys_and_can_seal_none() -> None:
    assert users("SigningSealKey", "kms:Decrypt") == ISSUERS
    for function in ISSUERS:
        assert role_of(function).on("SigningSealKey") == {"kms:Decrypt"}


def test_rotate_alone_seals_signing_keys_and_can_open_none() -> None:
    assert users("SigningSealKey", "kms:Encrypt") == {"RotateFunction"}
    assert role_of("RotateFunction").on("SigningSealKey") == {"kms:Encrypt"}


def test_rotate_alone_writes_signing_keys() -> None:
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        able = {each for each in FUNCTIONS if role_of(each).allows(ask(action, "StateTable", "SIGNING_KEY"))}
        assert able == {"RotateFunction"}, action


@pytest.mark.parametrize("action", ["PutItem", "UpdateItem", "DeleteItem", "GetItem", "BatchGetItem"])
@pytest.mark.parametrize("partition", ["SUBSCRIBER#0", "ACCOUNT#acme", "BUDGET#0"])
def test_rotate_touches_nothing_but_signing_keys(action: str, partition: str) -> None:
    assert not role_of("RotateFunction").allows(ask(action, "StateTable", partition))


def test_published_reads_signing_keys_and_nothing_else() -> None:
    role = role_of("PublishedFunction")
    assert role.on("StateTable") == {"dynamodb:Query"}
    assert role.on("AuditTable") == set()
    assert role.allows(ask("Query", "StateTable", "SIGNING_KEY"))
    assert not role.allows(ask("Query", "StateTable", "SUBSCRIBER#0"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_queries_more_than_signing_keys_and_me_the_sessions(function: str) -> None:
    for partition in ("SUBSCRIBER#0", "ACCOUNT#acme", "BUDGET#0", "acme"):
        is_own_sessions = (function, partition) == ("MeFunction", "SUBSCRIBER#0")
        assert role_of(function).allows(ask("Query", "StateTable", partition)) is is_own_sessions


def test_admin_alone_reads_the_indexes() -> None:
    for index in INDEXES:
        assert users(index, "dynamodb:Query") == {"AdminFunction"}
        assert role_of("AdminFunction").on(index) == {"dynamodb:Query"}


def test_a_mixed_request_is_refused_as_a_whole() -> None:
    """One key of a batch outside the partitions, and IAM refuses all of it: "for all values"."""
    mixed = {"dynamodb:LeadingKeys": ("SUBSCRIBER#0", "SIGNING_KEY")}
    for function in FUNCTIONS:
        assert not role_of(function).allows(Asked("dynamodb:BatchGetItem", "StateTable", mixed))


# --- subscribers, accounts, audit


def test_the_authorizer_writes_nothing() -> None:
    role = role_of("AuthorizerFunction")
    assert not (role.on("StateTable") | role.on("AuditTable")) & WRITES


def test_enroll_changes_subscribers_only() -> None:
    role = role_of("EnrollFunction")
    assert role.on("StateTable") & WRITES == {"dynamodb:UpdateItem"}
    assert role.allows(ask("UpdateItem", "StateTable", "SUBSCRIBER#0"))
    for partition in ("SIGNING_KEY", "ACCOUNT#acme", "BUDGET#0"):
        assert not role.allows(ask("UpdateItem", "StateTable", partition))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_admin_alone_changes_an_accounts_policy_and_nobody_removes_one(function: str) -> None:
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        may = (function, action) == ("AdminFunction", "UpdateItem")
        assert role_of(function).allows(ask(action, "StateTable", "ACCOUNT#acme")) is may


def test_refresh_alone_touches_hand_over_codes_and_removes_none() -> None:
    for action in ("GetItem", "PutItem", "UpdateItem"):
        able = {each for each in FUNCTIONS if role_of(each).allows(ask(action, "StateTable", "CODE#0"))}
        assert able == {"RefreshFunction"}, action
    for action in ("DeleteItem", "BatchGetItem", "Query", "ConditionCheckItem"):
        assert not any(role_of(each).allows(ask(action, "StateTable", "CODE#0")) for each in FUNCTIONS), action


def test_reset_deletes_nothing_and_admin_subscribers_only() -> None:
    assert "dynamodb:DeleteItem" not in role_of("ResetFunction").on("StateTable")
    for partition in ("SUBSCRIBER#0", "ACCOUNT#acme", "BUDGET#0", "SIGNING_KEY"):
        may = partition == "SUBSCRIBER#0"
        assert role_of("AdminFunction").allows(ask("DeleteItem", "StateTable", partition)) is may


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_audit_is_append_only(function: str) -> None:
    assert role_of(function).on("AuditTable") <= {"dynamodb:PutItem", "dynamodb:Query"}


def test_who_decides_something_can_record_it() -> None:
    silent = {"AuthorizerFunction", "PublishedFunction", "RotateFunction"} | BEHIND_THE_AUDIT
    for function in set(FUNCTIONS) - silent:
        assert role_of(function).allows(ask("PutItem", "AuditTable", "SUBSCRIBER#0")), function
    assert role_of("RotateFunction").allows(ask("PutItem", "AuditTable", "DEPLOYMENT"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_table_key_is_used_through_dynamodb_only(function: str) -> None:
    role = role_of(function)
    through = {"kms:ViaService": ("dynamodb.eu-west-1.amazonaws.com",)}
    assert role.allows(Asked("kms:Decrypt", "TableKey", through))
    assert not role.allows(Asked("kms:Decrypt", "TableKey", {}))
    assert not role.allows(Asked("kms:Decrypt", "TableKey", {"kms:ViaService": ("s3.eu-west-1.amazonaws.com",)}))


# --- the roles fit: every call of these journeys is held against them


def test_the_roles_allow_what_the_functions_do_and_nothing_else(
    service: Service, enrolled: Person, agent: Person, admin: Person
) -> None:
    walk = Walk(service)
    walk.enroll(agent)
    walk.enroll_with_wrong_ticket(service.person("ticketed", enrollment=Enrollment.TICKETED))
    tokens = walk.log_in(enrolled)
    walk.refused(enrolled)
    walk.own_routes(enrolled, tokens)
    walk.lose_sessions(service.bound_person("careless"))
    walk.own_account(service.bound_person("owner", authenticators=2))
    walk.admin_routes(admin, enrolled)
    walk.without_second_factor(service.person("newcomer"))
    walk.applications(service.bound_person("user"))
    walk.rotations()
    walk.notices(service.bound_person("told@example.test"))
    for function in FUNCTIONS:
        for resource in (*TABLES, *INDEXES, "SealKey", "SigningSealKey"):
            assert role_of(function).on(resource) == walk.used(function, resource), (function, resource)


def test_the_roles_allow_what_the_consoles_pages_do(service: Service, enrolled: Person, admin: Person) -> None:
    browser = WalkingBrowser(Walk(service)).log_in(admin)
    service.clock.advance(61)  # so that the use is written down
    browser.get("/ui/admin").submit("/ui/admin", do="invite", login_name="newcomer")
    browser.get("/ui/admin").submit("/ui/admin", do="open", login_name="enrolled")
    for act in ("disable", "enable", "unlock"):
        browser.submit("/ui/admin/subscriber", do=act)
    browser.submit("/ui/admin/subscriber", do="reset-password", reason="forgotten")
    service.clock.advance(61)
    browser.get("/ui/admin/subscriber").submit("/ui/admin/reset", do="ask")
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    browser.get("/ui/admin/policy").submit("/ui/admin/policy", session_hours="8")
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=png())
    browser.get("/ui/logo?account=acme").get("/ui/admin/logo").submit("/ui/admin/logo", do="remove")
    browser.get("/ui/admin/audit").submit("/ui/admin/audit", do="filter", login_name="enrolled")
    browser.get("/ui/admin/subscriber").submit("/ui/admin/subscriber", do="ask-delete")
    assert browser.submit("/ui/admin/subscriber", do="delete").status == 200


ROUTES = templates.template().api().routes


class Walk:
    """A journey whose every request is held against the role of the function that answered it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._used: set[tuple[str, str, str]] = set()
        settings = service.services.settings
        self._names = {
            settings.state_table: "StateTable",
            settings.audit_table: "AuditTable",
            settings.seal_key_id: "SealKey",
            settings.signing_seal_key_id: "SigningSealKey",
        }

    def used(self, function: str, resource: str) -> set[str]:
        """Return the actions that a function needed on a table or key."""
        return {action for user, on, action in self._used if (user, on) == (function, resource)}

    def send(self, method: str, path: str, expected: int, body: object = None, **how: Any) -> dict[str, templates.Json]:
        """Send a request as to a new environment, and hold its calls against the roles of the functions behind it."""
        self._as_in_a_new_environment()
        reply = self.service.call(method, path, body, **how)
        assert reply.status == expected, reply.body
        resource = re.sub(r"(?<=subscribers/)[^/]+", "{login_name}", path.partition("?")[0])
        resource = re.sub(r"/(authenticators|sessions)/[^/]+", r"/\1/{id}", resource)
        [route] = [each for each in ROUTES if (each.method, each.resource) == (method, resource)]
        self._hold_against_roles(*[route.function, *([route.authorizer.function] if route.authorizer else [])])
        return reply.body

    def page[Answered](self, method: str, path: str, ask: Callable[[], Answered]) -> Answered:
        """Ask for a page as of a new environment, and hold its calls against the roles of the functions behind it."""
        self._as_in_a_new_environment()
        answered = ask()
        [route] = [each for each in ROUTES if (each.method, each.resource) == (method, path.partition("?")[0])]
        self._hold_against_roles(*[route.function, *([route.authorizer.function] if route.authorizer else [])])
        return answered

    def _as_in_a_new_environment(self) -> None:
        vars(self.service.services.keyring).update(_keys=[], _read_at=None, _opened=None)
        self.service.services.store.accounts._policies.clear()
        self.service.recorder.clear()

    def _hold_against_roles(self, *functions: str) -> None:
        """Fail for a call that none of the functions may make."""
        for call in self.service.recorder.calls:
            for asked in questions(call, self._names):
                able = [each for each in functions if role_of(each).allows(asked)]
                assert able, (functions, asked)
                self._used |= {(each, asked.resource, asked.action) for each in able}

    def enroll(self, person: Person) -> None:
        begun = self.send("POST", "/enroll", 200, {"challenge": self._password(person)})
        code = self.service.code_of(secret_of(begun["secret"]))
        self.send("POST", "/verify", 200, {"challenge": begun["challenge"], "code": code})

    def enroll_with_wrong_ticket(self, person: Person) -> None:
        wrong = {"challenge": self._password(person), "ticket": "0000-0000-0000-0000"}
        self.send("POST", "/enroll", 401, wrong)

    def log_in(self, person: Person) -> dict[str, templates.Json]:
        code = self.service.code(person)
        return self.send("POST", "/verify", 200, {"challenge": self._password(person), "code": code})

    def refused(self, person: Person) -> None:
        wrong = {"challenge": self._password(person), "code": self.service.wrong_code(person)}
        self.send("POST", "/verify", 401, wrong)
        named = {"account": person.identity.account, "login_name": person.login_name}
        self.send("POST", "/login", 401, named | {"password": "wrong"})
        ticket = {"ticket": "0000-0000-0000-0000", "new_password": "another long password"}
        self.send("POST", "/password", 401, named | ticket)
        recovery = {"challenge": self._password(person), "recovery_code": person.recovery_codes[0]}
        self.send("POST", "/verify", 200, recovery)

    def own_routes(self, person: Person, tokens: dict[str, templates.Json]) -> None:
        self.service.clock.advance(30)
        self.send("GET", "/me", 200, token=tokens["account_token"])
        self.send("POST", "/step-up", 200, {"code": self.service.code(person)}, token=tokens["account_token"])
        after = self.send("POST", "/refresh", 200, {"refresh_token": tokens["refresh_token"]})
        self.send("POST", "/refresh", 200, {"refresh_token": tokens["refresh_token"]})
        self.send("POST", "/logout", 204, token=after["account_token"])
        for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json", "/health"):
            self.send("GET", path, 200)

    def own_account(self, person: Person) -> None:
        """Change all that a subscriber may change of itself."""
        other = self.log_in(person)["account_token"]
        self.service.clock.advance(30)
        token = self.log_in(person)["account_token"]
        self.send("PATCH", "/me", 200, {"display_name": "Owner"}, token=token)
        held = self.service.record(person).last_used_first()
        self.send("PATCH", f"/me/authenticators/{held[0].id}", 200, {"name": "Phone"}, token=token)
        self.send("DELETE", f"/me/authenticators/{held[1].id}", 204, token=token)
        begun = self.send("POST", "/me/authenticators", 200, {"name": "Tablet"}, token=token)
        code = self.service.code_of(secret_of(begun["secret"]))
        self.send("POST", "/verify", 200, {"challenge": begun["challenge"], "code": code}, token=token)
        self.send("POST", "/me/recovery-codes", 200, token=token)
        wrong = {"current_password": "wrong", "new_password": "quite another long phrase"}
        self.send("POST", "/me/password", 401, wrong, token=token)
        self.send("POST", "/me/password", 204, wrong | {"current_password": PASSWORD}, token=token)
        self.send("GET", "/me", 401, token=other)
        self.send("GET", "/me/sessions", 200, token=token)
        self.send("DELETE", f"/me/sessions/{new_id()}", 404, token=token)
        self.send("GET", "/me/events", 200, token=token)

    def lose_sessions(self, person: Person) -> None:
        """End one session by wrong codes at the step-up, another by a refresh token that is used too late again."""
        token = self.log_in(person)["account_token"]
        for _ in range(5):
            self.send("POST", "/step-up", 401, {"code": self.service.wrong_code(person)}, token=token)
        self.service.clock.advance(60)
        old = {"refresh_token": self.log_in(person)["refresh_token"]}
        self.send("POST", "/refresh", 200, old)
        self.service.clock.advance(60)
        self.send("POST", "/refresh", 401, old)

    def admin_routes(self, admin: Person, subject: Person) -> None:
        token = self.log_in(admin)["account_token"]
        new = {"login_name": "new", "role": "agent"}
        self.send("POST", "/admin/subscribers", 201, new, token=token)
        again = self.send("POST", "/admin/subscribers", 201, new, token=token)
        self.send("POST", "/admin/subscribers", 409, {"login_name": subject.login_name, "role": "agent"}, token=token)
        one = f"/admin/subscribers/{subject.login_name}"
        self.send("POST", f"{one}/reset", 200, {"reason": "lost"}, token=token)
        self.send("POST", f"{one}/password-reset", 200, {"reason": "forgotten"}, token=token)
        self.send("POST", f"{one}/unlock", 200, token=token)
        self.send("PATCH", one, 200, {"status": "disabled"}, token=token)
        self.send("GET", one, 200, token=token)
        self.send("DELETE", one, 204, token=token)
        self.reads_of_an_admin(token)
        self.send("PUT", "/admin/policy", 200, {}, token=token, headers={"If-Match": "*"})
        named = {"account": subject.identity.account, "login_name": "new"}
        chosen = {"ticket": again["ticket"], "new_password": "quite another long phrase"}
        self.send("POST", "/password", 204, named | chosen)

    def reads_of_an_admin(self, token: str) -> None:
        for path in ("/admin/subscribers", "/admin/summary", "/admin/policy", "/admin/audit"):
            self.send("GET", path, 200, token=token)
        self.send("GET", "/admin/audit?login_name=enrolled", 200, token=token)

    def without_second_factor(self, person: Person) -> None:
        """Log in and step up by password alone, where the policy asks for no more."""
        self.service.account(mfa_required=False)
        body = {"account": person.identity.account, "login_name": person.login_name, "password": PASSWORD}
        tokens = self.send("POST", "/login", 200, body)
        self.send("POST", "/step-up", 200, {"password": PASSWORD}, token=tokens["account_token"])

    def applications(self, person: Person) -> None:
        """Lead somebody who is signed in to an application, which renews its tokens and then shows its code again."""
        self.service.account(applications=REGISTERED)
        browser, desk = Browser(self.service).log_in(person), RelyingParty(self.service)
        self.service.clock.advance(61)  # so that the use of the browser's session is noted
        self._as_in_a_new_environment()
        code = desk.code(browser)
        self._hold_against_roles("RefreshFunction")
        tokens = self._token(200, desk.redeem, code)
        self._token(200, desk.refresh, tokens["refresh_token"])
        self._token(400, desk.redeem, code)

    def _token(self, expected: int, ask: Callable[[str], Reply], shown: str) -> dict[str, templates.Json]:
        self._as_in_a_new_environment()
        reply = ask(shown)
        assert reply.status == expected, reply.body
        self._hold_against_roles("RefreshFunction")
        return reply.body

    def rotations(self) -> None:
        """Rotate until a key is made, another one given its end, and a third one removed."""
        for _ in range(3):
            self.service.clock.advance(7 * 24 * 60 * 60)
            self.service.recorder.clear()
            rotate({}, SimpleNamespace(aws_request_id="rotation"))
            self._hold_against_roles("RotateFunction")

    def notices(self, person: Person) -> None:
        """Have an event announced, and its subscriber told by mail."""
        outside = Outside(self.service)
        self.log_in(person)
        self.service.recorder.clear()
        outside.deliver()
        self._hold_against_roles("MailFunction")
        recovery = {"challenge": self._password(person), "recovery_code": person.recovery_codes[0]}
        self.send("POST", "/verify", 200, recovery)
        self.service.recorder.clear()
        outside.deliver()
        assert outside.mails
        self._hold_against_roles("MailFunction")

    def _password(self, person: Person) -> str:
        body = {"account": person.identity.account, "login_name": person.login_name, "password": PASSWORD}
        return str(self.send("POST", "/login", 200, body)["challenge"])


class WalkingBrowser(Browser):
    """A browser whose every request is held against the roles of the functions that answered it."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk.service)
        self._walk = walk

    def _ask(self, method: str, path: str, form: Sending, headers: Mapping[str, str]) -> Any:
        return self._walk.page(method, path, lambda: super(WalkingBrowser, self)._ask(method, path, form, headers))


# --- keys and tables


def role_named(role: str, key: str, action: str, context: dict[str, str]) -> bool:
    """Tell whether a key's policy lets a role of this stack do something with it."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    said = {f"kms:EncryptionContext:{name}": (value,) for name, value in context.items()}
    return key_policy(key).allows(Asked(action, key, {"aws:PrincipalArn": (arn,)} | said))


@pytest.mark.parametrize("role", [each.replace("Function", "Role") for each in FUNCTIONS])
def test_a_key_policy_lets_a_role_use_what_its_function_may_and_no_more(role: str) -> None:
    """Two locks: who could change a role still cannot use a key that the key's own policy keeps from it."""
    rights = role_of(role.replace("Role", "Function"))
    for key, context in (("SealKey", {"app": "secondstep"}), ("SigningSealKey", {"purpose": "signing"})):
        for action in USES:
            generated = f"{STACK}-{role}-1A2B3C4D5E6F"
            assert role_named(generated, key, action, context) is (action in rights.on(key)), (key, action)
            assert not role_named(generated, key, action, {}), (key, action)


@pytest.mark.parametrize("stranger", ["Admin", f"other-{STACK}-VerifyRole-1A2B", f"{STACK}x-VerifyRole-1A2B"])
def test_a_key_policy_lets_no_other_role_use_a_key(stranger: str) -> None:
    for action in USES:
        assert not role_named(stranger, "SealKey", action, {"app": "secondstep"})
        assert not role_named(stranger, "SigningSealKey", action, {"purpose": "signing"})


@pytest.mark.parametrize("key", ["SealKey", "SigningSealKey"])
def test_who_administers_a_key_cannot_use_it_or_grant_its_use(key: str) -> None:
    [administer] = [each for each in key_policy(key).statements if not each.condition]
    assert "kms:PutKeyPolicy" in administer.actions
    forbidden = ("Encrypt", "Decrypt", "ReEncrypt", "GenerateData", "CreateGrant", "*")
    assert not [each for each in administer.actions if any(word in each for word in forbidden)]


def test_the_table_keys_policy_allows_its_use_through_dynamodb_only() -> None:
    for statement in key_policy("TableKey").statements:
        if statement.sid != "Administer":
            assert statement.condition["StringEquals"]["kms:ViaService"] == ("dynamodb.eu-west-1.amazonaws.com",)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_policy_names_this_account_only(key: str) -> None:
    for statement in templates.key_statements(key):
        principal = templates.template().resolve(statement["Principal"])
        assert principal == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_rotates_and_takes_a_month_to_delete(key: str) -> None:
    properties = resources("AWS::KMS::Key")[key]["Properties"]
    assert properties["EnableKeyRotation"] is True
    assert properties["PendingWindowInDays"] == 30


def test_these_keys_and_tables_are_deployed_and_no_others() -> None:
    assert set(resources("AWS::KMS::Key")) == {*KEYS, "OperationsKey"}
    assert set(resources("AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("name", [*TABLES, *KEYS])
def test_deleting_the_stack_keeps_tables_and_keys(name: str) -> None:
    """A failed first deployment leaves nothing behind; everything later does."""
    resource = document()["Resources"][name]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_on_demand_encrypted_recoverable_and_cleans_up(table: str) -> None:
    properties = resources("AWS::DynamoDB::Table")[table]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert properties["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": ["TableKey", "Arn"]}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "purge_at", "Enabled": True}


@pytest.mark.parametrize(("said", "expected"), [("true", True), ("false", False)])
def test_the_tables_refuse_to_be_deleted_unless_the_parameter_says_otherwise(said: str, *, expected: bool) -> None:
    given = Template.load(parameters={"DeletionProtection": said})
    tables = list(given.of_type("AWS::DynamoDB::Table"))
    assert [given.resolve(each.properties["DeletionProtectionEnabled"]) for each in tables] == [expected, expected]


def test_the_tables_refuse_to_be_deleted_by_default() -> None:
    assert document()["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize(
    ("table", "keys", "projection"),
    [
        ("StateTable", ["a", "n"], "KEYS_ONLY"),
        ("AuditTable", ["as", "sk"], "ALL"),
    ],
)
def test_an_index_by_account_serves_the_admins_lists(table: str, keys: list[str], projection: str) -> None:
    [index] = resources("AWS::DynamoDB::Table")[table]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by_account"
    assert [each["AttributeName"] for each in index["KeySchema"]] == keys
    assert index["Projection"] == {"ProjectionType": projection}
