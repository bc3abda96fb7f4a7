"""What a function tells of its work: JSON lines on standard output, which Lambda takes to CloudWatch Logs.

A line that counts something holds the metric as well (CloudWatch's embedded metric format), so one line for each
request is log and metric at once. Never a name, path, body, token or message of an exception: the callers see to that.
"""

import os
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

SERVICE = "secondstep"
NAMESPACE = os.environ.get("METRICS_NAMESPACE", SERVICE)  # the stack's name: two stacks do not count together


class Level(StrEnum):
    """How much a line matters."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Telemetry:
    """Where the lines go; `least` keeps the lesser ones, and with them the metrics, off a developer's screen."""

    def __init__(self, least: Level = Level.INFO) -> None:
        self.least = least

    def say(self, level: Level, message: str, **fields: Any) -> None:
        """Write one line."""
        self._write(level, message, fields)

    def count(self, message: str, counted: Iterable[tuple[str, int]], *, route: str, **fields: Any) -> None:
        """Write one line that also counts: for the whole service, and by route (a template of a path)."""
        values: dict[str, list[int]] = {}
        for name, value in counted:
            values.setdefault(name, []).append(value)
        self._write(Level.INFO, message, {"route": route, **fields, **values, "_aws": _described(values)})

    def _write(self, level: Level, message: str, fields: dict[str, Any]) -> None:
        if _WEIGHT[level] < _WEIGHT[self.least]:
            return
        line = {"level": level, "message": message, "service": SERVICE, **fields}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")  # in one piece: threads write at the same time
        sys.stdout.flush()


_WEIGHT = {level: weight for weight, level in enumerate(Level)}


def _described(values: Iterable[str]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    by = {"Namespace": NAMESPACE, "Dimensions": [["service"], ["service", "route"]], "Metrics": metrics}
    return {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [by]}


telemetry = Telemetry()
