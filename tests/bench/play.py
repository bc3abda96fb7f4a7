"""Play what was recorded in processes of their own, against a canned AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLIENTS = ("lean", "boto3")  # the first one is what a deployment has, and is held to the goals
_ROOT = Path(__file__).resolve().parents[2]
# As on Lambda: the layer's packages and the runtime's own, none of a developer's (botocore would take awscrt along).
PYTHON = _ROOT / ".tools" / "runtime" / "bin" / "python"


@contextmanager
def canned(*files: Path) -> Iterator[int]:
    """Run a canned AWS that answers from the tapes of scenarios; yield its port."""
    with serving([sys.executable, "-m", "tests.bench.canned", *map(str, files)], os.environ) as port:
        yield port


@contextmanager
def serving(command: list[str], its_environment: Mapping[str, str]) -> Iterator[int]:
    """Run a server that prints its port and ends with its standard input; yield the port."""
    with subprocess.Popen(  # noqa: S603
        command, env=its_environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def in_a_process(module: str, *arguments: object, client: str) -> dict[str, Any]:
    """Run a module of the benchmark with one of the AWS clients, and return the JSON line that it prints."""
    return json.loads(run(["-m", module, *map(str, arguments)], client=client).splitlines()[-1])  # type: ignore[no-any-return]


def run(arguments: list[str], *, client: str, **more: str) -> str:
    """Run Python with one of the AWS clients; return its standard output."""
    done = subprocess.run(  # noqa: S603
        [PYTHON, *arguments],
        env=environment(client) | more,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def environment(client: str) -> dict[str, str]:
    """Return what a measured process finds in its environment: nothing of whoever started the benchmark."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{_ROOT}/layers/secondstep:{_ROOT}",
        "SECONDSTEP_AWS_CLIENT": client,
        "STATE_TABLE": "s",
        "AUDIT_TABLE": "a",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
