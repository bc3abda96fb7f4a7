"""One scenario in a process of its own, as the Lambda runtime calls the handlers.

`python -m tests.bench.warm FILE PORT [N]` prints a JSON line: CPU milliseconds of this process (the runtime's threads
included) for the import, for the first request and for the warm ones, the bytes that were logged, the peak of memory.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_WARM_UP = 20
_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb="1024",
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 10_000,
)
type Handle = Callable[[Any, Any], Any]


def begin(file: Path, port: int) -> tuple[dict[str, Any], list[tuple[Handle, Any]]]:
    """Put a scenario's environment in place, import its handlers and stop their clock; return what to invoke."""
    scenario = json.loads(file.read_text())
    chosen = os.environ["SECONDSTEP_AWS_CLIENT"]  # what the request was recorded with stays behind
    os.environ.update(scenario["environment"] | {"SECONDSTEP_AWS_CLIENT": chosen})
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
    handlers = [(_imported(name), event) for name, event in scenario["invocations"]]
    from secondstep import wiring
    from secondstep.settings import Settings

    if scenario["cheap_hash"]:
        from argon2 import PasswordHasher

        from secondstep.authenticators import password

        password._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    wiring.install(wiring.build(Settings.from_environment(os.environ), clock=lambda: scenario["now"]))
    return scenario, handlers


def invoke(handlers: list[tuple[Handle, Any]]) -> Any:
    """Invoke each function of a request, and return what the last one answered."""
    answer = None
    for handler, event in handlers:
        answer = handler(event, _CONTEXT)
    return answer


def _imported(name: str) -> Handle:
    module, _, attribute = name.partition(":")
    handler: Handle = getattr(import_module(module), attribute)
    return handler


def _cpu(act: Callable[[], object]) -> float:
    before = time.process_time_ns()
    act()
    return (time.process_time_ns() - before) / 1e6


@contextmanager
def _log() -> Iterator[int]:
    """Lead standard output into a file for a while, as a function's goes into its log, whoever writes there."""
    with tempfile.TemporaryFile() as log:
        before = os.dup(1)
        os.dup2(log.fileno(), 1)
        try:
            yield log.fileno()
        finally:
            sys.stdout.flush()
            os.dup2(before, 1)


def _written(log: int) -> int:
    sys.stdout.flush()
    return os.fstat(log).st_size


def _peak_megabytes() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main(file: Path, port: int, count: int) -> dict[str, Any]:
    """Measure one scenario."""
    made: list[Any] = []
    with _log() as log:
        importing = _cpu(lambda: made.append(begin(file, port)))
        scenario, handlers = made[0]
        first = _cpu(lambda: invoke(handlers))
        for _ in range(_WARM_UP):
            invoke(handlers)
        before = _written(log)
        answered = invoke(handlers)
        logged = _written(log) - before
        warm = sorted(_cpu(lambda: invoke(handlers)) for _ in range(count))
    if answered["statusCode"] != scenario["status"]:
        raise RuntimeError(f"{scenario['name']}: {answered}")
    return {
        "import": importing,
        "first": first,
        "minimum": warm[0],
        "median": statistics.median(warm),
        "log_bytes": logged / len(handlers),
        "peak_mb": _peak_megabytes(),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["300"])[0]))))  # noqa: T201
