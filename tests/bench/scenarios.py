"""The requests that are measured, each with its events, its environment and AWS's answers, in one file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.attacks import successes
from tests.bench.tape import Recording
from tests.bench.world import World, world
from tests.service import Reply, Service


class Scenario(NamedTuple):
    """A request: prepared in a service, then sent as often as wanted."""

    name: str
    prepare: Callable[[Service], Callable[[], Reply]]
    hashes: bool = False  # whether a password is checked on the way


def _login(service: Service) -> Callable[[], Reply]:
    person = service.bound_person("enrolled")
    return lambda: service.log_in(person)


def _verify(service: Service) -> Callable[[], Reply]:
    person = service.bound_person("enrolled")
    challenge = service.challenge(person)
    return lambda: service.verify(challenge, service.code(person))


def _wrong_code(service: Service) -> Callable[[], Reply]:
    person = service.bound_person("enrolled")
    challenge = service.challenge(person)
    return lambda: service.verify(challenge, service.wrong_code(person))


def _enroll(service: Service) -> Callable[[], Reply]:
    challenge = service.challenge(service.person("agent"))
    return lambda: service.post("/enroll", {"challenge": challenge})


def _refresh(service: Service) -> Callable[[], Reply]:
    tokens = service.session(service.bound_person("enrolled"))
    return lambda: service.post("/refresh", {"refresh_token": tokens["refresh_token"]})


def _me(service: Service) -> Callable[[], Reply]:
    tokens = service.session(service.bound_person("enrolled"))
    return lambda: service.get("/me", token=tokens["access_token"])


def _reset(service: Service) -> Callable[[], Reply]:
    person = service.bound_person("enrolled")
    token = successes.admin_token(service)
    return lambda: service.reset(token, person.login_name)


SCENARIOS = (
    Scenario("login", _login, hashes=True),
    Scenario("verify", _verify),
    Scenario("wrong code", _wrong_code),
    Scenario("enroll", _enroll),
    Scenario("refresh", _refresh),
    Scenario("GET /me", _me),
    Scenario("admin reset", _reset),
)


def record(folder: Path, *, cheap_hash: bool) -> dict[str, Path]:
    """Play every scenario once in a new environment; return the file of each."""
    with world(cheap_hash=cheap_hash) as made:
        return {each.name: _recorded(made, each, folder, cheap_hash=cheap_hash) for each in SCENARIOS}


def _recorded(made: World, scenario: Scenario, folder: Path, *, cheap_hash: bool) -> Path:
    service = made.service
    service.clock.advance(60)  # no step of the scenario before it counts here
    send = scenario.prepare(service)
    made.forget_caches()
    made.invocations.seen.clear()
    recording = Recording()
    service.recorder.fault = recording.hear
    now = service.clock()
    reply = send()
    service.recorder.fault = None
    if reply.status not in (200, 401):
        raise RuntimeError(f"{scenario.name}: {reply.status} {reply.body}")
    file = folder / f"{scenario.name.replace(' ', '-').replace('/', '')}{'-cheap' if cheap_hash else ''}.json"
    functions = {one.logical_id: f"{one.module}:{one.handler.rpartition('.')[2]}" for one in made.invocations.listed}
    said: dict[str, Any] = {
        "name": scenario.name,
        "status": reply.status,
        "cheap_hash": cheap_hash,
        "now": now,
        "environment": dict(made.environment),
        "invocations": [[functions[function], event] for function, event in made.invocations.seen],
        "tape": recording.tape,
    }
    file.write_text(json.dumps(said))
    return file
