"""An update: what changes reaches the requests, by a new version behind each alias; else nothing is published."""

import pytest

from tests import templates
from tests.deployment.emulator import ORIGIN, Deployment
from tests.deployment.visitor import Visitor

pytestmark = pytest.mark.e2e
SECOND_ORIGIN = "https://second.example.test"
FUNCTIONS = sorted(templates.resources("AWS::Lambda::Function"))


def versions(deployment: Deployment) -> dict[str, str]:
    """Return the version that each alias is at."""
    return {function: deployment.alias(function)["FunctionVersion"] for function in FUNCTIONS}


def may_call(visitor: Visitor, origin: str) -> bool:
    """Tell whether a script of that origin may call `POST /login`."""
    told = visitor.send("OPTIONS", "/login", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    return bool(told.headers.get("Access-Control-Allow-Origin") == origin)


def unchanged(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the functions that are invoked as before."""
    return [function for function in FUNCTIONS if after[function] == before[function]]


def test_what_changes_reaches_every_function_and_what_does_not_publishes_nothing(visitor: Visitor) -> None:
    """Three updates, one on the other, for each takes twenty seconds; nothing comes after this test.

    What only some functions are given comes first: Lambda publishes no version of a function that is as it was, and the
    stack would go back on that.
    """
    deployment = visitor.deployment
    at_first = versions(deployment)
    _, session = visitor.enroll("agent")
    deployment.update(FunctionMemory="512", SnapStart="true")
    with_less = versions(deployment)
    assert unchanged(at_first, with_less) == []
    assert (may_call(visitor, ORIGIN), may_call(visitor, SECOND_ORIGIN)) == (True, False)
    deployment.update(AllowedOrigins=f"{ORIGIN},{SECOND_ORIGIN}")
    with_more = versions(deployment)
    assert unchanged(with_less, with_more) == []
    assert (may_call(visitor, ORIGIN), may_call(visitor, SECOND_ORIGIN)) == (True, True)
    assert visitor.get("/me", session["account_token"]).status == 200
    deployment.update(AllowedOrigins=f"{ORIGIN},{SECOND_ORIGIN}")
    assert versions(deployment) == with_more
