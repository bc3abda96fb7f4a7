"""Who there is when an example begins, and what the rules choose from: tokens, codes and tickets, right and stale."""

from collections import Counter
from typing import Any, ClassVar

import pyotp
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from hypothesis.strategies import sampled_from

from secondstep.subscriber import Role, new_id
from tests import service as states
from tests.model.driver import Driver
from tests.model.observed import Request
from tests.model.reference import Reference
from tests.model.requests import Requests
from tests.model.world import HOUR, Answer, Authenticator, Name, Person, Policy
from tests.service import Service

NAMES: list[Name] = [
    ("acme", "alice"),
    ("acme", "bob"),
    ("acme", "carol"),
    ("acme", "newcomer"),
    ("globex", "alice"),
]
BOSSES: list[Name] = [("acme", "boss"), ("globex", "boss")]
PASSWORDS = [states.PASSWORD, "a lamp beside the window", "tq9#mZ4vL"]  # the last one is enough beside a factor only
AWAY = {"right": 0, "next": 1, "previous": -1, "early": -4, "late": 4}  # in steps


class Chosen(RuleBasedStateMachine):
    """Two accounts, a few subscribers, and what they remember."""

    service: ClassVar[Service]
    taken: ClassVar[Counter[str]]  # how often each request was answered how

    @initialize(row=sampled_from([0, 0, 44]), day=sampled_from([0, 0, 47]))
    def begin(self, row: int, day: int) -> None:
        """Empty tables and the same moment for each example."""
        self.empty()
        self.driver = Driver(self.service, self.taken)
        self.make = Requests(self.driver)
        self.driver.on_the_second()
        self.passwords = dict.fromkeys(NAMES, states.PASSWORD)
        self.last_code: dict[Name, str] = {}
        self.tickets: dict[Name, list[int]] = {name: [] for name in NAMES}
        self.codes: dict[Name, list[int]] = {name: [] for name in NAMES}
        for account in ("acme", "globex"):
            self.world.policies[account] = Policy()
        earlier = {new_id(): self.world.now - 3 * HOUR for _ in range(day)}
        self._seed(("acme", "alice"))
        self._seed(("globex", "alice"))
        self._seed(("acme", "bob"), bound=True, run=row, day=earlier)
        self._seed(("acme", "carol"), bound=True, role=Role.ADMIN)

    def empty(self) -> None:
        """Empty the tables, but for the accounts and the signing key; begin at the same moment."""
        raise NotImplementedError

    @property
    def world(self) -> Reference:
        """Return the model; two requests at once replace it."""
        return self.driver.world

    def _seed(self, name: Name, *, bound: bool = False, **more: Any) -> None:
        """Write a subscriber, and tell the model."""
        world, service = self.world, self.service
        role = more.get("role", Role.AGENT).value
        person = Person(role=role, password=states.PASSWORD, epoch=world.new())
        if bound:
            it = service.bound_person(name[1], account=name[0], **more)
            secret, used = world.new(), world.now - HOUR
            world.secrets[secret] = it.secret.base32
            person.enrollment, person.authenticators = "bound", {secret: Authenticator(used // 30, used)}
            self.codes.setdefault(name, [])[:0] = person.recovery_codes = [world.new() for _ in range(10)]
            self.driver.texts |= dict(zip(person.recovery_codes, it.recovery_codes, strict=True))
        else:
            it = service.person(name[1], account=name[0], **more)
        person.run = more.get("run", 0)
        for at in more.get("day", {}).values():
            person.day[world.new()] = at
        world.people[name] = person
        self.driver.meet(name)

    # --- what the rules choose from

    def _run(self, request: Request) -> Answer:
        answer = self.driver.run(request)
        self._note(request, answer)
        return answer

    def _note(self, request: Request, answer: Answer) -> None:
        """Remember what a person would: the ticket in the letter, the codes on paper, the code typed last."""
        ticket, codes = answer.made.get("ticket"), answer.made.get("recovery_codes")
        if isinstance(ticket, int):
            self.tickets[request.about].insert(0, ticket)
        if isinstance(codes, list):
            self.codes[request.about][:0] = codes
        if request.code is not None and answer.code == "ok":
            self.last_code[request.about] = request.code

    def _challenge(self, name: Name, back: int) -> int | None:
        """Return one of the challenges that were ever told, of this name where it still stands."""
        person = self.world.people.get(name)
        standing = sorted(person.challenges if person else (), reverse=True)
        ever = sorted(self.driver.challenges.get(name, ()), reverse=True)
        among = (standing or ever) if back < 3 else (ever or standing)
        return among[back % len(among)] if among else None

    def _fresh(self, name: Name, back: int) -> int | None:
        """Return a token that has just proven itself where that can be had; for `back` above 0 an older one."""
        token = self._bearer(name, back)
        person = self.world.bears(token) if token is not None else None
        if back == 0 and (token is None or person is None or not self.world.is_fresh(token, person)):
            self._spaced(name)
            token = self._sign_in(name) or token
        return token

    def _bearer(self, name: Name, back: int) -> int | None:
        world = self.world
        mine = [each for each, it in world.bearers.items() if world.sessions[it.session].name == name][::-1]
        return mine[back % len(mine)] if mine else None

    def _ticket(self, name: Name, back: int) -> int | None:
        """Return the youngest ticket mostly, else an older one, somebody else's, or none."""
        mine = self.tickets[name]
        if back < 3:
            return mine[0] if mine else None
        others = [each for tickets in self.tickets.values() for each in tickets]
        return others[back % len(others)] if others and back == 3 else None

    def _code(self, name: Name, kind: str, secret: int | None) -> str:
        """Return a code of a kind: of a step near now, the one accepted last, another person's, a wrong one."""
        now = int(self.service.clock())
        if kind == "again" and name in self.last_code:
            return self.last_code[name]
        if kind == "other":
            secret = next((each for each in self.world.secrets if each != secret), None)
        if secret is None or kind == "wrong":
            return "000000"
        return pyotp.TOTP(self.world.secrets[secret]).at(now + 30 * AWAY.get(kind, 0))

    def _secret(self, name: Name, challenge: int | None, back: int = 0) -> int | None:
        person = self.world.people.get(name)
        held = person.challenges.get(challenge) if person and challenge is not None else None
        if held and held.secret is not None:
            return held.secret
        bound = list(person.authenticators) if person else []
        return bound[back % len(bound)] if bound else None

    def _past_the_burned_step(self, name: Name) -> None:
        """Wait until the phone shows a code that was not accepted yet, if that is soon."""
        person = self.world.people.get(name)
        burned = max((each.last for each in person.authenticators.values()), default=0) if person else 0
        now = int(self.service.clock())
        if now // 30 <= burned <= now // 30 + 3:
            self.service.clock.advance((burned + 1) * 30 - now)

    def _sign_in(self, name: Name) -> int | None:
        """Log in with what its owner has; return the account token, or None where that does not lead through."""
        answer = self._run(self.make.login(name, self.passwords[name]))
        challenge = answer.made.get("challenge")
        if answer.shown.get("next") == "verify" and isinstance(challenge, int):
            self._past_the_burned_step(name)
            code = self._code(name, "right", self._secret(name, None))
            answer = self._run(self.make.verify(name, challenge, code))
        if answer.shown.get("next") == "enroll" and isinstance(challenge, int):
            ticket = self._ticket(name, 0) if answer.shown["ticket_required"] else None
            answer = self._run(self.make.enroll(name, challenge, ticket))
            challenge = answer.made.get("challenge")
            if isinstance(challenge, int):
                code = self._code(name, "right", self._secret(name, challenge))
                answer = self._run(self.make.verify(name, challenge, code))
        token = answer.made.get("account_token")
        return token if isinstance(token, int) else None

    def _boss(self, account: str) -> int:
        """Return a fresh token of the account's admin, whom nobody else touches."""
        boss, world = (account, "boss"), self.world
        now = int(self.service.clock())
        token = self._bearer(boss, 0)
        if token is not None and 0 <= now - world.bearers[token].auth_time < 200 and world.bears(token):
            return token
        token, self.passwords[boss] = None, states.PASSWORD
        while token is None:  # a clock that went back leaves its name without a try for a while
            self.driver.on_the_second()
            self.driver.forget(boss)
            self._seed(boss, bound=True, role=Role.ADMIN)
            token = self._sign_in(boss)
            self.service.clock.advance(0 if token else 60)
        return token

    def _actor(self, name: Name, other: int) -> int:
        """Return the token of the account's admin, or now and then of anybody there."""
        among = [each for each in NAMES if each[0] == name[0]]
        token = self._bearer(among[other], 0) if other < len(among) else None
        return token if token is not None else self._boss(name[0])

    def _spaced(self, name: Name) -> None:
        """A second between two logins: which of two challenges of one second is the older one is nobody's promise."""
        person = self.world.people.get(name)
        while person and any(each.opened == int(self.service.clock()) for each in person.challenges.values()):
            self.service.clock.advance(1)

    @invariant()
    def nobody_else_is_touched(self) -> None:
        """Compare everybody, after each step."""
        self.taken["steps"] += 1
        for name in [*NAMES, *BOSSES]:
            self.driver.compare(name)
