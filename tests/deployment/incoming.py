"""What comes in to the functions: the files of `events/`, and what stream and bus bring.

An event whose walk moves the service's clock is left out: here the clock is the machine's. So is one that contradicts
the authorizer: before a deployed function nobody can.
"""

import json
import re
from typing import Any

import msgspec

from local.event import EVENTS
from local.template import Route
from secondstep.announcement import announce
from secondstep.store.layout import event_record
from secondstep.subscriber import new_id
from tests import templates
from tests.deployment.visitor import Json, Visitor, wrong_code
from tests.functions.test_events import EXPECTED
from tests.outside import stream_record

_MOVES_THE_CLOCK = re.compile(r"\$\{(late|disabled|stale|old|factorless)_")
_NOT_OVER_HTTP = re.compile(r"^(authorizer|rotate)\.|\.another_token_than_the_authorizers$")


def sent_to(function: str) -> list[str]:
    """Return the events of a function's routes: all that succeed, and the refusals that nothing has to precede."""
    return [name for name in over_http() if route_of(name).function == function and _is_wanted(name)]


def record(visitor: Visitor) -> Json:
    """Return what the Audit table's stream hands over for something that has happened."""
    streamed = {"Records": [stream_record(_event(visitor, "enrolled"))]}
    found: Json = json.loads(json.dumps(streamed, default=str))
    return found


def announcement(visitor: Visitor, name: str = "enrolled") -> Json:
    """Return what the bus hands over for something that has happened; of another id than the one that went its way."""
    detail = msgspec.to_builtins(announce(event_record(_event(visitor, name)))) | {"id": new_id()}
    return {"detail": detail}


def over_http() -> list[str]:
    """Return the names of the events that a caller can send to a deployment."""
    return [name for name in EXPECTED if not (_NOT_OVER_HTTP.search(name) or _MOVES_THE_CLOCK.search(_text(name)))]


def route_of(name: str) -> Route:
    """Return the route that an event comes by."""
    event = json.loads(_text(name))
    asked = (event["httpMethod"], event["resource"])
    [route] = [each for each in templates.template().api().routes if (each.method, each.resource) == asked]
    return route


def _is_wanted(name: str) -> bool:
    return EXPECTED[name][0] < 400 or "${" not in _text(name)


def _text(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text("utf-8")


def _event(visitor: Visitor, name: str) -> Json:
    """Return an item of the audit about `agent`, who enrolls and mistypes the next code."""
    secret, _ = visitor.enroll("agent")
    visitor.verify(visitor.challenge("agent"), wrong_code(secret))
    found: list[Any] = visitor.audited(name)
    return dict(found[0])
