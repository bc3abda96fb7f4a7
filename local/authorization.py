"""A REQUEST authorizer, asked and understood as API Gateway does it: what its answers lead to."""

import re
from collections.abc import Mapping
from typing import Any

from local.functions import FunctionFailed, Functions
from local.incoming import Incoming
from local.template import ACCOUNT, API_ID, REGION, Api, Authorizer
from local.translation import Document


class Refused(Exception):
    """The gateway answers by itself; `kind` is the gateway response's type."""

    def __init__(self, kind: str, message: str | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.message = message


def authorize(
    authorizer: Authorizer, event: Document, *, request: Incoming, api: Api, functions: Functions
) -> dict[str, Any]:
    """Ask the authorizer and return `requestContext.authorizer`; Refused where it does not allow the call.

    It is asked for every request: nothing is cached (`ReauthorizeEvery: 0`).
    """
    if not all(request.header(name) for name in authorizer.identity_headers):
        raise Refused("UNAUTHORIZED")
    method_arn = _method_arn(api, request)
    answer = _ask(authorizer, _authorizer_event(event, method_arn), functions)
    principal, policy, context = _parsed(answer)
    _enforce(policy, method_arn)
    return context | {"principalId": principal, "integrationLatency": 1}


def _method_arn(api: Api, request: Incoming) -> str:
    path = request.path.lstrip("/")
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/{api.stage}/{request.method}/{path}"


def _authorizer_event(event: Document, method_arn: str) -> Document:
    """Return the event of a REQUEST authorizer: the request without its body."""
    shown = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
    return {"type": "REQUEST", "methodArn": method_arn} | shown


def _ask(authorizer: Authorizer, event: Document, functions: Functions) -> Any:
    try:
        return functions(authorizer.function, event)
    except FunctionFailed as error:
        # Only this very text means 401; whatever else is raised is a failure of the authorizer.
        raise Refused("UNAUTHORIZED" if str(error) == "Unauthorized" else "AUTHORIZER_FAILURE") from error


def _parsed(answer: Any) -> tuple[str, Document, dict[str, str]]:
    try:
        principal, policy, context = answer["principalId"], answer["policyDocument"], answer.get("context") or {}
        if not isinstance(principal, str) or not isinstance(policy["Statement"], list):
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR")
        return principal, policy, {name: _as_text(value) for name, value in context.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused("AUTHORIZER_CONFIGURATION_ERROR") from error


def _as_text(value: Any) -> str:
    """Turn a value of the context into text, as it reaches the function; objects and lists are not allowed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Refused("AUTHORIZER_CONFIGURATION_ERROR")


def _enforce(policy: Mapping[str, Any], method_arn: str) -> None:
    effects = [one.get("Effect") for one in policy["Statement"] if _applies(one, method_arn)]
    if "Deny" in effects:
        raise Refused("ACCESS_DENIED", "User is not authorized to access this resource with an explicit deny")
    if "Allow" not in effects:
        raise Refused("ACCESS_DENIED")


def _applies(statement: Mapping[str, Any], method_arn: str) -> bool:
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    invokes = any(_like(one.lower(), "execute-api:invoke") for one in actions)
    return invokes and any(_like(one, method_arn) for one in resources)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _like(pattern: str, text: str) -> bool:
    """Match IAM's wildcards: `*` any text, `/` too, `?` one character."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None
