"""What the parts cost by themselves, CPU milliseconds: `python -m tests.bench.floors PORT` (a canned GetItem there)."""

import hmac
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import jwt
import pyotp
from argon2 import PasswordHasher
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import rsa

_ROUNDS = 5


def _best(act: Callable[[], object], count: int) -> float:
    """Return the least CPU time of one call, over a few rounds of `count` calls."""
    act()
    found = []
    for _ in range(_ROUNDS):
        before = time.process_time_ns()
        for _ in range(count):
            act()
        found.append((time.process_time_ns() - before) / count / 1e6)
    return min(found)


def main(port: int) -> dict[str, float]:
    """Measure each floor."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    stored = hasher.hash("correct horse battery staple")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    totp = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    config = Config(retries={"mode": "standard", "total_max_attempts": 2})
    address = f"http://127.0.0.1:{port}"
    client = boto3.client("dynamodb", region_name="eu-west-1", endpoint_url=address, config=config)
    asked: Any = {"TableName": "t", "Key": {"pk": {"S": "SUBSCRIBER#x"}, "sk": {"S": "STATE"}}}
    return {
        "hmac (sha1)": _best(lambda: hmac.digest(b"k" * 20, b"12345678", "sha1"), 2000),
        "TOTP, three steps (pyotp)": _best(lambda: totp.verify("000000", for_time=1_000_000, valid_window=1), 200),
        "argon2id 19 MiB, 2, 1": _best(lambda: hasher.verify(stored, "correct horse battery staple"), 5),
        "RS256 signature": _best(lambda: jwt.encode({"sub": "x"}, key, algorithm="RS256"), 20),
        "boto3 get_item": _best(lambda: client.get_item(**asked), 50),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))  # noqa: T201
