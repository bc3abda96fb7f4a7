"""Sends requests to the service and to the model, and holds the one against the other after each."""

import copy
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from secondstep.aws import Answer as Answered
from secondstep.subscriber import Subscriber
from tests.model.observed import Request, Stored, Texts, differs_in_answer, differs_in_store, learned, stored
from tests.model.reference import Reference
from tests.model.world import DAY, MINUTE, Answer, Name, Steps, matching
from tests.recording import Called, Fault
from tests.service import Reply, Service, race

ORDERS = sorted(set(itertools.permutations("aabb")))
MEETING_SECONDS = 0.1
ENDS_ALL = {"reset", "disable", "delete"}


class Driver:
    """One service and one model of it."""

    def __init__(self, service: Service, taken: Counter[str]) -> None:
        self.service = service
        self.world = Reference()
        self.texts: Texts = {}
        self.taken = taken
        self._ids: dict[int, str] = {}  # what the service calls a bound authenticator
        self._epochs: dict[int, bytes] = {}
        self._burned: set[tuple[int, int]] = set()
        self._ended: dict[Name, int] = {}  # all that has a lower number is over
        self._before: dict[Name, str] = {}
        self.challenges: dict[Name, list[int]] = {}

    def on_the_second(self) -> None:
        """Set both clocks to the same whole second; each look at the service's costs it a millisecond."""
        self.world.now = math.floor(self.service.clock())
        self.service.clock.advance(self.world.now - self.service.clock() + 0.0005)

    def meet(self, name: Name) -> None:
        """Get to know a subscriber that was written, not asked for."""
        it = stored(self.service, name).person
        if it:
            self._holds(it, name, "seed")

    def forget(self, name: Name) -> None:
        """Forget a subscriber that is about to be written anew."""
        self.world.people.pop(name, None)
        self._before.pop(name, None)

    def id_of(self, authenticator: int) -> str:
        """Return what the service calls a bound authenticator."""
        return self._ids.get(authenticator, "AAAAAAAAAAAAAAAA")

    def run(self, request: Request) -> Answer:
        """Send one request; fail where the answer or what is stored is not what the model says."""
        self.on_the_second()
        reply = request.send()
        answer = _in_order(self.world, "aa", [request])[0]
        known = dict(self.texts)
        difference = differs_in_answer(reply, answer, known)
        assert difference is None, f"{request.rule} of {request.about}: {difference}"
        it = stored(self.service, request.about)
        difference = differs_in_store(it, self.world, request.about, known)
        assert difference is None, f"{request.rule} of {request.about} ({answer.code}): {difference}"
        self._go_on(request, reply, answer, it)
        return answer

    def compare(self, name: Name) -> None:
        """Fail where a subscriber is not stored as the model has it."""
        difference = differs_in_store(stored(self.service, name), self.world, name, self.texts)
        assert difference is None, f"{name}: {difference}"

    def run_beside(self, first: Request, second: Request, *, meeting: bool) -> list[Answer]:
        """Send two requests at one moment; some order of their halves must explain answers and store.

        Where they are `meeting`, each has read before either one writes.
        """
        self.on_the_second()
        self.service.recorder.fault = _met() if meeting else None
        replies = race(first.send, second.send)
        self.service.recorder.fault = None
        it, differences = stored(self.service, first.about), list[str]()
        for order in ORDERS:
            world, known = copy.deepcopy(self.world), dict(self.texts)
            answers = _in_order(world, "".join(order), [first, second])
            told = [differs_in_answer(*each, known) for each in zip(replies, answers, strict=True)]
            difference = next(filter(None, told), None) or differs_in_store(it, world, first.about, known)
            if difference is None:
                self.world = world
                for request, reply, answer in zip((first, second), replies, answers, strict=True):
                    self._go_on(request, reply, answer, it, beside=True)
                return answers
            differences.append(f"{''.join(order)}: {difference}")
        raise AssertionError(f"{first.rule} beside {second.rule}: no order explains it\n" + "\n".join(differences))

    def _go_on(self, request: Request, reply: Reply, answer: Answer, it: Stored, *, beside: bool = False) -> None:
        name = request.about
        self.taken[f"{request.rule} {answer.code}"] += 1
        self.texts |= learned(reply, answer)
        for member, number in answer.made.items():
            if member == "secret" and isinstance(number, int):
                self.world.secrets[number] = self.texts[number]
            if member == "challenge" and isinstance(number, int):
                self.challenges.setdefault(name, []).append(number)
        if answer.code == "ok" and not beside:
            self._keeps_its_word(request)
        if it.person is None:
            self._before.pop(name, None)
        else:
            self._holds(it.person, name, request.rule)

    # --- what holds whatever the model says

    def _keeps_its_word(self, request: Request) -> None:
        """What a reset, a disabling or a deletion has ended opens nothing; a step is accepted once."""
        name = request.about
        if request.leans_on is not None:
            assert request.leans_on > self._ended.get(name, 0), f"{request.rule}: opened by what was ended"
        if request.rule in ENDS_ALL:
            self._ended[name] = self.world.made if request.rule != "reset" else self._before_the_ticket(name)
        if request.code is not None:
            near = {
                (secret, step)
                for secret in self.world.people[name].authenticators
                for step in matching(self.world.secrets[secret], request.code, self.world.now)
                if abs(step - self.world.now // 30) <= 1
            }
            assert near - self._burned, f"{request.rule}: a step was accepted twice"
            self._burned |= near

    def _before_the_ticket(self, name: Name) -> int:
        ticket = self.world.people[name].enrollment_ticket
        return ticket[0] - 1 if ticket else self.world.made

    def _holds(self, it: Subscriber, name: Name, rule: str) -> None:
        """Budgets are never exceeded, only a binding leaves `ticketed`, and the epoch changes when it must."""
        now, expected = self.world.now, self.world.people[name]
        for window, limit, seconds in (
            (it.recent, 10, 15 * MINUTE),
            (it.day, 50, DAY),
            (it.recovery_recent, 10, 15 * MINUTE),
        ):
            assert sum(at > now - seconds for at in window.values()) <= limit, f"{rule}: a window holds too much"
        assert 0 <= it.run <= 50, f"{rule}: a row of {it.run}"
        assert all(0 <= each.tries_left <= 5 for each in it.challenges.values()), f"{rule}: tries"
        was = self._before.get(name)
        left = was == "ticketed" and it.enrollment.value == "open" and rule not in ("reset", "invite")
        assert not left, f"{rule}: left `ticketed` without a binding"
        self._before[name] = it.enrollment.value
        assert self._epochs.setdefault(expected.epoch, it.epoch) == it.epoch, f"{rule}: the epoch changed"
        assert len(set(self._epochs.values())) == len(self._epochs), f"{rule}: the epoch did not change"
        news = set(it.authenticators) - set(self._ids.values())
        fresh = [each for each in expected.authenticators if each not in self._ids]
        self._ids |= dict(zip(fresh, sorted(news), strict=True))


def _met() -> Fault:
    """Hold the transactions of two requests until both have come to theirs, or one has none."""
    barrier = threading.Barrier(2)

    def wait_for_the_other(called: Called, go_on: Callable[[], Answered]) -> Answered:
        if called.operation == "transact_write_items":
            with suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=MEETING_SECONDS)
        return go_on()

    return wait_for_the_other


def _in_order(world: Reference, order: str, requests: list[Request]) -> list[Answer]:
    """Run the halves of requests in an order; what is left of one at the end is run then."""
    halves: dict[str, Steps] = {}
    answers: dict[str, Answer] = {}
    for each in order:
        if each in answers:
            continue
        halves.setdefault(each, requests["ab".index(each)].expect(world))
        try:
            next(halves[each])
        except StopIteration as ended:
            answers[each] = ended.value
    return [answers[each] for each in sorted(halves)]
