"""What the functions told of their work: the JSON lines of standard output."""

import json
from typing import Any


def told(output: str, message: str) -> list[dict[str, Any]]:
    """Return the lines of this message, in order."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"level"')]
    return [line for line in lines if line["message"] == message]
