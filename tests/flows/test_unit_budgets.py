"""The written and read units of each request, exact: a write more, or an item that grows past a KB, shows here."""

import pytest

from tests.bench.counts import of_scenario
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.service import Service
from tests.units import size_of_item

# read units, write units (a transaction counts twice, the audit's index included). Both steps of a login: 11 at most.
_BUDGET = {
    "login": (3.0, 2),
    "verify": (0.0, 9),
    "wrong code": (0.0, 3),
    "enroll": (1.0, 1),
    "refresh": (2.0, 4),
    "GET /me": (2.0, 0),
    "admin reset": (3.0, 10),
}
# The seal of moto's KMS is shorter than that of AWS's by about this much: room for two authenticators in one unit.
_SEAL_BYTES = 110


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
def test_a_request_consumes_the_units_of_its_budget(service: Service, scenario: Scenario) -> None:
    found = of_scenario(service, scenario)
    assert (found.read_units, found.write_units) == _BUDGET[scenario.name]


def test_a_subscriber_with_an_open_challenge_stays_within_one_unit(service: Service) -> None:
    found = of_scenario(service, SCENARIOS[0])
    [subscriber] = [each for each in found.written if each.kind == "SUBSCRIBER"]
    assert subscriber.size + _SEAL_BYTES <= 1024


def test_sizes_are_those_of_dynamodbs_guide() -> None:
    item = {
        "pk": {"S": "ü"},
        "n": {"N": "-12345"},
        "b": {"B": b"1234"},
        "f": {"BOOL": True},
        "m": {"M": {"ab": {"S": "x"}}},
        "l": {"L": [{"N": "1"}]},
        "s": {"BS": [b"12", b"345"]},
    }
    names = sum(map(len, item))
    assert size_of_item(item) == names + 2 + 4 + 4 + 1 + (3 + 1 + 2 + 1) + (3 + 1 + 2) + 5
