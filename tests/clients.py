"""The AWS clients under test, for the very same tests: SECONDSTEP_AWS_CLIENT is `lean`, `boto3`, or nothing.

Nothing is what a plain run takes: moto answers without a wire, which is fastest.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from local.direct import DirectClient
from secondstep.aws import DynamoDb, Kms
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.lean.client import LeanDynamoDb, LeanKms, Surroundings
from secondstep.lean.connection import Limits
from secondstep.settings import AwsClient
from tests.loopback import moto_over_http

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
