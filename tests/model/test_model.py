"""The service and the model, held against each other over sequences that nobody wrote by hand.

In CI the same 2,000 steps each time, in two parts; `make model` takes others, for as long as it is told, and makes a
sequence that fails shorter before it prints it as a program.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from secondstep.authenticators import password
from secondstep.store.signing_keys import SealedSigningKey, _item
from tests.model.chosen import Chosen
from tests.model.machine import Machine
from tests.model.pairs import ALL, Pairs
from tests.service import Service

PARTS = 2  # as many as a small machine has cores
STEPS, EXAMPLES = 50, int(os.environ.get("MODEL_EXAMPLES", "44"))  # some end early
BY_HAND = "MODEL_EXAMPLES" in os.environ

# What each part must have come to; without it a machine that only ever fails to log in would pass.
REACHED = {
    *("login ok", "enroll ok", "verify ok", "verify invalid_code", "refresh ok", "redeem ok", "renew ok", "reset ok"),
    *("reset_password ok", "delete ok", "invite ok", "policy ok", "list ok", "unlock ok", "in the middle"),
}


@pytest.fixture(autouse=True)
def secrets_seen() -> Iterator[None]:
    """Log nothing: what is logged is searched for secrets in every other test, of which none logs this much."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.fixture(autouse=True)
def same_each_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make calls one after the other that go out together, so that a chosen call is the same one in each run."""

    def in_order[A, B](first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        theirs = second()
        return first(), theirs

    monkeypatch.setattr(service.services.store, "together", in_order)
    monkeypatch.setattr(password, "_DECOY_HASH", password.hash_password("nobody's"))  # who is not there costs as little


@pytest.mark.parametrize("part", range(PARTS))
def test_the_service_does_what_the_model_says(part: int, service: Service, _signing_key: SealedSigningKey) -> None:  # noqa: PT019
    held = _beginning(Machine, service, _signing_key)
    run_state_machine_as_test(
        held if BY_HAND else seed(part + 1)(held),
        settings=settings(
            max_examples=EXAMPLES // PARTS,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if BY_HAND else [Phase.generate],
        ),
    )
    counted = held.taken
    assert counted["steps"] >= EXAMPLES // PARTS * STEPS * 0.9
    assert REACHED - counted.keys() == set(), " ".join(f"{what}: {times}," for what, times in sorted(counted.items()))


@pytest.mark.parametrize("part", range(PARTS))
def test_two_requests_that_meet_come_to_what_one_after_the_other_would(
    part: int,
    service: Service,
    _signing_key: SealedSigningKey,  # noqa: PT019
) -> None:
    """Each pair that contends for something, at each point there is, without a random choice."""
    held = _beginning(Pairs, service, _signing_key)
    for pair, bound in ALL[part::PARTS]:
        machine, met = held(), held.taken["in the middle"]
        machine.begin(row=0, day=0)
        machine.walk(pair, bound=bound)
        machine.nobody_else_is_touched()
        assert held.taken["in the middle"] > met, f"{pair} never met"


def _beginning[M: Chosen](machine: type[M], at: Service, signing_key: SealedSigningKey) -> type[M]:
    """Return a machine that counts, and whose every example begins at the same moment."""
    began, counted = at.clock._now, Counter[str]()

    class Held(machine):  # type: ignore[misc, valid-type]
        service = at
        taken = counted

        def empty(self) -> None:
            at.forget()
            at.recorder.clear()
            at.clock._now = began
            at.put(_item(signing_key))
            for account in ("acme", "globex"):
                at.account(account)

    return Held
