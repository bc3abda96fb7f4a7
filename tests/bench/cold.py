"""What a cold start costs before any request: imports, in CPU milliseconds of a process, and which are the dearest."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bench import play

_ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("login", "enroll", "verify", "refresh", "me", "authorizer", "reset", "admin", "password", "published")
# INIT as Lambda runs it: the module, and the environment's parts with their clients.
_BEGIN = (
    "import functions.{0}.app; from secondstep import wiring; from secondstep.settings import Settings; import os; "
    "wiring.build(Settings.from_environment(os.environ))"
)
_BOTO3 = "import boto3; [boto3.client(name, region_name='eu-west-1') for name in ('dynamodb', 'kms')]"
_TELL = "import resource; used = resource.getrusage(resource.RUSAGE_SELF); print(used.ru_utime + used.ru_stime)"
_ROUNDS = 5


class Import(NamedTuple):
    """A module and what it took by itself, in milliseconds of wall time."""

    module: str
    milliseconds: float


def begin(function: str, client: str) -> float:
    """Return the CPU milliseconds of a function's INIT, above a bare Python."""
    return _cpu(_BEGIN.format(function), client) - _cpu("pass", client)


def boto3_and_two_clients() -> float:
    """Return what `import boto3` and the clients of DynamoDB and KMS cost, above a bare Python."""
    return _cpu(_BOTO3, "boto3") - _cpu("pass", "boto3")


def dearest(function: str, client: str, count: int = 10) -> list[Import]:
    """Return the modules that take longest by themselves, as `-X importtime` tells."""
    code = ["-X", "importtime", "-c", _BEGIN.format(function)]
    done = subprocess.run(  # noqa: S603
        [play.PYTHON, *code], env=play.environment(client), capture_output=True, text=True, check=True, cwd=_ROOT
    )
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr)
    listed = (Import(module, int(microseconds) / 1000) for microseconds, module in found)
    return sorted(listed, key=lambda each: -each.milliseconds)[:count]


def _cpu(code: str, client: str) -> float:
    said = (play.run(["-c", f"{code}\n{_TELL}"], client=client) for _ in range(_ROUNDS))
    return min(float(each.splitlines()[-1]) for each in said) * 1000
