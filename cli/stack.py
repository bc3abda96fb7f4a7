"""A stack as AWS tells it: its outputs, its resources, and the clients to look closer."""

import os
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from cli.deployment import DeploymentError, explained

# A function may take its ten seconds and a cold start; two attempts, then a sentence.
_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})


class Resource(NamedTuple):
    """One resource of a stack; `name` is what its service calls it."""

    logical_id: str
    type: str
    name: str
    status: str


class Stack(NamedTuple):
    """A deployed stack."""

    name: str
    region: str
    status: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    resources: tuple[Resource, ...]

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        """Return the resources of a CloudFormation type."""
        return tuple(each for each in self.resources if each.type == kind)

    def output(self, name: str) -> str:
        """Return an output; DeploymentError where the stack has none of that name."""
        if name not in self.outputs:
            raise DeploymentError(f"The stack {self.name} has no output {name}. Deploy this release first.")
        return self.outputs[name]

    def client(self, service: str) -> Any:
        """Return a client of an AWS service in the stack's region."""
        return _client(service, self.region)


def find_stack(stack: str, region: str | None) -> Stack:
    """Return a stack with all its resources; DeploymentError says why there is none."""
    found_region = boto3.Session(region_name=region or os.environ.get("AWS_REGION")).region_name
    if found_region is None:
        raise DeploymentError("No region is set: give --region, or set AWS_REGION.")
    with explained(stack):
        cloudformation = _client("cloudformation", found_region)
        told = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = tuple(_resource(each) for page in pages for each in page["StackResourceSummaries"])
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in told.get("Parameters", [])}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}
    return Stack(stack, found_region, told["StackStatus"], parameters, outputs, resources)


def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]


def _resource(told: dict[str, Any]) -> Resource:
    return Resource(
        told["LogicalResourceId"], told["ResourceType"], told.get("PhysicalResourceId", ""), told["ResourceStatus"]
    )
