"""One request in the middle of another: whole, before a chosen call to DynamoDB, so that a race is the same each time.

The other one runs while the first one waits, as if in an environment of its own; nothing races freely, nothing sleeps.
"""

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from secondstep.aws import Answer as Answered
from tests.model.observed import Request
from tests.model.reference import Reference
from tests.model.world import Answer, Name, Steps
from tests.recording import Called, Recorder
from tests.service import Reply

KMS = {"encrypt", "decrypt"}
WRITES = {"update_item", "transact_write_items"}
TO_THE_END = 9  # more parts than any request of the model has
ONLY_ENDS = {"logout", "logout_by_refresh"}  # what they end has ended anyway


class Interruption:
    """Sends `first`, and `second` whole before its call number `before` to DynamoDB, or after it if it has fewer.

    Calls count from 0. Those to KMS do not count: a key remembers nothing, so a race cannot tell before from after.
    """

    def __init__(self, recorder: Recorder, first: Request, second: Request, *, before: int) -> None:
        self._recorder = recorder
        self._second = second
        self._before = before
        self._calls = 0
        self._theirs: Reply | None = None
        self.in_between = False
        self.still_wrote = False  # the first one did, when the second one had answered
        recorder.fault = self._meet
        mine = first.send()
        recorder.fault = None
        met: Reply | None = self._theirs
        self.replies = mine, met or second.send()

    @property
    def was_the_last(self) -> bool:
        """Tell whether there is no later call to come before: none was left, of a request that came to its end."""
        return not self.in_between or (self.replies[0].code == "ok" and self._calls == self._before + 1)

    def _meet(self, called: Called, go_on: Callable[[], Answered]) -> Answered:
        if called.operation in KMS:
            return go_on()
        self._calls += 1
        if self._calls - 1 == self._before:
            self._recorder.fault = None
            with ThreadPoolExecutor(max_workers=1) as environment:
                self._theirs = environment.submit(self._second.send).result()
            self._recorder.fault = self._meet
            self.in_between = self._before > 0
        self.still_wrote |= self._theirs is not None and called.operation in WRITES
        return go_on()


def explanations(
    before: Reference, first: Request, second: Request, *, still_wrote: bool
) -> Iterator[tuple[str, Reference, list[Answer]]]:
    """Yield what two requests may come to, each in a world of its own: as one after the other, or as one that lost.

    Storage.md allows less than any serial order, and more:

    - Less (promise 4): what ends everything, a new epoch or a deletion, beats everything in flight. Who still had to
      write when that was answered is explained as the later one only.
    - More (promise 1): a guess is paid for before it is checked. A request that came to nothing may have paid first,
      and lost to the other one then; and what was paid in the middle of the other one is seen by it. So where one of
      them is refused, the second one may stand between the parts of the first. So it may where the first one is a
      logout: what has ended meanwhile is no error to it.
    """
    for parts in (TO_THE_END, 0, 1, 2, 3):
        world = copy.deepcopy(before)
        answers = _interrupted(world, first, second, parts)
        beaten = still_wrote and first.rule not in ONLY_ENDS and answers[0].code == "ok"
        if parts == TO_THE_END and beaten and _ends_all(before, second):
            continue
        one_is_refused = any(each.code != "ok" for each in answers)
        if parts in (0, TO_THE_END) or one_is_refused or first.rule in ONLY_ENDS:
            yield f"{second.rule} after {parts} parts of {first.rule}", world, answers


def _interrupted(world: Reference, first: Request, second: Request, parts: int) -> list[Answer]:
    steps, mine = first.expect(world), None
    for _ in range(parts):
        mine = mine or _next_part(steps)
    theirs = whole(second.expect(world))
    return [mine or whole(steps), theirs]


def _next_part(steps: Steps) -> Answer | None:
    """Run one part of a request; return its answer if that was the last one."""
    try:
        next(steps)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    return None


def whole(steps: Steps) -> Answer:
    """Run what is left of a request, and return its answer."""
    while True:
        answer = _next_part(steps)
        if answer:
            return answer


def _ends_all(before: Reference, request: Request) -> bool:
    """Tell whether a request ends what its subject had open: another epoch, or nobody there any more."""
    world, name = copy.deepcopy(before), request.about
    whole(request.expect(world))
    return _epoch(world, name) != _epoch(before, name)


def _epoch(world: Reference, name: Name) -> int | None:
    person = world.people.get(name)
    return person.epoch if person else None
