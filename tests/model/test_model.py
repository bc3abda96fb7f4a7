"""The service and the model, held against each other over sequences that nobody wrote by hand.

In CI the same 2,000 steps each time, in two parts; `make model` takes others, for as long as it is told. A sequence
that fails is printed as a program.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from secondstep.store.signing_keys import SealedSigningKey, _item
from tests.model.machine import Machine
from tests.service import Service

PARTS = 2  # as many as a small machine has cores
STEPS_OF_AN_EXAMPLE = 50
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "44"))  # some end early
BY_HAND = "MODEL_EXAMPLES" in os.environ

# What each part must have come to; without it a machine that only ever fails to log in would pass.
REACHED = {
    *("login ok", "enroll ok", "verify ok", "verify invalid_code", "refresh ok", "redeem ok", "renew ok", "reset ok"),
    *("reset_password ok", "delete ok", "invite ok", "policy ok", "list ok", "unlock ok", "two at once"),
}


@pytest.fixture(autouse=True)
def secrets_seen() -> Iterator[None]:
    """Log nothing: what is logged is searched for secrets in every other test, of which none logs this much."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_service_does_what_the_model_says(part: int, service: Service, _signing_key: SealedSigningKey) -> None:  # noqa: PT019
    began, counted = service.clock._now, Counter[str]()

    class Held(Machine):
        taken = counted

        def empty(self) -> None:
            self.service.forget()
            self.service.recorder.clear()
            self.service.clock._now = began
            self.service.put(_item(_signing_key))
            for account in ("acme", "globex"):
                self.service.account(account)

    Held.service = service
    run_state_machine_as_test(
        Held if BY_HAND else seed(part + 1)(Held),
        settings=settings(
            max_examples=EXAMPLES // PARTS,
            stateful_step_count=STEPS_OF_AN_EXAMPLE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    assert counted["steps"] >= EXAMPLES // PARTS * STEPS_OF_AN_EXAMPLE * 0.9
    assert REACHED - counted.keys() == set(), " ".join(f"{what}: {times}," for what, times in sorted(counted.items()))
