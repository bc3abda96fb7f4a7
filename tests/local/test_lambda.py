"""Lambda behind the local AWS door: the template's functions answer an operator's command, and nobody else's do."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws_door import AwsDoor
from local.functions import Functions
from local.lambda_service import LambdaService
from local.server import HOST, Server, bound
from tests.service import Service

_NO_RETRY = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """Return a client that comes over HTTP, as the command does."""
    service.cloud.lambdas = LambdaService(Functions(service.cloud.template))
    server = Server(AwsDoor(), bound(0))
    server.start()
    yield boto3.client("lambda", endpoint_url=f"http://{HOST}:{server.port}", config=_NO_RETRY)
    server.stop()
    service.cloud.lambdas = None


def test_a_function_of_the_template_answers_over_http(service: Service, client: Any) -> None:
    reply = client.invoke(FunctionName="secondstep-RotateFunction", Payload=b'{"action": "rotate"}')
    assert "FunctionError" not in reply
    answer = json.loads(reply["Payload"].read())
    assert answer["kid"] in {item["sk"] for item in service.state() if item["pk"] == "SIGNING_KEY"}


def test_it_is_found_by_its_arn_too_and_an_empty_payload_is_an_empty_event(client: Any) -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:secondstep-RotateFunction"
    assert set(json.loads(client.invoke(FunctionName=arn)["Payload"].read())) == {"kid", "signs_from"}


def test_a_function_that_raises_is_an_answer_with_its_error(service: Service, client: Any) -> None:
    failing = Functions(service.cloud.template, {"RotateFunction": lambda *_: 1 / 0})
    service.cloud.lambdas = LambdaService(failing)
    reply = client.invoke(FunctionName="secondstep-RotateFunction", Payload=b"{}")
    assert reply["FunctionError"] == "Unhandled"
    told = {"errorMessage": "division by zero", "errorType": "ZeroDivisionError"}
    assert json.loads(reply["Payload"].read()) == told


@pytest.mark.parametrize("name", ["other", "RotateFunction", "secondstep-RotateFunction-2", "..%2f..%2fos"])
def test_nothing_else_can_be_invoked(client: Any, name: str) -> None:
    with pytest.raises(ClientError):
        client.invoke(FunctionName=name, Payload=b"{}")


def test_a_function_can_neither_be_changed_nor_deleted(service: Service, client: Any) -> None:
    changes: dict[str, dict[str, object]] = {
        "delete_function": {},
        "update_function_code": {"ZipFile": b"x"},
        "update_function_configuration": {"Description": "x"},
    }
    for call, more in changes.items():
        with pytest.raises(ClientError):
            getattr(client, call)(FunctionName="secondstep-RotateFunction", **more)
    assert client.get_function_configuration(FunctionName="secondstep-RotateFunction")["State"] == "Active"


def test_a_function_has_the_alias_that_is_invoked_and_no_other(service: Service, client: Any) -> None:
    assert "RoutingConfig" not in client.get_alias(FunctionName="secondstep-RotateFunction", Name="live")
    with pytest.raises(ClientError):
        client.get_alias(FunctionName="secondstep-RotateFunction", Name="another")


def test_the_stack_lists_what_is_here(service: Service, client: Any) -> None:
    cloud = service.cloud
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="secondstep")
    listed = {each["LogicalResourceId"]: each for page in pages for each in page["StackResourceSummaries"]}
    assert {each["ResourceStatus"] for each in listed.values()} == {"CREATE_COMPLETE"}
    assert listed["StateTable"]["PhysicalResourceId"] == cloud.outputs["StateTable"]
    functions = {name for name, each in listed.items() if each["ResourceType"] == "AWS::Lambda::Function"}
    assert functions == set(cloud.template.functions)
    assert cloud.outputs["RotateFunction"] == listed["RotateFunction"]["PhysicalResourceId"]


def test_without_functions_moto_answers(service: Service) -> None:
    with pytest.raises(ClientError) as refused:
        service.cloud.client("lambda").invoke(FunctionName="secondstep-RotateFunction", Payload=b"{}")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
