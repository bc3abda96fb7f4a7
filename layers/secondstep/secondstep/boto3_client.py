"""The protocols of `aws` by boto3: explicit time-outs and retries, and boto3's errors in our own words.

The reference that `lean` is held to, and what the rare operations and the command use. Only wiring imports this
module, and with it boto3, where it is chosen or where one of those operations is called.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from secondstep.aws import Answer, AwsError, AwsUnavailable, failure

# Far below the function's and the gateway's time-out; two attempts, so one lost reply or throttle is survived.
_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


class _Client:
    def __init__(self, service: str, region: str) -> None:
        self._client = _made(service, region)

    def _call(self, operation: Callable[..., Answer], request: dict[str, Any]) -> Answer:
        return _called(operation, request)


def _made(service: str, region: str) -> Any:
    try:
        return boto3.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]
    except BotoCoreError as fault:  # with SnapStart boto3 asks for credentials here
        raise AwsUnavailable(type(fault).__name__) from fault


def _called(operation: Callable[..., Answer], request: dict[str, Any]) -> Answer:
    try:
        return operation(**request)
    except ClientError as refused:
        raise _translated(refused) from refused
    except BotoCoreError as fault:  # no network, time-outs, no credentials
        raise AwsUnavailable(type(fault).__name__) from fault


class Boto3DynamoDb(_Client):
    """DynamoDB by boto3."""

    def __init__(self, region: str) -> None:
        super().__init__("dynamodb", region)

    def get_item(self, **request: Any) -> Answer:
        """Read one item."""
        return self._call(self._client.get_item, request)

    def batch_get_item(self, **request: Any) -> Answer:
        """Read several items in one call."""
        return self._call(self._client.batch_get_item, request)

    def query(self, **request: Any) -> Answer:
        """Read the items of one partition."""
        return self._call(self._client.query, request)

    def put_item(self, **request: Any) -> Answer:
        """Write one item."""
        return self._call(self._client.put_item, request)

    def update_item(self, **request: Any) -> Answer:
        """Change one item."""
        return self._call(self._client.update_item, request)

    def transact_write_items(self, **request: Any) -> Answer:
        """Write several items, all or none."""
        return self._call(self._client.transact_write_items, request)


class Boto3Kms(_Client):
    """KMS by boto3."""

    def __init__(self, region: str) -> None:
        super().__init__("kms", region)

    def encrypt(self, **request: Any) -> Answer:
        """Seal at most 4,096 bytes under a key and an encryption context."""
        return self._call(self._client.encrypt, request)

    def decrypt(self, **request: Any) -> Answer:
        """Open a ciphertext; the encryption context must be the one it was sealed with."""
        return self._call(self._client.decrypt, request)


class Boto3EventBridge:
    """EventBridge by boto3. The client is made at the first call: no login function ever makes one."""

    def __init__(self, region: str) -> None:
        self._client = cache(lambda: _made("events", region))

    def put_events(self, **request: Any) -> Answer:
        """Put events on a bus."""
        return _called(self._client().put_events, request)


class Boto3Ses:
    """SES by boto3, its client made at the first call as well."""

    def __init__(self, region: str) -> None:
        self._client = cache(lambda: _made("sesv2", region))

    def send_email(self, **request: Any) -> Answer:
        """Send one mail."""
        return _called(self._client().send_email, request)


def _translated(refused: ClientError) -> AwsError:
    answer: dict[str, Any] = dict(refused.response)
    code = answer.get("Error", {}).get("Code", "")
    return failure(code, answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0), answer)
