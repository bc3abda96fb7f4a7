"""All parts of the benchmark, measured into one plain dictionary: what the report is made of."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench import bill, cold, counts, growth, play, scenarios, size, throughput
from tests.bench.bill import Step
from tests.bench.telling import say

_WARM = 300
_LOGINS = {"with hash": 240, "without hash": 1600}
_STEPS = ("login", "verify")
_LOGIN_PATH = ("login", "verify")


def measure(clients: Iterable[str], subscribers: tuple[int, ...]) -> dict[str, Any]:
    """Measure everything with each of the AWS clients; `subscribers` is how full the table gets, ascending."""
    with TemporaryDirectory() as folder:
        files = scenarios.record(Path(folder), cheap_hash=False)
        cheap = scenarios.record(Path(folder), cheap_hash=True)
        counted = counts.routes()
        found: dict[str, Any] = {
            "calls": [each._asdict() for each in counted],
            "floors": _floors(cheap),
            "boto3 and two clients, import ms": cold.boto3_and_two_clients(),
            "clients": {client: _of_client(client, files, cheap) for client in clients},
            "size": {
                "layer": size.layer(),
                "functions": size.functions(),
                "pages": [each._asdict() for each in size.pages()],
            },
        }
    found |= beside(subscribers, exporting=False)
    first = next(iter(found["clients"].values()))
    steps = [
        Step(
            next(each for each in counted if each.name == name),
            first["warm"][name]["median"],
            first["warm"][name]["log_bytes"],
        )
        for name in _STEPS
    ]
    found["bill"] = {
        "per million": bill.per_million(steps),
        "beside": bill.beside(steps),
        "by memory": bill.by_memory(steps, first["cold"]["login"]),
        "peers": bill.peers(),
        "limits": [each._asdict() for each in bill.limits(steps)],
    }
    return found


def beside(subscribers: tuple[int, ...], *, exporting: bool) -> dict[str, Any]:
    """Measure what does not grow, alone; `exporting` the whole account as well, at each number."""
    found = growth.measure(subscribers, exporting=exporting)
    return {part: [each._asdict() for each in rows] for part, rows in found._asdict().items()}


def _floors(files: dict[str, Path]) -> dict[str, float]:
    say("floors")
    with play.canned(files["enroll"]) as port:
        return play.in_a_process("tests.bench.floors", port, client="boto3")


def _of_client(client: str, files: dict[str, Path], cheap: dict[str, Path]) -> dict[str, Any]:
    return {
        "warm": {name: _warm(name, file, client) for name, file in files.items()},
        "warm, cheap hash": {name: _warm(name, cheap[name], client) for name in _STEPS},
        "cold": {function: _cold(function, client) for function in cold.FUNCTIONS},
        "dearest imports": {name: [each._asdict() for each in cold.dearest(name, client)] for name in _LOGIN_PATH},
        "throughput": {
            "with hash": _throughput(files, client, _LOGINS["with hash"]),
            "without hash": _throughput(cheap, client, _LOGINS["without hash"]),
        },
    }


def _warm(name: str, file: Path, client: str) -> dict[str, Any]:
    say(f"{client}: {name}")
    with play.canned(file) as port:
        return play.in_a_process("tests.bench.warm", file, port, _WARM, client=client)


def _cold(function: str, client: str) -> float:
    say(f"{client}: cold {function}")
    return cold.begin(function, client)


def _throughput(files: dict[str, Path], client: str, logins: int) -> dict[str, float]:
    say(f"{client}: {logins} logins")
    return throughput.measure([files[name] for name in _STEPS], client, logins)._asdict()
