"""Lambda as the operator's command calls it: the functions of the template, invoked in this process.

Whoever reaches this has been through the AWS door, which listens on the loopback address and takes signed requests.
Only what the template names can be invoked; nothing can be made or changed.
"""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from local.functions import FunctionFailed, Functions
from local.template import Function

type Reply = tuple[int, dict[str, str], bytes]

_FUNCTION = re.compile(r"^https://lambda\.[^/]+/2015-03-31/functions/(?P<name>[^/?]+)/?(?P<part>[a-z/]*)(?:\?|$)")
_ARN = re.compile(r"^arn:aws:lambda:[^:]+:[^:]+:function:(?P<name>[^:]+)$")
_JSON = {"Content-Type": "application/json"}


class LambdaService:
    """Answers what concerns a function of the template."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    @property
    def listed(self) -> Iterable[Function]:
        """Return the functions, as the stack lists them."""
        return self._functions.listed

    def answer(self, method: str, url: str, body: bytes) -> Reply | None:
        """Answer a request to Lambda, or return None: moto answers then, which knows no function."""
        asked = _FUNCTION.match(url)
        function = asked and self._named(unquote(asked["name"]))
        if not asked or not function:
            return None
        match method, asked["part"]:
            case "POST", "invocations":
                return self._invoked(function, json.loads(body or b"{}"))
            case "GET", "configuration":
                return 200, _JSON, json.dumps(_configuration(function)).encode()
            case "GET", "aliases/live":  # there is one version here, and it is what is invoked
                return 200, _JSON, json.dumps({"Name": "live", "FunctionVersion": "$LATEST"}).encode()
        return None

    def _named(self, name: str) -> Function | None:
        arn = _ARN.match(name)
        wanted = arn["name"] if arn else name
        return next((each for each in self._functions.listed if each.name == wanted), None)

    def _invoked(self, function: Function, event: Any) -> Reply:
        try:
            answer = self._functions(function.logical_id, event)
        except FunctionFailed as failed:
            told = {"errorMessage": str(failed), "errorType": type(failed.__cause__).__name__}
            return 200, _JSON | {"X-Amz-Function-Error": "Unhandled"}, json.dumps(told).encode()
        return 200, _JSON | {"X-Amz-Executed-Version": "$LATEST"}, json.dumps(answer).encode()


def _configuration(function: Function) -> dict[str, Any]:
    return {
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
    }
