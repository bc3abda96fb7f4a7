"""The deployment that the command works on: its tables by the stack's outputs, and who is asking.

`AWS_ENDPOINT_URL` leads to the local cloud instead; it answers as a deployment does.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from secondstep.acting import ActingOperator
from secondstep.audit import Operator
from secondstep.aws import Answer, AwsError
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.context import RequestContext
from secondstep.errors import NotFound
from secondstep.keys import SealKey
from secondstep.store import Store
from secondstep.store.operation import Operation
from secondstep.subscriber import Identity, new_id

# An operator waits at a terminal: two attempts, then a sentence.
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


class DeploymentError(Exception):
    """The deployment cannot be reached or used; the message is a sentence for the operator."""


class OperatorDynamoDb(Boto3DynamoDb):
    """DynamoDB by boto3, with what no function may: to read a whole table."""

    def scan(self, **request: object) -> Answer:
        """Read a page of a table."""
        return self._call(self._client.scan, request)


class Deployment(NamedTuple):
    """A store of the deployment, its seal key, the names of its tables, and the ARN that its audit will name."""

    store: Store
    operator_arn: str
    seal_key: SealKey
    seal_key_arn: str
    region: str
    operation: Operation
    state: str
    audit: str

    def actor(self, account: str) -> ActingOperator:
        """Return the operator, acting in an account; InvalidRequest, or NotFound where there is no such account."""
        Identity.parse(account=account, login_name="anybody")
        if not self.operation.is_known(account):
            raise NotFound(f"There is no account {account}. `secondstep account list` shows them.")
        return ActingOperator(account, Operator(self.operator_arn))

    def context(self) -> RequestContext:
        """Return the context of one command: its time, and a request id to find it by."""
        moment = time.time()
        return RequestContext(
            now=int(moment),
            milliseconds=int(moment * 1000),
            source="secondstep",
            charged_address=None,
            request_id=f"cli-{new_id()}",
            issuer="",
        )


def find(stack: str, region: str | None) -> Deployment:
    """Return the deployment of a stack, by its outputs; DeploymentError says what is missing."""
    session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    if session.region_name is None:
        raise DeploymentError("No region is set: give --region, or set AWS_REGION.")
    with explained(stack):
        found = session.client("cloudformation", config=_CONFIG).describe_stacks(StackName=stack)
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Stacks"][0].get("Outputs", [])}
        arn = session.client("sts", config=_CONFIG).get_caller_identity()["Arn"]
    try:
        state, audit, seal_key_arn = outputs["StateTable"], outputs["AuditTable"], outputs["SealKeyArn"]
    except KeyError as missing:
        raise DeploymentError(f"The stack {stack} has no output {missing}. Is it a Secondstep?") from missing
    tables = OperatorDynamoDb(session.region_name)
    store = Store(tables, state=state, audit=audit, pause=time.sleep)
    operation = Operation(tables, state=state, audit=audit, pause=time.sleep)
    seal_key = SealKey(Boto3Kms(session.region_name), seal_key_arn)
    return Deployment(store, arn, seal_key, seal_key_arn, session.region_name, operation, state, audit)


@contextmanager
def opened(stack: str, region: str | None) -> Iterator[Deployment]:
    """Yield the deployment of a stack; a right that is missing is a sentence (DeploymentError)."""
    deployment = find(stack, region)
    with explained_writes():
        yield deployment


@contextmanager
def explained(stack: str) -> Iterator[None]:
    """Turn what AWS refuses or does not answer into a sentence (DeploymentError)."""
    try:
        yield
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        if code == "ValidationError":
            raise DeploymentError(f"There is no stack {stack} here. Give its name with --stack.") from refused
        raise DeploymentError(f"AWS refused: {code}. Which credentials are in force?") from refused
    except BotoCoreError as fault:
        raise DeploymentError(f"AWS could not be asked: {fault}") from fault


@contextmanager
def explained_writes() -> Iterator[None]:
    """Turn a defect of the deployment (a right that is missing) into a sentence."""
    try:
        yield
    except AwsError as refused:
        raise DeploymentError(f"AWS refused: {refused}. Which credentials are in force?") from refused
