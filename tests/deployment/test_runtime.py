"""Each function as Lambda runs it: it starts from what was built, handles its events, outlives its disasters."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.event import filled
from tests import templates
from tests.deployment.emulator import Deployment
from tests.deployment.incoming import announcement, record, sent_to
from tests.deployment.runtime import Environment, Gate, environment
from tests.deployment.visitor import Json, Visitor
from tests.functions.test_events import EXPECTED, _said

pytestmark = pytest.mark.e2e

FUNCTIONS = sorted(templates.resources("AWS::Lambda::Function"))
_BEHIND = {"NotifyFunction": record, "MailFunction": announcement}
_ANSWERS = {"NotifyFunction": (200, "batchItemFailures"), "MailFunction": (200, "sent")}
_CRASHED_IN_INIT = (502, "")
_TIMED_OUT = "Task timed out"
_STARTS = 4  # on a busy machine a start alone may take longer than the short limit
_STARTED_SECONDS = 60
_SHORT_SECONDS = "3"  # a function's clients give up after four: until then it hangs


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the logs go."""
    return tmp_path_factory.mktemp("runtime")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_from_what_was_built_and_handles_its_events(
    function: str, visitor: Visitor, deployment: Deployment, built: Path, place: Path
) -> None:
    with environment(function, deployment, built, place) as running:
        for name in events_of(function):
            visitor.reset()
            assert answered(running, event_for(name, visitor)) == (EXPECTED | _ANSWERS)[name], name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_outlives_a_timeout(
    function: str, visitor: Visitor, deployment: Deployment, built: Path, place: Path, gate: Gate
) -> None:
    name = events_of(function)[0]
    event = event_for(name, visitor)
    with environment(function, deployment, built, place, **_hanging(gate)) as running:
        gate.shut()
        _, text = running.invoke(event)
        assert f"{_TIMED_OUT} after 3.00 seconds" in text
        gate.open()
        assert answered(running, event) == (EXPECTED | _ANSWERS)[name]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_outlives_a_crash(
    function: str, visitor: Visitor, deployment: Deployment, built: Path, place: Path, gate: Gate
) -> None:
    name = events_of(function)[0]
    event = event_for(name, visitor)
    with (
        environment(function, deployment, built, place, AWS_ENDPOINT_URL=gate.endpoint) as running,
        ThreadPoolExecutor(1) as caller,
    ):
        gate.shut()
        waiting = caller.submit(running.invoke, event)
        assert gate.knocked.wait(_STARTED_SECONDS)
        running.crash()
        status, text = waiting.result()
        assert (status, text) == _CRASHED_IN_INIT or "Runtime.ExitError" in text
        gate.open()
        assert answered(running, event) == (EXPECTED | _ANSWERS)[name]


def _hanging(gate: Gate) -> dict[str, str]:
    """Return the settings of an environment that is stopped while it still waits for AWS."""
    return {"AWS_ENDPOINT_URL": gate.endpoint, "AWS_LAMBDA_FUNCTION_TIMEOUT": _SHORT_SECONDS}


def events_of(function: str) -> list[str]:
    """Return the events that a function is run on: all that succeed, and the refusals that nothing has to precede."""
    by_itself = {"AuthorizerFunction": ["authorizer.admin", "authorizer.agent"], "RotateFunction": ["rotate.schedule"]}
    return by_itself.get(function) or sent_to(function) or [function]


def event_for(name: str, visitor: Visitor) -> Json:
    """Return an event, filled in; of a function behind the API what the stream or the bus would bring."""
    if name in _BEHIND:
        return _BEHIND[name](visitor)
    api = visitor.deployment.api_id  # by which a function knows its issuer
    text = json.dumps(filled(name, visitor)).replace('"local.execute-api.', f'"{api}.execute-api.')
    event: Json = json.loads(text.replace('"apiId": "local"', f'"apiId": "{api}"'))
    return event


def answered(running: Environment, event: Json) -> tuple[int, str]:
    """Invoke a function and return the status and the code of its answer, in the words of the table of events."""
    status, text = running.invoke(event)
    for _ in range(_STARTS):
        status, text = running.invoke(event) if _TIMED_OUT in text else (status, text)
    assert status == 200, text
    assert _TIMED_OUT not in text
    answer = json.loads(text)
    if "policyDocument" in answer:
        effect = answer["policyDocument"]["Statement"][0]["Effect"]
        return {"Allow": 200, "Deny": 403}[effect], effect
    if "statusCode" not in answer:
        assert "errorMessage" not in answer, text
        return 200, next(iter(answer))
    return answer["statusCode"], _said(answer)


@pytest.fixture
def gate(deployment: Deployment) -> Iterator[Gate]:
    """Return a door before AWS that can be shut."""
    made = Gate(deployment.endpoint)
    yield made
    made.close()
