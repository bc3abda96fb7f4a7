"""What a million two-step logins cost, from counted calls, measured CPU and list prices; and which quota bites first.

The model is short: an environment waits for DynamoDB and KMS (assumed, the file of prices says how long) and computes
at its memory's share of a processor. Nothing is rounded in our favour: no free band, a trace for each sampled request.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.counts import Count

_PRICES: dict[str, Any] = json.loads((Path(__file__).parent / "prices.json").read_text())
_MILLION = 1_000_000
_MEMORY_MB = 1024  # the template's FunctionMemory
# Of each request of a login: the access log's line, and a name and braces around what the runtime writes.
_ACCESS_LOG_BYTES = 290
MEMORIES = (128, 256, 512, 1024, 1769)
LOADS = (10, 100, 1_000, 10_000)


class Step(NamedTuple):
    """One request of a login: what it asked of AWS, its CPU at a whole processor, and the bytes that it logs."""

    counted: Count
    cpu_ms: float
    log_bytes: float

    @property
    def kms(self) -> int:
        """Return the calls to KMS."""
        return sum(each in ("encrypt", "decrypt") for each in self.counted.operations)

    def milliseconds(self, memory_mb: int) -> float:
        """Return how long a warm environment of this memory is busy."""
        assumed = _PRICES["assumed"]
        share = min(1.0, memory_mb / assumed["lambda_mb_per_vcpu"])
        waits = self.counted.round_trips * assumed["dynamodb_ms"] + self.kms * assumed["kms_ms"]
        return float(self.cpu_ms / share + waits)


def per_million(steps: list[Step], memory_mb: int = _MEMORY_MB) -> dict[str, float]:
    """Return the parts of the bill of a million logins, in USD."""
    aws = {name: price["usd"] for name, price in _PRICES["aws"].items()}
    writes = sum(each.counted.write_units for each in steps)
    reads = sum(each.counted.read_units for each in steps)
    gb_seconds = sum(each.milliseconds(memory_mb) for each in steps) / 1000 * memory_mb / 1024
    logged = sum(each.log_bytes + _ACCESS_LOG_BYTES for each in steps)
    return {
        "API Gateway": len(steps) * aws["api_rest_per_million"],
        "Lambda": len(steps) * aws["lambda_request_per_million"] + gb_seconds * aws["lambda_gb_second_arm"] * _MILLION,
        "DynamoDB writes": writes * aws["dynamodb_write_per_million"],
        "DynamoDB reads": reads * aws["dynamodb_read_per_million"],
        "KMS": sum(each.kms for each in steps) * aws["kms_request_per_10000"] / 10_000 * _MILLION,
        "Logs": logged * _MILLION / 2**30 * aws["logs_gb"],
    }


def beside(steps: list[Step]) -> dict[str, float]:
    """Return what a million logins cost elsewhere: traces, the event bus, and what the audit keeps for 400 days."""
    aws = {name: price["usd"] for name, price in _PRICES["aws"].items()}
    kept = sum(_audit_bytes(each.counted) for each in steps) * _MILLION / 2**30
    months = _PRICES["assumed"]["audit_kept_months"]
    return {
        "Traces": len(steps) * _PRICES["assumed"]["traces_sampled"] * aws["traces_per_million"],
        "Event bus": aws["eventbridge_per_million"],
        "Audit, kept for 400 days": kept * months * (aws["dynamodb_gb_month"] + aws["dynamodb_pitr_gb_month"]),
    }


def _audit_bytes(counted: Count) -> int:
    overhead = 100  # that DynamoDB adds to an item, and to its entry in an index
    sizes = [each.size + overhead for each in counted.written if each.is_event]
    return 2 * sum(sizes)


def by_memory(steps: list[Step], cold_ms: float) -> list[dict[str, float]]:
    """Return for each memory: milliseconds of both steps, of a cold start's imports, and USD of Lambda a million."""
    share = {memory: min(1.0, memory / _PRICES["assumed"]["lambda_mb_per_vcpu"]) for memory in MEMORIES}
    return [
        {
            "memory_mb": memory,
            "login_ms": steps[0].milliseconds(memory),
            "verify_ms": steps[1].milliseconds(memory),
            "cold_ms": cold_ms / share[memory],
            "usd": per_million(steps, memory)["Lambda"],
        }
        for memory in MEMORIES
    ]


def peers() -> dict[str, tuple[float, float]]:
    """Return of each peer USD per million logins and per 1,000 monthly users, at the assumed logins of each."""
    often = _PRICES["assumed"]["logins_per_user_month"]
    prices = {name: each["usd_per_user_month"] for name, each in _PRICES["peers"].items()}
    return {name: (usd / often * _MILLION, usd * 1000) for name, usd in prices.items()}


class Limit(NamedTuple):
    """A default quota, the logins a second at which it bites, and how it is raised."""

    quota: str
    logins_per_second: float
    raised_by: str


def limits(steps: list[Step]) -> list[Limit]:
    """Return the default quotas that a login meets, the first one first."""
    busy = sum(each.milliseconds(_MEMORY_MB) for each in steps) / 1000
    state = sum(each.units for step in steps for each in step.counted.written if not each.is_event)
    uses = {
        "api_requests_per_second": len(steps),
        "lambda_concurrency": busy,
        "lambda_requests_per_second": len(steps),
        "dynamodb_new_table_writes": state,
        "dynamodb_table_writes": state,
        "kms_requests_per_second": sum(each.kms for each in steps),
    }
    quotas = _PRICES["quotas"]
    found = [Limit(name, quotas[name]["value"] / use, quotas[name]["raise"]) for name, use in uses.items()]
    return sorted(found, key=lambda each: each.logins_per_second)
