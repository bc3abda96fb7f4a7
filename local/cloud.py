"""The local cloud: moto in this process, with the tables and keys of template.yaml.

Handlers in this process reach it through ordinary boto3 clients without any HTTP. Nothing is kept: all is forgotten
when it stops.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from local.atomic import MOTO, TokenMemory, atomic
from local.template import ACCOUNT, REGION, STACK, Template
from local.translation import Document

if TYPE_CHECKING:
    from local.lambda_service import LambdaService, Reply

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # moto checks no signature; real ones must never be used
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
# moto takes the place of boto3's connections; the lean client has its own.
IN_PROCESS = {"SECONDSTEP_AWS_CLIENT": "boto3"}
_DROPPED = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_KMS")


class Cloud:
    """Tables and keys of a template, in memory, with the isolation and idempotency that DynamoDB gives.

    `environment` is what the functions would be given, with what the caller adds to it; it stands in `os.environ`
    from `start` to `stop`. Who starts a second one stops it first. Without `streams` the tables have none: moto keeps
    what nobody takes, and loads its Lambda (0.3 s) for the first record. `lambdas`, where it is set, answers what
    concerns the functions.
    """

    lambdas: "LambdaService | None" = None

    def __init__(
        self,
        template: Template,
        environment: Mapping[str, str] | None = None,
        *,
        streams: bool = False,
        stack: str = STACK,
    ) -> None:
        self.template = template
        self._streams = streams
        self._stack = stack
        self._overrides = dict(environment or {})
        self._physical: dict[str, str] = {}
        self._beside: list[tuple[str, str, str]] = []
        self._memory = TokenMemory()
        self._running = ExitStack()
        self._stack_exists = False
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the tables and keys, and put the functions' environment in place."""
        with ExitStack() as starting:
            starting.enter_context(_environment(CREDENTIALS, dropped=_DROPPED))
            starting.enter_context(mock_aws(config={"core": {"mock_credentials": False}}))
            starting.enter_context(atomic(self._memory))
            starting.enter_context(patch.object(botocore_stubber, "process_request", self._beside_moto()))
            starting.callback(self._drop_tables)
            self._create_keys()
            self._create_tables()
            functions = self.template.environment(self._physical) | IN_PROCESS | self._overrides
            starting.enter_context(_environment(functions))
            self.environment = functions | CREDENTIALS
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Forget everything and give the process its environment back."""
        self._running.close()
        self._physical.clear()
        self._beside.clear()
        self._memory.forget()
        self._stack_exists = False

    def forget(self) -> None:
        """Empty the tables; tables, keys and the stack stay."""
        with MOTO:
            tables = dynamodb_backends[ACCOUNT][REGION].tables
            for name in self._tables():
                tables[name].items.clear()
                self._taken_from(tables[name])
            self._memory.forget()

    def stream(self, logical_id: str) -> list[Document]:
        """Return what a table's stream holds since it was asked last, as Lambda hands it to a function."""
        with MOTO:
            table = dynamodb_backends[ACCOUNT][REGION].tables[self._physical[logical_id]]
            arn = f"{table.table_arn}/stream/{table.latest_stream_label}"
            return [_as_lambda_gets(record, arn) for record in self._taken_from(table)]

    @staticmethod
    def _taken_from(table: Any) -> list[Document]:
        if not table.stream_shard:
            return []
        records = [one.to_json() for one in table.stream_shard.items]
        table.stream_shard.items.clear()
        table.stream_shard.starting_sequence_number += len(records)
        return records

    def client(self, service: str) -> Any:
        """Return a boto3 client of the local cloud."""
        return boto3.client(service, region_name=REGION, config=Config(retries={"total_max_attempts": 1}))  # type: ignore[call-overload]

    @property
    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack, as `describe_stacks` tells them."""
        return self.template.outputs(self._physical)

    def also(self, kind: str, logical_id: str, name: str) -> None:
        """Have the stack list a resource that somebody has made here; before anybody asks for its outputs."""
        self._beside.append((kind, logical_id, name))
        self._physical[logical_id] = name

    def physical(self, name: str) -> str:
        """Return what a table or key of the template is called here: `StateTable`, `SealKey.Arn`."""
        return self._physical[name]

    def _create_keys(self) -> None:
        kms = self.client("kms")
        for resource in self.template.of_type("AWS::KMS::Key"):
            properties = self.template.resolve(resource.properties, self._physical)
            made = kms.create_key(
                Description=properties.get("Description", ""),
                KeySpec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
                KeyUsage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
                Policy=json.dumps(properties["KeyPolicy"]),
            )["KeyMetadata"]
            if properties.get("EnableKeyRotation") in (True, "true"):
                kms.enable_key_rotation(KeyId=made["KeyId"])
            self._physical |= {resource.logical_id: made["KeyId"], f"{resource.logical_id}.Arn": made["Arn"]}
        for resource in self.template.of_type("AWS::KMS::Alias"):
            properties = self.template.resolve(resource.properties, self._physical)
            kms.create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])

    def _create_tables(self) -> None:
        dynamodb = self.client("dynamodb")
        for resource in self.template.of_type("AWS::DynamoDB::Table"):
            # As CloudFormation names it; so two clouds in one process (a test beside a session's) do not meet.
            name = f"{self._stack}-{resource.logical_id}-{secrets.token_hex(6).upper()}"
            properties = self.template.resolve(resource.properties, self._physical)
            request = _create_table(name, properties)
            if not self._streams:
                request.pop("StreamSpecification", None)
            made = dynamodb.create_table(**request)["TableDescription"]
            for call, request in _table_settings(name, properties):
                getattr(dynamodb, call)(**request)
            self._physical |= {resource.logical_id: name, f"{resource.logical_id}.Arn": made["TableArn"]}

    def _tables(self) -> list[str]:
        tables = self.template.of_type("AWS::DynamoDB::Table")
        return [self._physical[one.logical_id] for one in tables if one.logical_id in self._physical]

    def _drop_tables(self) -> None:
        with MOTO:
            for name in self._tables():
                dynamodb_backends[ACCOUNT][REGION].tables.pop(name, None)

    def _beside_moto(self) -> Callable[[Any], Any]:
        """Answer for the functions and the stack's list; create the stack when somebody asks CloudFormation.

        Loading moto's CloudFormation takes longer than all the rest.
        """
        process = botocore_stubber.process_request

        def process_request(request: Any) -> Any:
            reply = None
            if request.url.startswith("https://lambda.") and self.lambdas:
                reply = self.lambdas.answer(request.method, request.url, _bytes(request.body))
            if request.url.startswith("https://cloudformation."):
                reply = self._stack_list(parse_qs(_bytes(request.body).decode()))
                with MOTO:
                    self._create_stack()
            return reply or process(request)

        return process_request

    def _stack_list(self, asked: Mapping[str, list[str]]) -> "Reply | None":
        """Answer ListStackResources with what is really here: moto's stack itself has only outputs."""
        if asked.get("Action") != ["ListStackResources"] or asked.get("StackName") != [self._stack]:
            return None
        listed = [
            (resource.type, resource.logical_id, self._physical[resource.logical_id])
            for resource in self.template.of_type("AWS::DynamoDB::Table", "AWS::KMS::Key")
        ]
        listed.extend(self._beside)
        if self.lambdas:
            listed.extend(("AWS::Lambda::Function", one.logical_id, one.name) for one in self.lambdas.listed)
        members = "".join(map(_stack_member, listed))
        return 200, {"Content-Type": "text/xml"}, _STACK_LIST.format(members).encode()

    def _create_stack(self) -> None:
        if self._stack_exists:
            return
        self._stack_exists = True  # first: creating it asks CloudFormation
        outputs = {name: {"Value": value} for name, value in self.outputs.items()}
        # The tables and keys exist already, so the stack only says their names.
        template = {"Resources": {}, "Outputs": outputs, "Parameters": self.template.parameters}
        self.client("cloudformation").create_stack(StackName=self._stack, TemplateBody=json.dumps(template))


_SAME = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "DeletionProtectionEnabled")
_STACK_LIST = (
    '<ListStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
    "<ListStackResourcesResult><StackResourceSummaries>{}</StackResourceSummaries></ListStackResourcesResult>"
    "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></ListStackResourcesResponse>"
)


def _stack_member(resource: tuple[str, str, str]) -> str:
    kind, logical_id, physical = map(escape, resource)
    return (
        f"<member><ResourceType>{kind}</ResourceType><LogicalResourceId>{logical_id}</LogicalResourceId>"
        f"<PhysicalResourceId>{physical}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus>"
        "<LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>"
    )


def _bytes(body: bytes | str | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _create_table(name: str, properties: Document) -> Document:
    """Shape CloudFormation's properties as CreateTable wants them."""
    request: Document = {"TableName": name} | {key: properties[key] for key in _SAME if key in properties}
    if stream := properties.get("StreamSpecification"):
        request["StreamSpecification"] = stream | {"StreamEnabled": True}
    if sealed := properties.get("SSESpecification"):
        request["SSESpecification"] = {"Enabled": sealed["SSEEnabled"] in (True, "true")} | {
            key: sealed[key] for key in ("SSEType", "KMSMasterKeyId") if key in sealed
        }
    return request


def _as_lambda_gets(record: Document, stream: str) -> Document:
    """Shape moto's record as the event source mapping's JSON: a moment is a number there."""
    changed = record["dynamodb"] | {
        "ApproximateCreationDateTime": record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    }
    return record | {"awsRegion": REGION, "dynamodb": changed, "eventSourceARN": stream}


def _table_settings(name: str, properties: Document) -> Iterator[tuple[str, Document]]:
    if expiry := properties.get("TimeToLiveSpecification"):
        said = {"Enabled": expiry["Enabled"] in (True, "true"), "AttributeName": expiry["AttributeName"]}
        yield "update_time_to_live", {"TableName": name, "TimeToLiveSpecification": said}
    if backup := properties.get("PointInTimeRecoverySpecification"):
        enabled = backup["PointInTimeRecoveryEnabled"] in (True, "true")
        said = {"PointInTimeRecoveryEnabled": enabled}
        yield "update_continuous_backups", {"TableName": name, "PointInTimeRecoverySpecification": said}


@contextmanager
def _environment(values: Mapping[str, str], dropped: tuple[str, ...] = ()) -> Iterator[None]:
    """Set variables for a while; those that would lead to a real account are taken away meanwhile."""
    before = {name: os.environ.get(name) for name in (*values, *dropped)}
    for name in dropped:
        os.environ.pop(name, None)
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
