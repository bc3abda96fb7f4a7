"""The template under checkov, offline (`make check`): every finding is mended, or excused below with its reason.

What is scanned is the translated template, all that CloudFormation would be given; the source has YAML merges, which
checkov's parser refuses. An excuse names the resources that it is for, and one that is not needed any more is an error,
so the list never grows old. checkov has an environment of its own (`scripts/tool checkov`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tests import templates

ROOT = Path(__file__).resolve().parent.parent
CHECKOV = ROOT / ".tools/checkov/bin/checkov"
SCANNED = ROOT / ".aws-sam/translated.json"

# Without the network, and in no file of another one's: what checkov might ask for policies, updates and modules.
_FLAGS = ("--framework", "cloudformation", "--skip-download", "--output", "json", "--quiet", "--soft-fail")
_UNSET = ("BC_API_KEY", "PRISMA_API_URL", "CKV_GITHUB_CONFIG_FETCH_DATA")
_OFFLINE = {"BC_SKIP_MAPPING": "TRUE", "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false", "LOG_LEVEL": "WARNING"}

FUNCTION, LOG_GROUP = "AWS::Lambda::Function.", "AWS::Logs::LogGroup."
STAGE, QUEUE = "AWS::ApiGateway::Stage.ApiliveStage", "AWS::SQS::Queue.UndeliveredQueue"


class Excuse(NamedTuple):
    """Why a finding stays: for these resources (patterns), all of which must have it."""

    resources: tuple[str, ...]
    reason: str


class Finding(NamedTuple):
    """A check that a resource has not passed."""

    check: str
    resource: str
    title: str


_RESERVABLE = ("Login", "Enroll", "Verify", "Password", "Refresh")
_ALL = (*_RESERVABLE, "Me", "Authorizer", "Admin", "Reset", "Published", "Rotate", "Notify", "Mail")


def _functions(*names: str) -> tuple[str, ...]:
    return tuple(f"{FUNCTION}{name}Function" for name in names)


EXCUSES: Mapping[str, Excuse] = {
    "CKV_AWS_27": Excuse(
        (QUEUE,),
        "The queue is encrypted by SQS's own keys (SqsManagedSseEnabled), which this check does not know. A key of "
        "ours would have to let every rule and function in, for the same messages that the Audit table holds under "
        "ours.",
    ),
    "CKV_AWS_73": Excuse(
        (STAGE,),
        "A stage's trace holds the URL, and in it login names, and what was typed in their place may be a password. "
        "The functions are traced; their segments hold no path.",
    ),
    "CKV_AWS_76": Excuse(
        (STAGE,),
        "The log is there, behind the parameter AccessLog (on by default), which this check cannot decide.",
    ),
    "CKV_AWS_115": Excuse(
        _functions(*(name for name in _ALL if name not in _RESERVABLE)),
        "Reserved concurrency is taken from what the AWS account has for everything: it is a parameter for the "
        "functions of the login's way, none by default. The throttles of the stage bound the others.",
    ),
    "CKV_AWS_116": Excuse(
        _functions(*_ALL),
        "A request is answered or refused while its caller waits: nothing could be done with it afterwards. What "
        "the stream could not announce and what could not be mailed is kept by OnFailure, which this check does not "
        "know; a rotation that fails is tried again by Lambda, and is done by the next.",
    ),
    "CKV_AWS_117": Excuse(
        _functions(*_ALL),
        "Nothing that a function reaches lies in a VPC. In one it would need endpoints or a NAT to reach what it "
        "does now, and nothing would be closed by it: IAM, not the network, decides here.",
    ),
    "CKV_AWS_120": Excuse(
        (STAGE,),
        "Every answer but the public keys and documents is about one caller at one moment: nothing may be cached.",
    ),
    "CKV_AWS_173": Excuse(
        _functions(*_ALL),
        "The variables hold names of tables and keys, no secret (CKV_AWS_45 looks), and Lambda encrypts them "
        "anyway. A key of ours would be one more thing that every cold start waits for.",
    ),
}


def findings() -> Iterator[Finding]:
    """Yield what checkov finds in the translated template; no network, nothing sent anywhere."""
    SCANNED.parent.mkdir(exist_ok=True)
    SCANNED.write_text(json.dumps(templates.document(), indent=1))
    command = (str(ROOT / "scripts/loopback-only"), str(CHECKOV), "--file", str(SCANNED), *_FLAGS)
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET} | _OFFLINE
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)  # noqa: S603
    told = json.loads(done.stdout)
    if told["summary"]["parsing_errors"] or told["summary"]["passed"] == 0:
        raise SystemExit("checkov: the translated template could not be read")
    for each in told["results"]["failed_checks"]:
        yield Finding(each["check_id"], each["resource"], each["check_name"])


def unexcused(found: list[Finding], excuses: Mapping[str, Excuse]) -> list[str]:
    """Return a sentence for each finding without an excuse, and for each excuse without its finding."""
    left = [
        f"{each.check} {each.resource}: {each.title}"
        for each in found
        if not any(fnmatchcase(each.resource, pattern) for pattern in _excused(each.check, excuses))
    ]
    met = {(each.check, each.resource) for each in found}
    stale = [
        f"{check} {pattern}: excused, but checkov does not complain"
        for check, excuse in excuses.items()
        for pattern in excuse.resources
        if not any(check == met_check and fnmatchcase(resource, pattern) for met_check, resource in met)
    ]
    return left + stale


def _excused(check: str, excuses: Mapping[str, Excuse]) -> tuple[str, ...]:
    return excuses[check].resources if check in excuses else ()


def main() -> None:
    """Say what is left; exit code 1 where something is."""
    found = list(findings())
    left = unexcused(found, EXCUSES)
    for line in left:
        print(line)  # noqa: T201
    print(f"checkov: {len(found)} findings, {len(found) - len(left)} excused with a reason")  # noqa: T201
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
