"""The AWS clients under test, for the very same tests: SECONDSTEP_AWS_CLIENT is `lean`, `boto3`, or nothing.

Nothing is what a plain run takes: moto answers without a wire, which is fastest.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from local.direct import DirectClient
from secondstep.aws import DynamoDb, Kms
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.lean.client import LeanDynamoDb, LeanKms, Surroundings
from secondstep.lean.connection import Limits
from secondstep.settings import AwsClient
from tests.loopback import Act, Loopback, Received, answers, half, whole

REGION = "eu-west-1"
_ASKED = os.environ.get("SECONDSTEP_AWS_CLIENT")
CHOSEN = AwsClient(_ASKED) if _ASKED else None  # read before the local cloud sets its own
_PATIENT = Limits(connect=5, read=30)  # a busy machine is no fault


class Clients(NamedTuple):
    """One client of each service."""

    dynamodb: DynamoDb
    kms: Kms


class Lean(NamedTuple):
    """The lean clients."""

    dynamodb: LeanDynamoDb
    kms: LeanKms

    def close(self) -> None:
        """Close their connections."""
        self.dynamodb.close()
        self.kms.close()


def lean(around: Surroundings) -> Lean:
    """Return lean clients in these surroundings."""
    return Lean(LeanDynamoDb(REGION, around), LeanKms(REGION, around))


@contextmanager
def clients(
    chosen: AwsClient | None, *, direct: DirectClient | None = None, dynamodb_url: str = ""
) -> Iterator[Clients]:
    """Return what the tests are to run with, while a cloud runs: DynamoDB in its moto or at an address, KMS in moto.

    With nothing chosen moto is asked for DynamoDB by `direct`, without a wire.
    """
    match chosen:
        case None:
            yield Clients(_without_a_wire(direct), Boto3Kms(REGION))
        case AwsClient.BOTO3:
            yield Clients(Boto3DynamoDb(REGION), Boto3Kms(REGION))
        case AwsClient.LEAN:
            with moto_over_http() as moto:
                places = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url or moto, "AWS_ENDPOINT_URL_KMS": moto}
                ours = lean(Surroundings({**os.environ, **places}, time.time, lambda _: None, _PATIENT))
                try:
                    yield Clients(*ours)
                finally:
                    ours.close()


def _without_a_wire(direct: DirectClient | None) -> Boto3DynamoDb:
    adapter = Boto3DynamoDb.__new__(Boto3DynamoDb)
    adapter._client = direct
    return adapter


@contextmanager
def moto_over_http() -> Iterator[str]:
    """Serve the moto of this process (its cloud must run) and return the address.

    What fails between boto3 and moto (an exception of botocore's there) is a broken answer here.
    """
    with Loopback(_at_moto) as server:
        yield server.url


def _at_moto(received: Received) -> Act:
    service = "kms" if received.headers["x-amz-target"].startswith("TrentService") else "dynamodb"
    headers = HTTPHeaders()
    for name, value in received.headers.items():
        if name != "host":
            headers[name] = value
    url = f"https://{service}.eu-west-1.amazonaws.com/"
    try:
        reply = botocore_stubber.process_request(AWSPreparedRequest("POST", url, headers, received.body, False))
    except Exception:  # noqa: BLE001 - a fault that a test has put there
        return half()
    if reply is None:
        raise AssertionError(received.operation)
    status, told, body = reply
    raw = body.encode() if isinstance(body, str) else body
    pairs = dict(told).items()  # of a refusal moto tells pairs
    kept = {name: str(value) for name, value in pairs if name.lower() not in ("content-length", "connection")}
    return answers(whole(int(status), kept, raw))
