"""How long a move of 10,000 subscribers takes, and how much memory: `python -m tests.bench.moving [count]`.

DynamoDB is AWS's DynamoDB Local (moto copies its tables for every transaction), the rest is the local cloud in this
process; import and export run as the operator's command does, in processes of their own. Their peak memory is Linux'
VmHWM (`ru_maxrss` would count what started them). A tenth of the count is measured first: bounded memory does not grow
with it.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from local.aws_door import AwsDoor
from local.cloud import CREDENTIALS, Cloud
from local.server import Server, bound
from local.template import REGION, TEMPLATE, Template
from tests import dynamodb_local
from tests.importing import makers

_COUNT = 10_000


def main(count: int) -> None:
    """Measure a tenth, then all."""
    template = Template.load(TEMPLATE, {"PublicUrl": "http://localhost"})
    with Cloud(template) as cloud, dynamodb_local.dynamodb_local() as endpoint, TemporaryDirectory() as folder:
        dynamodb_local.create_tables(dynamodb_local.client(endpoint), template)
        cloud.client("sts").get_caller_identity()
        with addresses_of(endpoint) as addresses:
            for each in (count // 10, count):
                _measured(Path(folder), each, addresses)


@contextmanager
def addresses_of(dynamodb: str) -> Iterator[dict[str, str]]:
    """Yield the environment in which a command reaches the local cloud, and its tables at that address."""
    server = Server(AwsDoor(), bound(0))
    server.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://localhost:{server.port}",
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
            "AWS_REGION": REGION,
        }
    finally:
        server.stop()


def _measured(folder: Path, count: int, addresses: dict[str, str]) -> None:
    account, back = f"moving-{count}", f"back-{count}"
    users, exported = folder / f"{count}.jsonl", folder / f"{count}.export.jsonl"
    _write_users(users, count)
    command(addresses, "account", "create", account, "--admin", "kim", "--json")
    for title, arguments in (
        ("dry run", ("import", account, users, "--format", "rows", "--dry-run", "--json")),
        ("import", ("import", account, users, "--format", "rows", "--json")),
        ("export", ("export", account, exported, "--json")),
        ("import of the export", ("import", back, exported, "--format", "secondstep", "--json")),
    ):
        seconds, megabytes = command(addresses, *arguments)
        print(f"{title:22} {count:7,} subscribers {seconds:7.1f} s {megabytes:6.0f} MB", flush=True)  # noqa: T201


def _write_users(path: Path, count: int) -> None:
    """One hash for all: it is not hashing that is measured."""
    stored = makers.REDUCED["django"]("plain enough")
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            seed = base64.b32encode(secrets.token_bytes(20)).decode()
            row = {
                "username": f"user{number:06d}",
                "password": stored,
                "secret": seed,
                "email": f"u{number}@example.com",
            }
            file.write(json.dumps(row) + "\n")


def command(addresses: dict[str, str], *arguments: object) -> tuple[float, float]:
    """Run the operator's command; return its seconds and its peak memory in MB."""
    since = time.perf_counter()
    measuring = (
        "import re, sys; from cli.main import main\n"
        "try: main()\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )
    environment = os.environ | CREDENTIALS | addresses
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", measuring, *(str(each) for each in arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"{arguments}: {ran.stdout[-500:]} {ran.stderr[-2000:]}")
    return time.perf_counter() - since, int(ran.stderr.split()[-1]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _COUNT)
