"""Many people at once, each with a phone, over HTTP: every answer is the one that must come, and is written down.

A client goes from one journey to the next. It knows beforehand what each request must be answered, and which audit
event must tell of it; the ledger keeps both, with the request's id, which answer and event share.
"""

import http.client
import json
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp

from local.seeds import ACCOUNT, PASSWORD

STEP_SECONDS = 30
_PATIENCE_SECONDS = 60
_NEWCOMERS = 0.1  # of the journeys
_MOST_GUESSES = 6  # of one person's codes: ten in a quarter of an hour would be too many

type Json = dict[str, Any]


class WrongOutcome(Exception):
    """An answer was not the one that had to come."""


class Ledger:
    """What was asked, what was answered otherwise than expected, and the audit events that must be there."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()
        self.journeys: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.told: dict[str, tuple[str, str]] = {}  # request id → event and outcome
        self._lock = threading.Lock()

    def note(self, route: str, status: int, request_id: str, event: str | None) -> None:
        """Note an answer, and the event that tells of it: `verify` for a success, `!verify` for a failure."""
        with self._lock:
            self.answered[route, status] += 1
            if event:
                self.told[request_id] = (event.lstrip("!"), "failure" if event.startswith("!") else "success")

    def complain(self, text: str) -> None:
        """Note what went wrong."""
        with self._lock:
            self.wrong.append(text)

    def ended(self, journey: str) -> None:
        """Note a journey that went as it should."""
        with self._lock:
            self.journeys[journey] += 1


class Caller:
    """The service over HTTP, one connection for each request."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port = port
        self.ledger = ledger

    def __call__(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        token: str | None = None,
        expect: int | str | tuple[int | str, ...] = 200,
        event: str | None = None,
    ) -> Json:
        """Send a request and return the answer; WrongOutcome where neither status nor code is an expected one.

        `event` tells of a success, or of the refusal that is expected; where either may come it is noted by `told_as`.
        """
        status, request_id, answer = self._send(method, path, body, token)
        code = answer.get("code", "") if status >= 400 else ""
        self.ledger.note(f"{method} {_resource(path)}", status, request_id, event)
        if not {status, code} & set(expect if isinstance(expect, tuple) else (expect,)):
            self.ledger.complain(f"{method} {_resource(path)}: {status} {code} in the place of {expect}")
            raise WrongOutcome
        return answer | {"request_id": request_id}

    def _send(self, method: str, path: str, body: Json | None, token: str | None) -> tuple[int, str, Json]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_SECONDS)
        try:
            sent = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, sent, headers | kind)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as broken:
            self.ledger.complain(f"{method} {_resource(path)}: {type(broken).__name__}")
            raise WrongOutcome from broken
        finally:
            connection.close()
        is_json = "json" in (answer.headers["Content-Type"] or "")
        parsed = json.loads(text) if text and is_json else {}
        request_id = answer.headers["x-amzn-RequestId"] or ""
        return answer.status, request_id, parsed if isinstance(parsed, dict) else {"list": parsed}


def _resource(path: str) -> str:
    """Return a path without names and parameters: what is shown holds nothing of anybody."""
    parts = path.partition("?")[0].split("/")
    return "/".join("{id}" if any(each.isdigit() for each in part) else part for part in parts)


class Phone:
    """An authenticator app. Its codes rise: none is shown twice, and at most one step early."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._last = 0

    def has_code(self) -> bool:
        """Tell whether there is a code that was not used yet."""
        return self._last <= _step()

    def code(self) -> str:
        """Return the next one."""
        self._last = max(self._last + 1, _step())
        return str(self._totp.at(self._last * STEP_SECONDS))

    def wrong_code(self) -> str:
        """Return a code of none of the steps around now."""
        near = {self._totp.at((_step() + away) * STEP_SECONDS) for away in range(-12, 13)}
        return next(code for code in (f"{number:06d}" for number in range(1000)) if code not in near)


def _step() -> int:
    return int(time.time()) // STEP_SECONDS


class Somebody:
    """A subscriber: name, phone, recovery codes, and the tokens of the latest session."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.phone = Phone("A" * 32)
        self.recovery_codes: list[str] = []
        self.session: Json = {}
        self.guesses = 0

    @property
    def token(self) -> str:
        """Return the account token."""
        return str(self.session["account_token"])

    @property
    def password(self) -> Json:
        """Return what logs in."""
        return {"account": ACCOUNT, "login_name": self.name, "password": PASSWORD}


def enrolled_admin(call: Caller) -> str:
    """Return the account token of the seed's admin, who has just enrolled."""
    begun = call("POST", "/enroll", {"challenge": call("POST", "/login", Somebody("admin").password)["challenge"]})
    proof = {"challenge": begun["challenge"], "code": Phone(begun["secret"]).code()}
    return str(call("POST", "/verify", proof, event="enrolled")["account_token"])


class Client:
    """One of many: makes people, and lets them do what people do, until it is time to stop."""

    def __init__(self, number: int, call: Caller, admin_token: str) -> None:
        self._call = call
        self._admin_token = admin_token
        self._number = number
        self._chosen = random.Random(number)
        self._people: list[Somebody] = []
        self._has_mistyped = False
        self._journeys: list[Callable[[Somebody], None]] = [
            self._log_in,
            self._log_in_twice_at_once,
            self._refresh,
            self._recover,
            self._mistype,
            self._look_around,
            self._lose_the_phone,
            self._sign_out,
        ]

    def run(self, until: float) -> None:
        """Go from journey to journey until the moment has come (by the monotonic clock)."""
        first = self._journeys[self._number % len(self._journeys)]  # so that all of them are gone
        while time.monotonic() < until:
            try:
                self._go(first)
            except WrongOutcome:
                self._people.clear()  # what they hold is unknown now

    def _go(self, first: Callable[[Somebody], None]) -> None:
        if not self._people:
            self._come_in()
            first(self._people[0])
        elif self._chosen.random() < _NEWCOMERS:
            self._come_in()
        else:
            self._chosen.choice(self._journeys)(self._chosen.choice(self._people))

    # --- journeys

    def _come_in(self) -> None:
        """An invitation, a password, a phone; the first code is mistyped."""
        call, person = self._call, Somebody(f"p{secrets.token_hex(8)}0")
        invited = call(
            "POST", "/admin/subscribers", {"login_name": person.name, "role": "agent"},
            token=self._admin_token, expect=201, event="invited",
        )  # fmt: skip
        first = {"account": ACCOUNT, "login_name": person.name, "ticket": invited["ticket"], "new_password": PASSWORD}
        call("POST", "/password", first, expect=204, event="password_set")
        self._bind(person)
        self._people.append(person)
        call.ledger.ended("come in")

    def _bind(self, person: Somebody, **ticket: str) -> None:
        challenge = self._logged_in(person, "enroll")
        begun = self._call("POST", "/enroll", {"challenge": challenge, **ticket})
        phone, confirm = Phone(begun["secret"]), {"challenge": begun["challenge"]}
        wrong = confirm | {"code": phone.wrong_code()}
        self._call("POST", "/verify", wrong, expect="invalid_code", event="!enrolled")
        bound = self._call("POST", "/verify", confirm | {"code": phone.code()}, event="enrolled")
        if len(bound["recovery_codes"]) != 10:
            self._call.ledger.complain("a binding without its recovery codes")
        person.phone, person.session, person.recovery_codes, person.guesses = phone, bound, bound["recovery_codes"], 0

    def _logged_in(self, person: Somebody, following: str) -> str:
        answer = self._call("POST", "/login", person.password)
        if answer["next"] != following:
            self._call.ledger.complain(f"{answer['next']} in the place of {following}")
            raise WrongOutcome
        return str(answer["challenge"])

    def _log_in(self, person: Somebody) -> None:
        """Password and code; the same code again is refused."""
        if not person.phone.has_code() or person.guesses >= _MOST_GUESSES:
            return
        code = person.phone.code()
        person.session = self._verify(person, code, event="verify")
        self._verify(person, code, expect="invalid_code", event="!verify")
        person.guesses += 1
        self._call.ledger.ended("log in")

    def _verify(self, person: Somebody, code: str, **expected: Any) -> Json:
        challenge = self._logged_in(person, "verify")
        return self._call("POST", "/verify", {"challenge": challenge, "code": code}, **expected)

    def _log_in_twice_at_once(self, person: Somebody) -> None:
        """One code in two browsers at the same moment makes one session."""
        if not person.phone.has_code() or person.guesses >= _MOST_GUESSES:
            return
        code = person.phone.code()
        proofs = [{"challenge": self._logged_in(person, "verify"), "code": code} for _ in range(2)]
        won = [each for each in self._at_once("/verify", proofs, (200, "invalid_code")) if "account_token" in each]
        if len(won) != 1:
            self._call.ledger.complain(f"{len(won)} sessions by one code")
            raise WrongOutcome
        person.session, person.guesses = won[0], person.guesses + 1
        self._call.ledger.ended("log in twice at once")

    def _at_once(self, path: str, bodies: list[Json], expect: tuple[int | str, ...]) -> list[Json]:
        with ThreadPoolExecutor(len(bodies)) as threads:
            running = [threads.submit(self._call, "POST", path, body, expect=expect) for body in bodies]
            answers = [each.result() for each in running]
        if path == "/verify":
            for each in answers:
                is_won = "account_token" in each
                self._call.ledger.note("", 0, each["request_id"], "verify" if is_won else "!verify")
        return answers

    def _refresh(self, person: Somebody) -> None:
        """Two tabs refresh at the same moment: both get the same successor."""
        if not person.session:
            return
        body = {"refresh_token": person.session["refresh_token"]}
        answers = self._at_once("/refresh", [body, body], (200,))
        if answers[0]["refresh_token"] != answers[1]["refresh_token"]:
            self._call.ledger.complain("two successors of one refresh token")
        person.session = answers[0]
        self._call("GET", "/me", token=person.session["access_token"])
        self._call.ledger.ended("refresh")

    def _recover(self, person: Somebody) -> None:
        """A recovery code is good once."""
        if len(person.recovery_codes) < 3:
            return
        code = person.recovery_codes.pop()
        for expected in ({"event": "recovery_code_used"}, {"event": "!recovery_code_used", "expect": "invalid_code"}):
            proof = {"challenge": self._logged_in(person, "verify"), "recovery_code": code}
            answer = self._call("POST", "/verify", proof, **expected)
            person.session = answer if "account_token" in answer else person.session
        person.recovery_codes = person.recovery_codes if len(person.recovery_codes) > 4 else []
        self._call.ledger.ended("recover")

    def _mistype(self, person: Somebody) -> None:
        """A wrong password once for each client: an address may be wrong sixty times; then a wrong code."""
        if not self._has_mistyped:
            self._has_mistyped = True
            wrong = person.password | {"password": "not the right one"}
            self._call("POST", "/login", wrong, expect="invalid_credentials", event="!login")
        if person.guesses < _MOST_GUESSES:
            person.guesses += 1
            self._verify(person, person.phone.wrong_code(), expect="invalid_code", event="!verify")
        self._call.ledger.ended("mistype")

    def _look_around(self, person: Somebody) -> None:
        if person.session:
            for path in ("/me", "/me/sessions", "/me/events"):
                self._call("GET", path, token=person.token)
        for path in ("/admin/subscribers?limit=20", "/admin/audit?limit=20", f"/admin/subscribers/{person.name}"):
            self._call("GET", path, token=self._admin_token)
        self._call("GET", f"/ui/login?account={ACCOUNT}")
        self._call("GET", "/.well-known/jwks.json")
        self._call("GET", "/admin/summary", token=person.session.get("account_token"), expect=(401, 403))
        self._call.ledger.ended("look around")

    def _lose_the_phone(self, person: Somebody) -> None:
        """After the reset nothing old works, and only the ticket binds a new phone."""
        path, reason = f"/admin/subscribers/{person.name}/reset", {"reason": "lost phone"}
        ticket = self._call("POST", path, reason, token=self._admin_token, event="reset")["ticket"]
        if person.session:
            self._call("GET", "/me", token=person.token, expect="invalid_token")
        challenge = {"challenge": self._logged_in(person, "enroll")}
        self._call("POST", "/enroll", challenge, expect="ticket_invalid", event="!enrolled")
        self._bind(person, ticket=ticket)
        self._call.ledger.ended("lose the phone")

    def _sign_out(self, person: Somebody) -> None:
        if not person.session:
            return
        self._call("POST", "/logout", {}, token=person.token, expect=204, event="logout")
        self._call("GET", "/me", token=person.token, expect="invalid_token")
        person.session = {}
        self._call.ledger.ended("sign out")
