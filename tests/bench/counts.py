"""Calls, round trips and capacity units of each route: exact, so a test asserts them, too."""

import os
from collections.abc import Callable
from typing import NamedTuple

from local.template import TEMPLATE, Template
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.world import world
from tests.service import Service
from tests.units import Indexes, Meter, Written


class Count(NamedTuple):
    """What one request asked of AWS."""

    name: str
    operations: list[str]
    round_trips: int
    read_units: float
    write_units: int
    written: list[Written]
    bytes_answered: int


def routes() -> list[Count]:
    """Count every scenario."""
    with world(cheap_hash=True) as made:
        return [of_scenario(made.service, each) for each in SCENARIOS]


def of_scenario(service: Service, scenario: Scenario) -> Count:
    """Count a scenario in a warm environment: policy and signing key are in memory."""
    service.clock.advance(31)
    send = scenario.prepare(service)
    service.session(service.bound_person("warm"))
    return counted(service, scenario.name, send)


def counted(service: Service, name: str, send: Callable[[], object]) -> Count:
    """Send a request and count what it asks of AWS."""
    meter = Meter(service.stored, _indexes())
    service.recorder.clear()
    service.recorder.fault = meter.hear
    send()
    service.recorder.fault = None
    operations = [call.operation for call in service.recorder.calls]
    trips = service.recorder.round_trips
    return Count(name, operations, trips, meter.read_units, meter.write_units, meter.written, meter.bytes_answered)


def _indexes() -> Indexes:
    names = {"StateTable": os.environ["STATE_TABLE"], "AuditTable": os.environ["AUDIT_TABLE"]}
    return Indexes(Template.load(TEMPLATE), names)
