"""An update: what changes reaches the requests, by a new version behind each alias; else nothing is published."""

from collections.abc import Iterator

import pytest

from tests import templates
from tests.deployment.emulator import ORIGIN, Deployment
from tests.deployment.visitor import Visitor

pytestmark = pytest.mark.e2e
SECOND_ORIGIN = "https://second.example.test"
FUNCTIONS = sorted(templates.resources("AWS::Lambda::Function"))


@pytest.fixture
def updated(visitor: Visitor) -> Iterator[Visitor]:
    """Return somebody before a deployment that is as it was afterwards."""
    yield visitor
    visitor.deployment.update()


def versions(deployment: Deployment) -> dict[str, str]:
    """Return the version that each alias is at."""
    return {function: deployment.alias(function)["FunctionVersion"] for function in FUNCTIONS}


def may_call(visitor: Visitor, origin: str) -> bool:
    """Tell whether a script of that origin may call `POST /login`."""
    told = visitor.send("OPTIONS", "/login", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    return bool(told.headers.get("Access-Control-Allow-Origin") == origin)


def test_a_changed_parameter_reaches_every_function_and_a_session_lives_on(updated: Visitor) -> None:
    deployment = updated.deployment
    before = versions(deployment)
    _, session = updated.enroll("agent")
    assert (may_call(updated, ORIGIN), may_call(updated, SECOND_ORIGIN)) == (True, False)
    deployment.update(AllowedOrigins=f"{ORIGIN},{SECOND_ORIGIN}")
    assert (may_call(updated, ORIGIN), may_call(updated, SECOND_ORIGIN)) == (True, True)
    after = versions(deployment)
    assert [function for function in FUNCTIONS if after[function] == before[function]] == []
    assert updated.get("/me", session["account_token"]).status == 200


def test_what_only_some_functions_are_given_is_changed_in_one_update_as_well(updated: Visitor) -> None:
    """Lambda publishes no version of a function that is as it was, and the stack would go back on that."""
    before = versions(updated.deployment)
    updated.deployment.update(FunctionMemory="512", SnapStart="true")
    after = versions(updated.deployment)
    assert [function for function in FUNCTIONS if after[function] == before[function]] == []


def test_an_update_that_changes_nothing_publishes_nothing(visitor: Visitor) -> None:
    before = versions(visitor.deployment)
    visitor.deployment.update()
    assert versions(visitor.deployment) == before
