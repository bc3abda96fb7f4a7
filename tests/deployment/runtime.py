"""A function as Lambda runs it: AWS's runtime client under AWS's own emulator, the artefacts at `/var/task` and `/opt`.

The emulator (RIE) lies in the wheel of the SAM CLI. The runtime's Python has AWS's own packages and nothing of the
layer's: what the layer lacks is missed. As root the paths are the real ones, read-only, in a mount namespace of the
process; else `PYTHONPATH` names the artefacts where they lie. One environment, so one invocation at a time.
"""

import json
import os
import platform
import shlex
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from local.template import ROOT
from tests.deployment.emulator import Deployment, free_port, wait_for

PYTHON = ROOT / ".tools" / "runtime" / "bin" / "python"
# What AWS's Python 3.13 brings along: the runtime client, boto3, and what those need.
AWS_OWN = {"awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "runtime_client", "s3transfer", "simplejson"}
AWS_OWN |= {"six", "snapshot_restore_py", "urllib3"}
_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
_EMULATOR = Path(str(files("samcli"))) / "local" / "rapid" / f"aws-lambda-rie-{_ARCHITECTURE}"
_AT_REAL_PATHS = """
mount -t tmpfs tmpfs /var && mkdir /var/task
mount --bind {code} /var/task && mount -o remount,ro,bind /var/task
mount --bind {layer} /opt && mount -o remount,ro,bind /opt
cd /var/task
"""


class Gate:
    """A door before AWS that can be shut: what is asked then gets no answer, and never arrives."""

    def __init__(self, endpoint: str) -> None:
        self._behind = int(endpoint.rpartition(":")[2])
        self._open = threading.Event()
        self._open.set()
        self.knocked = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        """Let nothing through; `knocked` tells when something wanted to."""
        self.knocked.clear()
        self._open.clear()

    def open(self) -> None:
        """Let through what is asked from now on."""
        self._open.set()

    def close(self) -> None:
        """Stop listening."""
        self._open.set()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            behind = socket.create_connection(("127.0.0.1", self._behind))
            threading.Thread(target=self._carry, args=(caller, behind), daemon=True).start()
            threading.Thread(target=_carry_back, args=(behind, caller), daemon=True).start()

    def _carry(self, caller: socket.socket, behind: socket.socket) -> None:
        with caller, behind:
            while said := _received(caller):
                if not self._open.is_set():
                    self.knocked.set()
                    self._open.wait()
                    return
                behind.sendall(said)


class Environment:
    """One execution environment of a function."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process = process
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, event: Any) -> tuple[int, str]:
        """Invoke the function and return status and text: of the answer, or of what became of the environment."""
        request = urllib.request.Request(self._url, json.dumps(event).encode())  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as failed:
            with failed:
                return failed.code, failed.read().decode()

    def crash(self) -> None:
        """Kill the function's process, as the kernel does when memory runs out."""
        [child] = _children(self._process.pid)
        os.kill(child, signal.SIGKILL)


@contextmanager
def environment(
    function: str, deployment: Deployment, built: Path, place: Path, **changes: str
) -> Iterator[Environment]:
    """Run a function under the emulator, with the settings and the role of its deployment; logs are in `place`."""
    assert _EMULATOR.exists(), f"the SAM CLI's wheel has no {_EMULATOR.name}"
    assert PYTHON.exists(), "Lambda's Python is missing: run scripts/tool runtime (make e2e does)."
    port, inner_port = free_port(), free_port()
    emulator = f"{_EMULATOR} --runtime-interface-emulator-address 127.0.0.1:{port} --runtime-api-address 127.0.0.1:"
    command = f"{emulator}{inner_port} {PYTHON} -S -m awslambdaric app.handler"
    folders = {"code": built / function, "layer": built / "SecondstepLayer"}
    if os.geteuid() == 0:
        paths = ["/var/task", "/opt/python"]
        prepare = _AT_REAL_PATHS.format(**{name: shlex.quote(str(each)) for name, each in folders.items()})
        run = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", f"{prepare}exec {command}"]
    else:
        paths = [str(folders["code"]), str(folders["layer"] / "python")]
        run = ["bash", "-euc", f"cd {shlex.quote(paths[0])}\nexec {command}"]
    given = _as_deployed(function, deployment) | {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LAMBDA_TASK_ROOT": paths[0],
        "PYTHONPATH": os.pathsep.join([*paths, str(_aws_own(place))]),
        **changes,
    }
    with (
        (place / f"{function}.log").open("a") as log,
        subprocess.Popen(run, env=given, stdout=log, stderr=log) as process,  # noqa: S603
    ):
        try:
            wait_for(port, process, place / f"{function}.log")
            yield Environment(process, port)
        finally:
            for each in (*_children(process.pid), process.pid):
                os.kill(each, signal.SIGKILL)


def _as_deployed(function: str, deployment: Deployment) -> dict[str, str]:
    """Return the environment of a deployed function: its variables, its limits, a session of its role."""
    name = deployment.physical[function]
    told = deployment.client("lambda").get_function_configuration(FunctionName=name)
    session = deployment.client("sts").assume_role(RoleArn=told["Role"], RoleSessionName=function)["Credentials"]
    region = told["FunctionArn"].split(":")[3]
    return {
        **told["Environment"]["Variables"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(told["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(told["Timeout"]),
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "AWS_ENDPOINT_URL": deployment.endpoint,
    }


def _aws_own(place: Path) -> Path:
    """Return a folder with the packages that AWS's Python has; nothing of the layer's lies there."""
    folder = place / "aws"
    if not folder.exists():
        folder.mkdir()
        for each in (PYTHON.parents[1] / "lib" / "python3.13" / "site-packages").iterdir():
            if each.name.partition(".")[0] in AWS_OWN:
                (folder / each.name).symlink_to(each)
    return folder


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task")
    return [int(child) for each in listed.glob("*/children") for child in each.read_text("ascii").split()]


def _carry_back(behind: socket.socket, caller: socket.socket) -> None:
    while said := _received(behind):
        try:
            caller.sendall(said)
        except OSError:
            return
    caller.close()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""
