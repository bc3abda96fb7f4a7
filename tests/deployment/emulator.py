"""The template as it is, built and deployed by SAM, into an AWS that runs on this machine and enforces the roles.

The AWS is ministack, with `AUTH=true` and what `ministack_completed` adds. What it cannot do beside that is made up for
here, and nowhere else:

- When it imports an API's definition it leaves out the gateway's own answers and the binary media types. They are put
  by API Gateway's own calls after the deployment, as the translated template has them (`_complete_api`).
- It runs functions on this machine's processor, whatever `Architectures` says. The layer is built for that processor
  (`LAYER_PLATFORM`), in a folder of its own; the functions have nothing that would differ.
- It does not verify senders. The one that `NoticeFrom` names is entered as SES would have it once verified.
"""

import json
import os
import platform
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.template import ACCOUNT as AWS_ACCOUNT
from local.template import REGION, ROOT, STACK, Template

PLACE = Path(__file__).resolve().parent
BUILT = ROOT / ".aws-sam" / "e2e"
ALIAS = "live"
NOTICE_FROM = "no-reply@example.test"
ORIGIN = "https://app.example.test"
PARAMETERS = {"AllowedOrigins": ORIGIN, "NoticeFrom": NOTICE_FROM, "Rollout": "AllAtOnce"}
MINISTACK = ROOT / ".tools" / "ministack" / "bin" / "python"
_SAM = ROOT / ".venv" / "bin" / "sam"
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_READY_SECONDS = _DELIVERED_SECONDS = 60
_TOO_LONG_SECONDS = 300
_ROOT = {
    "AWS_ACCESS_KEY_ID": "rootkey",
    "AWS_SECRET_ACCESS_KEY": "rootsecret",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "SAM_CLI_TELEMETRY": "0",
    "SAM_CLI_POLL_DELAY": "0.3",
}


def build() -> Path:
    """Build the functions and the layer for this processor; the folder holds one folder for each, and the template."""
    folder = BUILT / "build"
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(ROOT / ".tools" / "bin"), os.environ["PATH"]])
    wanted = {"PATH": path, "LAYER_PLATFORM": _PLATFORMS[platform.machine()]}
    _sam("build", "--cached", "--build-dir", str(folder), "--cache-dir", str(BUILT / "cache"), environment=wanted)
    return folder


@contextmanager
def deployed(built: Path, place: Path) -> Iterator["Deployment"]:
    """Start ministack, deploy into it and yield the deployment; what ministack and SAM say is in `place`."""
    assert MINISTACK.exists(), "ministack is missing: run scripts/tool ministack (make e2e does)."
    port = free_port()
    decisions = place / "decisions"
    decisions.touch()
    (place / "tmp").mkdir()
    environment = _inherited() | {
        **_ROOT,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # it would listen on every address
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": AWS_ACCOUNT,
        "AUTH": "true",
        "DECISIONS": str(decisions),
        "TMPDIR": str(place / "tmp"),
    }
    command = [str(MINISTACK), str(PLACE / "ministack_completed.py")]
    with (
        (place / "ministack.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=place) as ministack,  # noqa: S603
    ):
        try:
            wait_for(port, ministack, place / "ministack.log")
            yield _deploy(built, f"http://127.0.0.1:{port}", decisions)
        finally:
            ministack.terminate()
            ministack.wait(timeout=30)


def _deploy(built: Path, endpoint: str, decisions: Path) -> "Deployment":
    made = Deployment(built, endpoint, decisions)
    made.update()
    made.client("sesv2").create_email_identity(EmailIdentity=NOTICE_FROM)
    return made


def _complete_api(made: "Deployment", parameters: Mapping[str, str]) -> None:
    api, gateway = Template.load(parameters=parameters).api(), made.client("apigateway")
    for kind, answer in api.responses.items():
        gateway.put_gateway_response(
            restApiId=made.api_id,
            responseType=kind,
            **({"statusCode": str(answer.status)} if answer.status else {}),
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in answer.headers.items()},
            responseTemplates=dict(answer.templates),
        )
    binary = [{"op": "add", "path": f"/binaryMediaTypes/{each.replace('/', '~1')}"} for each in api.binary_media_types]
    gateway.update_rest_api(restApiId=made.api_id, patchOperations=binary)
    gateway.create_deployment(restApiId=made.api_id, stageName=api.stage)


@dataclass(frozen=True)
class Deployment:
    """A deployed stack: where it answers, and AWS behind it, asked as the account's root."""

    built: Path
    endpoint: str
    decisions: Path

    @property
    def url(self) -> str:
        """Return where the API answers. By path: on the API's own host ministack takes `POST /login` for itself."""
        return f"{self.endpoint}/_aws/execute-api/{self.api_id}/live"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which SDKs and commands reach this AWS as the account's root."""
        return {**_ROOT, "AWS_ENDPOINT_URL": self.endpoint}

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=_ROOT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_ROOT["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    @cached_property
    def physical(self) -> Mapping[str, str]:
        """Return the names of the stack's resources by logical id."""
        listed = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Return the stack's outputs."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    @cached_property
    def api_id(self) -> str:
        """Return the id of the API."""
        return self.physical["Api"]

    def update(self, **parameters: str) -> None:
        """Deploy what is built, with these parameters besides: the first time and every other time."""
        given = {**PARAMETERS, **parameters}
        _sam(
            *("deploy", "--template-file", str(self.built / "template.yaml"), "--stack-name", STACK, "--resolve-s3"),
            *("--no-confirm-changeset", "--capabilities", "CAPABILITY_IAM", "--no-progressbar"),
            *("--no-fail-on-empty-changeset", "--parameter-overrides"),
            *(f"{name}={value}" for name, value in given.items()),
            environment={"AWS_ENDPOINT_URL": self.endpoint},
        )
        _complete_api(self, given)

    def alias(self, function: str) -> dict[str, Any]:
        """Return what is invoked of a function: its alias, and the version that the alias is at."""
        told: dict[str, Any] = self.client("lambda").get_alias(FunctionName=self.physical[function], Name=ALIAS)
        return told

    def renew(self, *functions: str) -> None:
        """Give functions new environments: another version of the same, which remembers nothing."""
        client = self.client("lambda")
        for function in functions:
            name = self.physical[function]
            memory = client.get_function_configuration(FunctionName=name)["MemorySize"]
            client.update_function_configuration(FunctionName=name, MemorySize=memory)
            version = client.publish_version(FunctionName=name)["Version"]
            client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)

    def mails_to(self, address: str, *, more_than: int = -1) -> list[dict[str, Any]]:
        """Return the mails to an address, once there are more than so many: they are carried after the answer."""
        until = time.monotonic() + _DELIVERED_SECONDS
        while time.monotonic() < until:
            found = [each for each in self._mails() if address in json.dumps(each["To"])]
            if len(found) > more_than:
                return found
            time.sleep(0.2)
        raise AssertionError(f"no further mail to {address} came")

    def _mails(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.endpoint}/_ministack/ses/messages", timeout=10) as answer:  # noqa: S310
            sent = json.loads(answer.read())["messages"]
        return [mail for mails in sent.values() for mail in mails]


def _sam(*arguments: str, environment: Mapping[str, str]) -> None:
    ran = subprocess.run(  # noqa: S603
        [str(_SAM), *arguments],
        cwd=ROOT,
        env={**_inherited(), **_ROOT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TOO_LONG_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _inherited() -> dict[str, str]:
    """Return this process's environment without anything that leads to another AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "POWERTOOLS_"))}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a process listens; AssertionError, with what it has logged, where it does not."""
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"{log.stem} did not start: {log.read_text('utf-8')}")
