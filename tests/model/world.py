"""What the service promises, once more: in memory, one request after the other, without a database or a key.

Written from storage.md and api.md, not from the service. A request is a generator that yields wherever another one may
come in between (`interruption.py`). What only the service knows (a token's text) is a number here; numbers rise, so the
younger of two things has the higher one.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field

import pyotp

type Name = tuple[str, str]  # account and login name
type Steps = Generator[None, None, Answer]

STATUS = {
    "password_refused": 400,
    "invalid_request": 400,
    "forbidden": 403,
    "authenticator_disabled": 403,
    "not_found": 404,
    "conflict": 409,
    "too_many_attempts": 429,
}  # every other refusal is a 401
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass
class Answer:
    """A status, a code, what must stand in the body, and what the body makes known: its member to our number."""

    code: str = "ok"
    status: int = 200
    shown: dict[str, object] = field(default_factory=dict)
    made: dict[str, int | list[int]] = field(default_factory=dict)


@dataclass
class Policy:
    """The fields that decide something here."""

    mfa_required: bool = True
    enrollment_ticket: str = "after_reset"
    tolerance_steps: int = 1
    max_authenticators: int = 3
    session_hours: int = 12
    idle_minutes: int = 60


@dataclass
class Authenticator:
    """A bound one: the highest step that was accepted, and when."""

    last: int
    used: int


@dataclass
class Challenge:
    """An open one; `secret` waits in it, with the ticket that it was shown and the session that adds it."""

    purpose: str
    opened: int
    expires: int
    tries: int = 5
    secret: int | None = None
    ticket: int | None = None
    made: int = 0
    session: int | None = None


@dataclass
class Person:
    """A subscriber."""

    role: str = "agent"
    status: str = "active"
    enrollment: str = "open"
    epoch: int = 0
    password: str | None = None
    authenticators: dict[int, Authenticator] = field(default_factory=dict)
    challenges: dict[int, Challenge] = field(default_factory=dict)
    recovery_codes: list[int] = field(default_factory=list)
    password_ticket: tuple[int, int] | None = None  # which, and until when
    enrollment_ticket: tuple[int, int] | None = None
    recent: dict[int, int] = field(default_factory=dict)
    day: dict[int, int] = field(default_factory=dict)
    recovery_recent: dict[int, int] = field(default_factory=dict)
    run: int = 0
    last_login: int | None = None


@dataclass
class Session:
    """A login that lasts; `chain` are its refresh tokens, the last one being the current."""

    name: Name
    epoch: int
    mfa: bool
    auth_time: int
    expires: int
    last_used: int
    chain: list[int]
    rotated: int = 0
    failures: int = 0
    ended: bool = False


@dataclass
class Bearer:
    """An account token."""

    session: int
    auth_time: int
    mfa: bool
    since: int
    until: int


def refused(code: str, **shown: object) -> Answer:
    """Return a refusal."""
    return Answer(code, STATUS.get(code, 401), shown)


def matching(secret: str, code: str, now: int) -> list[int]:
    """Return the time steps, within ten of now, that a code belongs to (RFC 6238)."""
    generator = pyotp.HOTP(secret)
    return [step for step in range(now // 30 - 10, now // 30 + 11) if generator.at(step) == code]


class World:
    """Everybody, and what everybody holds. `secrets` are the authenticators' keys, told by whoever saw them."""

    def __init__(self) -> None:
        self.now = 0
        self.made = 0
        self.people: dict[Name, Person] = {}
        self.sessions: dict[int, Session] = {}
        self.bearers: dict[int, Bearer] = {}
        self.policies: dict[str, Policy] = {}
        self.pace: dict[Name, int] = {}
        self.secrets: dict[int, str] = {}
        self.adds: dict[int, bool] = {}
        self.events: Counter[tuple[Name, str]] = Counter()

    # --- what the requests have in common

    def new(self) -> int:
        """Return the next number."""
        self.made += 1
        return self.made

    def record(self, name: Name, *events: str) -> None:
        """Note audit events."""
        self.events.update((name, event) for event in events)

    def holder(self, challenge: int) -> tuple[Name, Person | None]:
        """Return who holds an open challenge."""
        for name, person in self.people.items():
            found = person.challenges.get(challenge)
            if found and self.now < found.expires and found.tries > 0 and person.status == "active":
                return name, person
        return ("", ""), None

    def living(self, session: int) -> Person | None:
        """Return whose session it is, if it lives."""
        it = self.sessions[session]
        person = self.people.get(it.name)
        lives = person and person.status == "active" and it.epoch == person.epoch and not it.ended
        return person if lives and self.now < it.expires else None

    def bears(self, bearer: int) -> Person | None:
        """Return whom an account token speaks for, now."""
        it = self.bearers[bearer]
        return self.living(it.session) if it.since <= self.now < it.until else None

    def is_fresh(self, bearer: int, person: Person) -> bool:
        """Tell whether a token's own proof is of the last five minutes, by the second factor where there is one."""
        it = self.bearers[bearer]
        return self.now - it.auth_time <= 5 * MINUTE and (it.mfa or person.enrollment != "bound")

    def _pay_password(self, name: Name) -> int | None:
        """Charge a name (a burst of ten, then one in 30 s); return what a right password gives back, None for 429."""
        tat = self.pace.get(name, 0)
        if tat > self.now + 9 * 30:
            return None
        self.pace[name] = max(tat, self.now) + 30
        return 30 if tat > self.now else 0

    def _pay_guess(self, person: Person, *, recovery: bool) -> int | str:
        """Charge one guess; return the charge, or why not. A full window gives up what has left it."""
        if not recovery and person.run >= 50:
            return "authenticator_disabled"
        limits = [(person.recovery_recent, 10, 15 * MINUTE)]
        if not recovery:
            limits = [(person.recent, 10, 15 * MINUTE), (person.day, 50, DAY)]
        stale = [[one for one, at in window.items() if at <= self.now - long] for window, _, long in limits]
        full = [len(window) >= limit for window, limit, _ in limits]
        if any(len(window) - len(gone) >= limit for (window, limit, _), gone in zip(limits, stale, strict=True)):
            return "too_many_attempts"
        charge = self.new()
        for (window, _, _), gone in zip(limits, stale, strict=True):
            for one in gone if any(full) else ():
                del window[one]
            window[charge] = self.now
        person.run += 0 if recovery else 1
        return charge

    def _take_back(self, person: Person, charge: int) -> None:
        for window in (person.recent, person.day, person.recovery_recent):
            window.pop(charge, None)

    def _open(self, name: Name, purpose: str, seconds: int, **more: int | None) -> int:
        """Open a challenge; the dead go, and of five open ones the oldest."""
        person, challenge = self.people[name], self.new()
        for each, it in list(person.challenges.items()):
            if self.now >= it.expires or it.tries <= 0:
                del person.challenges[each]
        while len(person.challenges) >= 5:
            del person.challenges[min(person.challenges, key=lambda one: person.challenges[one].opened)]
        person.challenges[challenge] = Challenge(purpose, self.now, self.now + seconds, **more)  # type: ignore[arg-type]
        return challenge

    def _change_epoch(self, person: Person, *, surviving: int | None = None) -> None:
        """Every older session and challenge is over, but for the session that shall survive."""
        person.epoch = self.new()
        person.challenges.clear()
        if surviving is not None:
            self.sessions[surviving].epoch = person.epoch

    def _log_in(self, name: Name, *, mfa: bool) -> dict[str, int | list[int]]:
        """Make a session."""
        person, hours, session, refresh = (
            self.people[name],
            self.policies[name[0]].session_hours,
            self.new(),
            self.new(),
        )
        person.last_login = self.now
        until = self.now + hours * HOUR
        self.sessions[session] = Session(name, person.epoch, mfa, self.now, until, self.now, [refresh])
        return self._tokens(session, self.now, mfa=mfa) | {"refresh_token": refresh}

    def _tokens(self, session: int, auth_time: int, *, mfa: bool) -> dict[str, int | list[int]]:
        until = min(self.now + 15 * MINUTE, self.sessions[session].expires)
        bearer = self.new()
        self.bearers[bearer] = Bearer(session, auth_time, mfa, self.now, until)
        return {"account_token": bearer}

    def _is_shown(self, slot: tuple[int, int] | None, ticket: int | None) -> bool:
        return slot is not None and slot[0] == ticket and self.now < slot[1]
