"""Sends requests to the service and to the model, and holds the one against the other after each."""

import math
from collections import Counter

from secondstep.subscriber import Subscriber
from tests.model.interruption import Interruption, explanations, whole
from tests.model.observed import Request, Stored, Texts, differs_in_answer, differs_in_store, learned, stored
from tests.model.reference import Reference
from tests.model.world import DAY, MINUTE, Answer, Name, matching
from tests.service import Reply, Service

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
        self._holds(stored(self.service, name).person, name, "seed")

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
        answer = whole(request.expect(self.world))
        known = dict(self.texts)
        difference = differs_in_answer(reply, answer, known)
        assert difference is None, f"{request.rule} of {request.about}: {difference}"
        it = stored(self.service, request.about)
        difference = differs_in_store(it, self.world, request.about, known)
        assert difference is None, f"{request.rule} of {request.about} ({answer.code}): {difference}"
        self._learn(request, reply, answer)
        if answer.code == "ok":
            self._keeps_its_word(request)
        self._holds(it.person, request.about, request.rule)
        return answer

    def compare(self, name: Name) -> None:
        """Fail where a subscriber is not stored as the model has it."""
        difference = differs_in_store(stored(self.service, name), self.world, name, self.texts)
        assert difference is None, f"{name}: {difference}"

    def run_interrupted(self, first: Request, second: Request, *, before: int) -> tuple[list[Answer], bool]:
        """Send a request, and another one whole before its call `before`; fail where nothing explains it.

        Returns the answers, and whether that was the last point at which these two could meet.
        """
        self.on_the_second()
        sent = Interruption(self.service.recorder, first, second, before=before)
        found = {each.about: stored(self.service, each.about) for each in (first, second)}
        differences = list[str]()
        for order, world, answers in explanations(self.world, first, second, still_wrote=sent.still_wrote):
            difference = self._differs(sent.replies, world, answers, found)
            if difference is None:
                self.world = world
                self.taken["in the middle"] += sent.in_between
                for request, reply, answer in zip((first, second), sent.replies, answers, strict=True):
                    self._learn(request, reply, answer)
                for name, it in found.items():
                    self._holds(it.person, name, first.rule, second.rule)
                return answers, sent.was_the_last
            differences.append(f"{order}: {difference}")
        message = f"{second.rule} in {first.rule} of {first.about}, before call {before}: nothing explains it"
        raise AssertionError("\n".join([message, *differences]))

    def _differs(
        self, replies: tuple[Reply, Reply], world: Reference, answers: list[Answer], found: dict[Name, Stored]
    ) -> str | None:
        known = dict(self.texts)
        told = [differs_in_answer(*each, known) for each in zip(replies, answers, strict=True)]
        kept = [differs_in_store(it, world, name, known) for name, it in found.items()] if not any(told) else []
        return next(filter(None, [*told, *kept]), None)

    def _learn(self, request: Request, reply: Reply, answer: Answer) -> None:
        self.taken[f"{request.rule} {answer.code}"] += 1
        self.texts |= learned(reply, answer)
        for member, number in answer.made.items():
            if member == "secret" and isinstance(number, int):
                self.world.secrets[number] = self.texts[number]
            if member == "challenge" and isinstance(number, int):
                self.challenges.setdefault(request.about, []).append(number)

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

    def _holds(self, it: Subscriber | None, name: Name, *rules: str) -> None:
        """Budgets are never exceeded, only a binding leaves `ticketed`, and the epoch changes when it must."""
        if it is None:
            self._before.pop(name, None)
            return
        rule = " and ".join(rules)
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
        left = was == "ticketed" and it.enrollment.value == "open" and not {"reset", "invite"} & set(rules)
        assert not left, f"{rule}: left `ticketed` without a binding"
        self._before[name] = it.enrollment.value
        assert self._epochs.setdefault(expected.epoch, it.epoch) == it.epoch, f"{rule}: the epoch changed"
        assert len(set(self._epochs.values())) == len(self._epochs), f"{rule}: the epoch did not change"
        news = set(it.authenticators) - set(self._ids.values())
        fresh = [each for each in expected.authenticators if each not in self._ids]
        self._ids |= dict(zip(fresh, sorted(news), strict=True))
