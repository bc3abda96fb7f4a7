"""Logins a second: eight clients, eight environments, both steps; and how long each login took."""

import json
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tests.bench import play

CLIENTS = 8
ENVIRONMENTS = 8
_STEPS = (b"0", b"1")


class Throughput(NamedTuple):
    """Logins a second, and milliseconds of one login at three ranks."""

    per_second: float
    p50: float
    p95: float
    p99: float


def measure(files: list[Path], client: str, logins: int) -> Throughput:
    """Send `logins` logins of both steps by eight clients; what was recorded of both answers for AWS."""
    with play.canned(*files) as port, _host(files, port, client) as host:
        _client(host, 4)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda _: _client(host, 2), range(CLIENTS)))  # every environment has answered once
            began = time.perf_counter()
            shares = pool.map(lambda _: _client(host, logins // CLIENTS), range(CLIENTS))
            took = sorted(chain.from_iterable(shares))
            passed = time.perf_counter() - began
    ranks = statistics.quantiles(took, n=100)
    return Throughput(len(took) / passed, ranks[49], ranks[94], ranks[98])


def _host(files: list[Path], port: int, client: str) -> AbstractContextManager[int]:
    command = [str(play.PYTHON), "-m", "tests.bench.host", str(port), str(ENVIRONMENTS), *map(str, files)]
    return play.serving(command, play.environment(client))


def _client(port: int, logins: int) -> list[float]:
    took = []
    for _ in range(logins):
        began = time.perf_counter()
        for step in _STEPS:
            _send(port, step)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _send(port: int, step: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        connection.sendall(step)
        status, body = json.loads(answers.readline())
    if status != 200:
        raise RuntimeError(f"step {step!r} answered {status}: {body}")
