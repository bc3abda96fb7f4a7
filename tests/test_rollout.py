"""How an update reaches the requests: published versions behind aliases, moved by CodeDeploy, taken back by an alarm.

What no emulator acts out is held against the template here; that a changed parameter reaches the requests is seen in a
deployment (tests/deployment/test_updates.py).
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from samtranslator.model.preferences.deployment_preference_collection import CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST

from local.template import Template
from tests import templates
from tests.templates import NOTICE_FROM, document, resources

FUNCTIONS = sorted(resources("AWS::Lambda::Function"))
ALLOWED = document()["Parameters"]["Rollout"]["AllowedValues"]
SHIFTING = [each for each in ALLOWED if each != "AllAtOnce"]
# What is the function's own and no version's: Lambda publishes nothing for it.
OF_NO_VERSION = {"ReservedConcurrentExecutions"}


def translated(rollout: str) -> dict[str, dict[str, Any]]:
    given = Template.load(parameters={"Rollout": rollout, "NoticeFrom": NOTICE_FROM})
    return dict(given._document["Resources"])


def of_type(kind: str, given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in given.items() if each["Type"] == kind}


# --- what is invoked


def test_whatever_invokes_a_function_names_its_alias() -> None:
    """The function itself is already the next release while the alias still holds the present one."""
    kinds = ("RestApi", "Permission", "EventSourceMapping", "Rule", "EventInvokeConfig")
    invoking = {
        name: each["Properties"] for name, each in document()["Resources"].items() if each["Type"].endswith(kinds)
    }
    assert len(invoking) > 100
    for name, properties in invoking.items():
        direct = [function for function in FUNCTIONS if f'["{function}", "Arn"]' in json.dumps(properties)]
        direct += [function for function in FUNCTIONS if f"${{{function}.Arn}}" in json.dumps(properties)]
        assert direct == [], name
        if "FunctionName" in properties and "Qualifier" not in properties:
            assert properties["FunctionName"]["Ref"].endswith("Aliaslive"), name


def test_every_function_has_an_alias_at_a_version_that_the_settings_describe() -> None:
    versions, aliases = resources("AWS::Lambda::Version"), resources("AWS::Lambda::Alias")
    assert {each["Properties"]["FunctionName"]["Ref"] for each in aliases.values()} == set(FUNCTIONS)
    for alias in aliases.values():
        version, attribute = alias["Properties"]["FunctionVersion"]["Fn::GetAtt"]
        assert attribute == "Version"
        assert versions[version]["Properties"]["FunctionName"] == alias["Properties"]["FunctionName"]
        assert versions[version]["Properties"]["Description"] == {"Fn::GetAtt": ["Settings", "Digest"]}


def test_the_settings_are_all_that_a_function_is_given_from_outside_the_template() -> None:
    """Attack on oneself: a new parameter of a function that is no setting would never reach a request."""
    [settings] = resources("Custom::Settings").values()
    told = {name for value in settings["Properties"].values() for name in refs(value)} - {"RotateFunction"}
    for_functions = {
        name
        for function in resources("AWS::Lambda::Function").values()
        for key, value in function["Properties"].items()
        if key not in OF_NO_VERSION
        for name in refs(value)
    }
    parameters, [layer] = set(document()["Parameters"]), resources("AWS::Lambda::LayerVersion")
    assert told == (for_functions & parameters) | {layer}


def test_every_setting_changes_every_function() -> None:
    """Lambda publishes no version of a function that is as it was: the update would end in an error, and go back."""
    [settings] = resources("Custom::Settings").values()
    told = {name for value in settings["Properties"].values() for name in refs(value)} - {"RotateFunction"}
    for function, said in resources("AWS::Lambda::Function").items():
        given = {name for key, value in said["Properties"].items() if key not in OF_NO_VERSION for name in refs(value)}
        assert told <= given, function


def test_a_version_that_nothing_invokes_is_not_kept() -> None:
    """A kept version's snapshot is paid for, and one that a failed update has left refuses the same update again."""
    for name, version in resources("AWS::Lambda::Version").items():
        assert version["DeletionPolicy"] == "Delete", name
        assert version.get("UpdateReplacePolicy", "Delete") == "Delete", name


def refs(value: Any) -> Iterator[str]:
    """Yield all that a value names: parameters, resources, and the parameters of its conditions."""
    if isinstance(value, list):
        for each in value:
            yield from refs(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref":
                yield each
            elif key == "Fn::If":
                yield from refs(document()["Conditions"][each[0]])
                yield from refs(each[1:])
            elif key == "Fn::GetAtt":
                yield each[0]
            else:
                yield from refs(each)


def test_roles_are_changed_before_the_versions_and_the_api_after_the_aliases() -> None:
    """CloudFormation goes by what names what, forward and back; docs/operations.md promises this order."""
    for name, function in resources("AWS::Lambda::Function").items():
        assert set(refs(function["Properties"]["Role"])) == {name.replace("Function", "Role")}
    [api] = resources("AWS::ApiGateway::RestApi").values()
    behind = {name for name in FUNCTIONS if f"{name}Aliaslive" in json.dumps(api["Properties"]["Body"])}
    assert behind == set(FUNCTIONS) - {"NotifyFunction", "MailFunction", "RotateFunction"}


# --- how it moves


def test_all_at_once_needs_no_codedeploy() -> None:
    given = translated("AllAtOnce")
    assert not [each for each in given.values() if each["Type"].startswith("AWS::CodeDeploy")]
    assert all("UpdatePolicy" not in each for each in of_type("AWS::Lambda::Alias", given).values())


@pytest.mark.parametrize("rollout", SHIFTING)
def test_every_alias_moves_by_codedeploy_and_goes_back_on_the_alarm(rollout: str) -> None:
    given = translated(rollout)
    groups, aliases = of_type("AWS::CodeDeploy::DeploymentGroup", given), of_type("AWS::Lambda::Alias", given)
    assert len(groups) == len(aliases) == len(FUNCTIONS)
    for name, alias in aliases.items():
        policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = groups[policy["DeploymentGroupName"]["Ref"]]
        assert group.get("Condition") == alias.get("Condition"), name
        said = group["Properties"]
        assert said["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": {"Ref": "RolloutAlarm"}}]}
        assert said["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in said["AutoRollbackConfiguration"]["Events"]
        assert said["ServiceRoleArn"] == {"Fn::GetAtt": ["RolloutRole", "Arn"]}
        assert said["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": rollout}


def test_the_ways_are_codedeploys_own_and_each_but_one_shifts() -> None:
    assert set(ALLOWED) <= set(CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST)
    shifts = {name: each["Shifts"] for name, each in document()["Mappings"]["Rollouts"].items()}
    assert shifts == {each: "false" if each == "AllAtOnce" else "true" for each in ALLOWED}
    assert document()["Parameters"]["Rollout"]["Default"] in SHIFTING


def test_the_alarm_rings_within_the_shortest_canary() -> None:
    said = resources("AWS::CloudWatch::Alarm")["RolloutAlarm"]["Properties"]
    assert said["Period"] * said["EvaluationPeriods"] <= 60
    assert (said["MetricName"], said["Statistic"]) == ("5XXError", "Sum")


def test_codedeploy_may_move_the_aliases_of_this_stack_and_nothing_else() -> None:
    role = resources("AWS::IAM::Role")["RolloutRole"]["Properties"]
    [trusted] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    move, look = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert set(move["Action"]) == {"lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"}
    assert templates.template().resolve(move["Resource"]).endswith(":function:secondstep-*")
    assert look["Action"] == "cloudwatch:DescribeAlarms"
