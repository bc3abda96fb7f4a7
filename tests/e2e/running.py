"""`python -m local` as a process of its own, on ports that are free."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.readme import ROOT

_READY_SECONDS = 60  # five on a machine that has nothing else to do


class Running(NamedTuple):
    """A local cloud that answers: its port (AWS is on the next one), its process, what it has printed."""

    port: int
    pid: int
    told: str


@contextmanager
def local(console: Path, **settings: str) -> Iterator[Running]:
    """Run `python -m local` until the context ends; what it prints is written to `console`."""
    port = _two_free_ports()
    environment = os.environ | {"PORT": str(port)} | settings
    command = [sys.executable, "-m", "local"]
    with (
        console.open("w") as written,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=written) as process,  # noqa: S603
    ):
        try:
            yield Running(port, process.pid, _told_when_ready(console, process))
        finally:
            process.terminate()
            process.wait(timeout=20)


def _two_free_ports() -> int:
    """Return a port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _told_when_ready(console: Path, process: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        told = console.read_text("utf-8")
        if "\nReady at" in told:
            return told
        time.sleep(0.05)
    pytest.fail("the local cloud did not start")
