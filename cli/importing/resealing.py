"""KMS ReEncrypt: a sealed secret for another account or deployment, without being opened on the operator's machine.

It wants `kms:ReEncryptFrom` on the key that sealed and `kms:ReEncryptTo` on this deployment's: docs/moving-in.md.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.importing.candidate import Unreadable
from secondstep.aws import AwsRefused, AwsUnavailable

_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
_NOT_OF_THIS_CONTEXT = {"InvalidCiphertextException", "IncorrectKeyException"}
_REFUSED = {"AccessDeniedException", "NotFoundException", "DisabledException", "KMSInvalidStateException"}


class ReEncrypt:
    """Seals ciphertexts anew under one key."""

    def __init__(self, region: str, key_arn: str) -> None:
        self._client: Any = boto3.client("kms", region_name=region, config=_CONFIG)
        self._key_arn = key_arn

    def __call__(self, sealed: bytes, before: dict[str, str], after: dict[str, str]) -> bytes:
        """Return the same secret, sealed for `after` (one ReEncrypt)."""
        try:
            answer = self._client.re_encrypt(
                CiphertextBlob=sealed,
                SourceEncryptionContext=before,
                DestinationKeyId=self._key_arn,
                DestinationEncryptionContext=after,
            )
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if code in _NOT_OF_THIS_CONTEXT:
                raise Unreadable("a sealed secret is not this subscriber's") from refused
            raise (AwsRefused(code) if code in _REFUSED else AwsUnavailable(code)) from refused
        except BotoCoreError as fault:
            raise AwsUnavailable(type(fault).__name__) from fault
        return bytes(answer["CiphertextBlob"])
