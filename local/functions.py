"""The handlers of the functions, called in this process as the Lambda runtime calls them."""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from local.template import Function, Template, TemplateError

logger = logging.getLogger("local.functions")

type Handler = Callable[[Any, Any], Any]


class FunctionFailed(Exception):
    """A handler raised, or answered what is not JSON; the text is the exception's own."""


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda tells a handler about its call; all the names that the runtime has."""

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    tenant_id: None = field(default=None)

    @property
    def log_group_name(self) -> str:
        """Return the log group that Lambda would name."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's timeout; nothing ends a handler that exceeds it."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


class Functions:
    """The functions of a template. `handlers` (logical id → handler) takes the place of the real code in tests."""

    def __init__(self, template: Template, handlers: Mapping[str, Handler] | None = None) -> None:
        self._functions = template.functions
        self._handlers = dict(handlers or {})

    @property
    def listed(self) -> Iterable[Function]:
        """Return what the template says of each function."""
        return self._functions.values()

    def load(self) -> None:
        """Import every handler now, as Lambda does before the first request."""
        for logical_id in self._functions:
            self.handler(logical_id)

    def handler(self, logical_id: str) -> Handler:
        """Return a function's handler."""
        if logical_id not in self._handlers:
            self._handlers[logical_id] = _imported(self._functions[logical_id])
        return self._handlers[logical_id]

    def __call__(self, logical_id: str, event: Any) -> Any:
        """Call a handler with a JSON event and return its JSON answer; FunctionFailed where it raises."""
        handler = self.handler(logical_id)
        context = new_context(self._functions[logical_id])
        try:
            # Both ways through JSON, as Lambda sends them: a handler cannot keep what the caller still holds.
            return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))
        except (Exception, SystemExit) as error:
            if str(error) != "Unauthorized":  # an authorizer's way to say 401, not a defect
                logger.exception("%s failed", context.function_name)
            raise FunctionFailed(str(error)) from error


def new_context(function: Function) -> LambdaContext:
    """Return the context of a call that begins now."""
    return LambdaContext(
        function_name=function.name,
        memory_limit_in_mb=str(function.memory_mb),
        invoked_function_arn=function.arn,
        aws_request_id=str(uuid.uuid4()),
        deadline=time.monotonic() + function.timeout_seconds,
    )


def _imported(function: Function) -> Handler:
    try:
        module = import_module(function.module)
    except ModuleNotFoundError as error:
        if not function.module.startswith(error.name or "?"):
            raise
        raise TemplateError(
            f"{function.logical_id} names {function.folder}, which has no {function.handler}."
        ) from error
    handler: Handler = getattr(module, function.handler.rpartition(".")[2])
    return handler
