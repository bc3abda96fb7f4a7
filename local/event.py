"""`python -m local.event NAME`: an event of `events/`, filled in by a walk against the local run, on standard output.

What stands as `${challenge}`, `${code}` or `${admin_token}` in a file is got the way a person gets it: by logging in,
enrolling, being invited. The walk begins with `/_local/reset`, so every event finds the seeds as they were.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from local.cloud import CREDENTIALS
from local.template import REGION, STACK
from local.walk import Json, Walk, World

EVENTS = Path(__file__).resolve().parent.parent / "events"
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def names() -> list[str]:
    """Return the names of all events."""
    return sorted(path.stem for path in EVENTS.glob("*.json"))


def filled(name: str, world: World) -> Json:
    """Return an event whose placeholders hold live values; KeyError for a placeholder that nobody knows."""
    text = (EVENTS / f"{name}.json").read_text("utf-8")
    walk = Walk(world)
    values = {each: walk.value(each) for each in dict.fromkeys(_PLACEHOLDER.findall(text))}
    event: Json = json.loads(_PLACEHOLDER.sub(lambda found: values[found[1]], text))
    return event


class LocalRun:
    """The running local service: its HTTP port, and AWS on the next one."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._aws_url = f"http://127.0.0.1:{port + 1}"
        self._send("POST", "/_local/reset", None, None)

    def call(self, method: str, path: str, body: Json, token: str | None = None) -> Json:
        """Send a JSON body and return the answer, whatever its status."""
        return self._send(method, path, body, token)

    def advance(self, seconds: int) -> int:
        """Move the service's clock and return what it shows."""
        return int(self._send("POST", "/_local/clock", {"advance_seconds": seconds}, None)["now"])

    @cached_property
    def dynamodb(self) -> Any:
        """Return a client of the local DynamoDB."""
        return self._client("dynamodb")

    @cached_property
    def state_table(self) -> str:
        """Return what the stack says the State table is called."""
        [stack] = self._client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return str(outputs["StateTable"])

    def _client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=self._aws_url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def _send(self, method: str, path: str, body: Json | None, token: str | None) -> Json:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as refused:
            text = refused.read()
        parsed: Json = json.loads(text) if text else {}
        return parsed


def main(arguments: list[str], world: Callable[[int], World] = LocalRun) -> int:
    """Print an event; the names of all where none is given."""
    if len(arguments) != 1 or arguments[0] not in names():
        print("usage: python -m local.event NAME    (PORT of the local run, default 3000)\n", file=sys.stderr)
        print("\n".join(names()), file=sys.stderr)
        return 2
    try:
        event = filled(arguments[0], world(int(os.environ.get("PORT") or 3000)))
    except urllib.error.URLError:
        print("The local run does not answer: start it with `make local`, in another window.", file=sys.stderr)
        return 1
    print(json.dumps(event, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
