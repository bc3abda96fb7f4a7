"""What template.yaml deploys, as the tests of it read it: roles as rights, key policies as who may do what.

IAM's conditions are acted out here as far as the template uses them, because no emulator does: moto asks nobody, and
ministack knows neither `dynamodb:LeadingKeys` nor `kms:EncryptionContext`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from cfnlint.api import ManualArgs, lint

from local.template import TEMPLATE, Template
from tests.recording import Called

type Json = Any

NOTICE_FROM = "no-reply@example.test"

_ACTIONS = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "encrypt": "kms:Encrypt",
    "decrypt": "kms:Decrypt",
}
_COMPARISONS = {"StringEquals": str.__eq__, "Bool": str.__eq__}
_PARTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


class Asked(NamedTuple):
    """One question to IAM: an action on a table or key, and what its condition keys say of the request."""

    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]]


class Statement(NamedTuple):
    """One statement of a policy that allows something; resources are logical ids."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, tuple[str, ...]]]

    def allows(self, asked: Asked) -> bool:
        """Tell whether the statement allows exactly this."""
        named = asked.action in self.actions and asked.resource in self.resources
        return named and all(_holds(*clause, asked.keys) for clause in self.condition.items())

    @property
    def partitions(self) -> tuple[str, ...]:
        """Return the patterns of the partitions that the statement is held to."""
        patterns = (clause.get("dynamodb:LeadingKeys", ()) for clause in self.condition.values())
        return tuple(each for pattern in patterns for each in pattern)


class Policy:
    """All that a role, or a key's policy, allows."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = tuple(statements)

    def allows(self, asked: Asked) -> bool:
        """Tell whether any statement allows this."""
        return any(statement.allows(asked) for statement in self.statements)

    def on(self, resource: str) -> set[str]:
        """Return the actions on a table, key or log group, whatever their conditions."""
        return {action for each in self.statements if resource in each.resources for action in each.actions}


@cache
def template(origins: str = "https://app.example.test") -> Template:
    """Return template.yaml, translated."""
    return Template.load(TEMPLATE, parameters={"AllowedOrigins": origins, "NoticeFrom": NOTICE_FROM})


def document() -> dict[str, Json]:
    """Return the whole translated template: what CloudFormation would be given."""
    whole: dict[str, Json] = template()._document
    return whole


def resources(kind: str) -> dict[str, dict[str, Json]]:
    """Return the resources of a CloudFormation type by logical id, conditional ones too."""
    return {name: each for name, each in document()["Resources"].items() if each["Type"] == kind}


@cache
def body(origins: str = "https://app.example.test") -> dict[str, Json]:
    """Return the API's definition, with its conditions decided."""
    given = template(origins)
    (api,) = given.of_type("AWS::ApiGateway::RestApi")
    return dict(given.resolve({key: each for key, each in api.properties["Body"].items() if key != "paths"})) | {
        "paths": api.properties["Body"]["paths"]
    }


@cache
def role_of(function: str) -> Policy:
    """Return the rights of a function, from its own role."""
    properties = resources("AWS::Lambda::Function")[function]["Properties"]
    role = resources("AWS::IAM::Role")[_logical_id(properties["Role"])]["Properties"]
    return Policy(_statement(each) for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"])


def findings(translated: Json) -> list[str]:
    """Return what cfn-lint says of a translated template; what only the translator reads is not unused."""
    read_by_sam = ["W2001", "W7001"]  # parameter Rollout and its mapping; the source itself is linted with both
    found = lint(json.dumps(translated), config=ManualArgs(regions=["eu-west-1"], ignore_checks=read_by_sam))
    return [str(each) for each in found]


@cache
def key_policy(key: str) -> Policy:
    """Return what a key's own policy allows; its resource `*` is the key."""
    return Policy(_statement(each)._replace(resources=(key,)) for each in key_statements(key))


def key_statements(key: str, given: Template | None = None) -> list[dict[str, Json]]:
    """Return the statements of a key's own policy, without those whose condition does not hold."""
    decides = given or template()
    policy = resources("AWS::KMS::Key")[key]["Properties"]["KeyPolicy"]
    return [said for each in policy["Statement"] for said in _decided(each, decides)]


def _decided(statement: dict[str, Json], decides: Template) -> list[dict[str, Json]]:
    """Return what stands where a statement depends on a condition; nothing for `AWS::NoValue`."""
    if "Fn::If" not in statement:
        return [statement]
    name, then, otherwise = statement["Fn::If"]
    stands = then if decides.condition(name) else otherwise
    return [] if stands == {"Ref": "AWS::NoValue"} else [stands]


def questions(call: Called, logical_ids: Mapping[str, str]) -> Iterator[Asked]:
    """Return what IAM is asked for one call; `logical_ids` leads from table names and key ids to the template's."""
    request = call.request
    if call.operation in ("encrypt", "decrypt"):
        said = {f"kms:EncryptionContext:{name}": (value,) for name, value in request["EncryptionContext"].items()}
        yield Asked(_ACTIONS[call.operation], logical_ids[request["KeyId"]], said)
    elif call.operation == "batch_get_item":
        for table, asked in request["RequestItems"].items():
            yield _on_table("dynamodb:BatchGetItem", logical_ids[table], *(key["pk"]["S"] for key in asked["Keys"]))
    elif call.operation == "transact_write_items":
        for part in request["TransactItems"]:
            ((kind, one),) = part.items()
            yield _on_table(_PARTS[kind], logical_ids[one["TableName"]], _partition(one))
    elif call.operation == "query":
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield _on_table("dynamodb:Query", logical_ids[request["TableName"]] + index, _queried(request))
    else:
        yield _on_table(_ACTIONS[call.operation], logical_ids[request["TableName"]], _partition(request))


def _on_table(action: str, table: str, *partitions: str) -> Asked:
    return Asked(action, table, {"dynamodb:LeadingKeys": partitions})


def _queried(request: Mapping[str, Json]) -> str:
    """Return the partition that a Query reads: what its key condition compares first."""
    value = str(request["KeyConditionExpression"]).split(" = ")[1].split(" AND ")[0]
    return str(request["ExpressionAttributeValues"][value]["S"])


def _partition(request: Mapping[str, Json]) -> str:
    return str((request.get("Key") or request["Item"])["pk"]["S"])


def _statement(said: Mapping[str, Json]) -> Statement:
    assert said["Effect"] == "Allow", "a Deny is not acted out here"
    condition = {
        operator: {key: _texts(value) for key, value in clause.items()}
        for operator, clause in said.get("Condition", {}).items()
    }
    named = tuple(_logical_id(each) for each in _listed(said["Resource"]))
    return Statement(said["Sid"], _texts(said["Action"]), named, condition)


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(template().resolve(each)) for each in _listed(value))


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _logical_id(value: Json) -> str:
    """Return the logical id of a resource; a table's stream is `AuditTable.StreamArn`, what is no resource its ARN.

    A table's index is the table's id and the path below it.
    """
    if isinstance(value, dict) and ".Arn}/index/" in str(value.get("Fn::Sub")):
        return str(value["Fn::Sub"]).removeprefix("${").replace(".Arn}", "")
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        name, attribute = value["Fn::GetAtt"]
        return str(name if attribute == "Arn" else f"{name}.{attribute}")
    return str(template().resolve(value))


def _holds(operator: str, clause: Mapping[str, tuple[str, ...]], asked: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a condition holds; without ForAllValues an absent key never matches."""
    for_all, _, comparison = operator.rpartition(":")
    same = fnmatchcase if comparison in ("StringLike", "ArnLike") else _COMPARISONS[comparison]
    return all(
        (for_all == "ForAllValues" or key in asked)
        and all(any(same(value, pattern) for pattern in patterns) for value in asked.get(key, ()))
        for key, patterns in clause.items()
    )
