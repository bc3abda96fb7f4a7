"""`python -m local` starts, tells how to go on, and ends as its user expects."""

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pyotp
import pytest
from moto.core.models import botocore_stubber

from local.run import StartRefused, options
from local.server import HOST, bound

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
READY_SECONDS = 60  # promised: 5; a busy machine may take longer
ENDED_SECONDS = 60


class Run:
    """A running process and what it has said."""

    def __init__(self, port: int, **environment: str) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            env=os.environ | {"PORT": str(port), "PYTHONUNBUFFERED": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def wait_until_ready(self) -> None:
        """Read what it says up to the ready line."""
        assert self.process.stdout is not None
        stream = self.process.stdout.fileno()
        deadline = time.monotonic() + READY_SECONDS
        while "Ready at" not in self.said or not self.said.endswith("\n"):
            readable, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
            heard = os.read(stream, 65536).decode() if readable else ""
            assert heard, f"not ready: {self.said} {self.process.poll()}"
            self.said += heard

    def post(self, path: str, **body: Any) -> Any:
        return asked(f"{self.url}{path}", body)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=ENDED_SECONDS)
        return self.process.returncode, errors


@contextmanager
def running(port: int, **environment: str) -> Iterator[Run]:
    run = Run(port, **environment)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with running(free_port()) as one:
        one.wait_until_ready()
        yield one


def free_port() -> int:
    """Find a port whose neighbour is free, too."""
    for _ in range(50):
        with bound(0) as first:
            port: int = first.getsockname()[1]
            try:
                bound(port + 1).close()
            except Exception:  # noqa: BLE001, S112  the next one then
                continue
            return port
    raise AssertionError("no two free ports")


def asked(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        with refused:
            return json.loads(refused.read())


def login(run: Run, name: str) -> Any:
    return run.post("/login", account="acme", login_name=name, password=PASSWORD)


def secret_of(run: Run) -> str:
    (line,) = [line for line in run.said.splitlines() if "TOTP secret" in line]
    return line.rpartition(" ")[2]


def test_the_ready_line_tells_how_to_go_on(run: Run) -> None:
    ready = run.said.splitlines()[-1]
    assert ready.startswith(f"Ready at {run.url};")
    assert "Ctrl-C ends it" in ready
    assert "all is forgotten" in ready
    assert PASSWORD in run.said


def test_the_line_it_tells_to_type_works(run: Run) -> None:
    command = run.said.splitlines()[-1].partition("go on with: curl ")[2].rpartition(" (Ctrl-C")[0]
    body = json.loads(command.partition("-d '")[2].removesuffix("'"))
    assert asked(command.split()[0], body)["next"] == "enroll"


def test_nobody_is_enrolled_but_the_one_whose_secret_it_tells(run: Run) -> None:
    assert login(run, "agent")["next"] == "enroll"
    assert login(run, "agent")["ticket_required"] is False
    assert login(run, "admin")["next"] == "enroll"
    run.post("/_local/reset")
    challenge = login(run, "enrolled")["challenge"]
    code = pyotp.TOTP(secret_of(run)).now()
    assert run.post("/verify", challenge=challenge, code=code)["next"] == "done"


def test_the_next_code_need_not_be_waited_for(run: Run) -> None:
    run.post("/_local/reset")
    totp = pyotp.TOTP(secret_of(run))
    for _ in range(3):
        now = run.post("/_local/clock", advance_seconds=30)["now"]
        challenge = login(run, "enrolled")["challenge"]
        assert run.post("/verify", challenge=challenge, code=totp.at(now))["next"] == "done"
    run.post("/_local/reset")
    assert abs(run.post("/_local/clock", advance_seconds=0)["now"] - time.time()) < 10


def test_a_reset_returns_to_the_seeds(run: Run) -> None:
    for _ in range(11):
        refused = run.post("/login", account="acme", login_name="agent", password="wrong")
    assert refused["code"] == "too_many_attempts"
    run.post("/_local/reset")
    assert login(run, "agent")["next"] == "enroll"


def test_the_cli_finds_the_tables_by_the_stacks_outputs(run: Run) -> None:
    def aws(service: str) -> Any:
        client = boto3.client(  # type: ignore[call-overload]
            service,
            region_name="eu-west-1",
            endpoint_url=f"http://{HOST}:{run.port + 1}",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.meta.events.unregister("before-send", botocore_stubber)
        return client

    (stack,) = aws("cloudformation").describe_stacks(StackName="secondstep")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    items = aws("dynamodb").scan(TableName=outputs["StateTable"])["Items"]
    assert {"S": "ACCOUNT#acme"} in [item["pk"] for item in items]
    assert aws("dynamodb").describe_table(TableName=outputs["AuditTable"])


def test_it_listens_on_the_loopback_address_only(run: Run) -> None:
    for port in (run.port, run.port + 1):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_ports_that_are_in_use_are_told_without_a_trace(run: Run) -> None:
    for port in (run.port, run.port - 1):
        with running(port) as second:
            output, errors = second.process.communicate(timeout=READY_SECONDS)
            assert second.process.returncode == 1
            assert output == ""
            assert f"Port {run.port} is in use" in errors
            assert "Traceback" not in errors


@pytest.mark.parametrize("port", ["http", "0", "-1", "65535", "3000.0", "٣٠٠٠", " 3000"])
def test_a_wrong_port_is_told(port: str) -> None:
    with pytest.raises(StartRefused, match="PORT must be a number"):
        options({"PORT": port})


def test_a_wrong_port_ends_the_run_without_a_trace() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | {"PORT": "many"},
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "PORT must be a number from 1 to 65534, not 'many'; PORT+1 is taken, too.\n"


def test_a_missing_package_is_told_without_a_trace() -> None:
    """-S: without site-packages, as in a checkout where nothing was installed yet."""
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "local"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert "is not installed: run `make setup` first." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(number: int) -> None:
    with running(free_port()) as run:
        run.wait_until_ready()
        code, errors = run.end(number)
        assert (code, errors) == (0, "")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((HOST, run.port), timeout=5)


def test_an_interrupted_start_ends_cleanly() -> None:
    with running(free_port()) as run:
        deadline = time.monotonic() + READY_SECONDS
        while not listens(run.port):
            assert time.monotonic() < deadline
        code, errors = run.end()
        assert (code, "Traceback" in errors) == (0, False)


def test_tls_serves_the_same_over_https() -> None:
    with running(free_port(), TLS="1") as run:
        run.wait_until_ready()
        certificate = run.said.partition("--cacert ")[2].split()[0]
        trusting = ssl.create_default_context(cafile=certificate)
        url = f"https://{HOST}:{run.port}/.well-known/openid-configuration"
        with urllib.request.urlopen(url, timeout=10, context=trusting) as answer:
            assert json.loads(answer.read())["issuer"] == f"https://{HOST}:{run.port}"
        assert run.end()[0] == 0
        assert not Path(certificate).exists()


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
