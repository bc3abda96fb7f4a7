"""The firewall: off by default; on, it refuses by rule, never for what a password looks like, and keeps nothing."""

import pytest

from local.template import Template
from tests import templates
from tests.templates import resources

RULES = {each["Name"]: each for each in resources("AWS::WAFv2::WebACL")["WebAcl"]["Properties"]["Rules"]}
# What would refuse a body or a query for what it says: a password, a redirect address, an account's picture.
ABOUT_CONTENT = {
    f"{kind}_{part}"
    for kind in ("EC2MetaDataSSRF", "GenericLFI", "GenericRFI", "CrossSiteScripting")
    for part in ("BODY", "QUERYARGUMENTS")
} | {"SizeRestrictions_BODY", "SizeRestrictions_QUERYSTRING"}


def test_it_is_off_by_default() -> None:
    assert not list(templates.template().of_type("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"))


def test_security_hub_api_gateway_4_it_stands_before_the_stage_where_it_is_asked_for() -> None:
    given = Template.load(parameters={"Firewall": "true"})
    [acl] = given.of_type("AWS::WAFv2::WebACL")
    [association] = given.of_type("AWS::WAFv2::WebACLAssociation")
    assert acl.properties["Scope"] == "REGIONAL"
    assert association.properties["WebACLArn"] == {"Fn::GetAtt": ["WebAcl", "Arn"]}
    arn = given.resolve(association.properties["ResourceArn"])
    assert arn.startswith("arn:aws:apigateway:eu-west-1::/restapis/")
    assert "Stage" in association.properties["ResourceArn"]["Fn::Sub"][1], "the stage has to be there first"


def test_an_address_that_asks_too_often_is_refused() -> None:
    limit = RULES["address"]["Statement"]["RateBasedStatement"]
    assert limit["AggregateKeyType"] == "IP"  # the connection's: a header that a client can send decides nothing (A12)
    assert limit["Limit"] == {"Ref": "FirewallRequests"}
    assert RULES["address"]["Action"] == {"Block": {}}


def test_ckv_aws_192_what_log4j_falls_for_is_refused() -> None:
    names = {
        each["Statement"]["ManagedRuleGroupStatement"]["Name"] for name, each in RULES.items() if name != "address"
    }
    assert names == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    }
    assert all(RULES[name]["OverrideAction"] == {"None": {}} for name in RULES if name != "address")


def test_what_a_body_or_a_query_says_is_counted_and_never_refused() -> None:
    group = RULES["common"]["Statement"]["ManagedRuleGroupStatement"]
    counted = {each["Name"] for each in group["RuleActionOverrides"] if each["ActionToUse"] == {"Count": {}}}
    assert counted == ABOUT_CONTENT | {"NoUserAgent_HEADER"}


@pytest.mark.parametrize("rule", RULES)
def test_nothing_that_goes_through_is_kept(rule: str) -> None:
    """A sample, like WAF's log, has headers and paths: whoever may look at it would read tokens."""
    assert RULES[rule]["VisibilityConfig"]["SampledRequestsEnabled"] is False
    assert not resources("AWS::WAFv2::LoggingConfiguration")


def test_a_refusal_is_a_problem_of_the_contract() -> None:
    assert "WAF_FILTERED" in templates.body()["x-amazon-apigateway-gateway-responses"]


def test_no_metric_has_a_name_that_waf_keeps_for_itself() -> None:
    """`All` and `Default_Action` are refused, and only the deployment would tell."""
    acl = resources("AWS::WAFv2::WebACL")["WebAcl"]["Properties"]
    names = [each["VisibilityConfig"]["MetricName"] for each in (acl, *RULES.values())]
    assert len(names) == len(set(names))
    assert not {"all", "default_action"} & {each.lower() for each in names}
