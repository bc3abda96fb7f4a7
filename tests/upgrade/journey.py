"""A journey that leaves an item of every kind, and people in the midst of everything that takes two steps.

It goes through the routes, the pages and the operator's command alone, so that the items are those of the release and
not of a test. What each person has in the end (password, phone, tokens, tickets, cookies) is returned by name.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from secondstep.authenticators.totp import new_secret
from secondstep.subscriber import Identity
from tests.attacks import raw
from tests.attacks.successes import PICTURE
from tests.browsing import Browser
from tests.importing.moving_in import FILES, Command
from tests.outside import Outside
from tests.relying_party import REGISTERED, RelyingParty
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, secret_of
from tests.upgrade.kept import Held

POLICY = {
    "display_name": "Acme Support",
    "help_text": "Ask at the desk.",
    "accent_colour": "#335577",
    "idle_minutes": 45,
    "applications": REGISTERED,
}
_POLICY_IS_REMEMBERED = 61
_STEP = 30
_GUESSED = "someone else's guess"


class Phone(NamedTuple):
    """Somebody with a phone, and the session that the binding has given."""

    person: Person
    session: dict[str, Any]

    @property
    def token(self) -> str:
        """Return the account token."""
        return str(self.session["account_token"])


class Journey:
    """One walk through a service that has nothing yet but a signing key."""

    def __init__(self, service: Service, command: Command) -> None:
        self._service = service
        self._command = command
        self._outside = Outside(service)

    def walk(self) -> Held:
        """Do everything and return what everybody holds; a minute or two of the service's clock pass."""
        held = {"kim": self._first_admin()}
        phones = {name: self._bound(name) for name in ("ada", "bea", "fay", "gus", "ida", "jon", "kay", "lee")}
        phones |= {name: self._bound(name) for name in ("max", "nia", "oli", "pia", "quy", "ros", "sam", "tim", "zoe")}
        self._imported()
        self._service.clock.advance(_STEP)
        held |= {name: self._has(phone) for name, phone in phones.items()}
        for name, begin in self._begun().items():
            held.setdefault(name, {"password": PASSWORD}).update(begin(phones[name]) if name in phones else begin(name))
        held["kim"] |= self._admin_has()
        held["zoe"] |= self._promoted("zoe")
        self._outside.deliver()
        return held

    def _begun(self) -> dict[str, Callable[[Any], dict[str, Any]]]:
        """Return what each is in the midst of."""
        return {
            "max": self._refreshed,
            "lee": self._settled,
            "quy": self._stepping_up_wrongly,
            "jon": self._nearly_out_of_tries,
            "kay": self._wrong_recovery_code,
            "liv": self._slowed_down,
            "cal": lambda name: {"ticket": self._invite(name)},
            "hal": self._forgot_password,
            "gus": self._reset,
            "sam": self._confirming_by_ticket,
            "tim": self._wrong_ticket,
            "ida": self._disabled,
            "fay": self._adding,
            "dan": lambda name: {"challenge": self._challenge(self._with_password(name))},
            "eli": self._confirming,
            "nia": lambda phone: {"cookies": self._browser(phone.person).cookies},
            "ros": self._between_two_pages,
            "pia": lambda phone: self._application(phone, spend=True),
            "oli": lambda phone: self._application(phone, spend=False),
            "bea": self._ahead_of_time,
            "ada": lambda phone: {"challenge": self._challenge(phone.person)},
        }

    # --- the account

    def _first_admin(self) -> dict[str, Any]:
        code, out = self._command("account", "create", ACCOUNT, "--admin", "kim", "--display-name", "Acme", "--json")
        assert code == 0
        self._admin = self._bound("kim", _ticket(out))
        tag = self._ok(self._service.get("/admin/policy", token=self._admin.token)).headers["ETag"]
        self._ok(self._service.call("PUT", "/admin/policy", POLICY, token=self._admin.token, headers={"If-Match": tag}))
        png = (("Content-Type", "image/png"),)
        self._ok(raw.send(self._service, "PUT", "/admin/policy/logo", PICTURE, headers=png, token=self._admin.token))
        self._service.clock.advance(_POLICY_IS_REMEMBERED)
        self._outside.invoke("RotateFunction", {})
        return self._has(self._admin)

    def _imported(self) -> None:
        code, _ = self._command("import", ACCOUNT, FILES / "rows.jsonl", "--format", "rows", "--json")
        assert code == 1, "some lines of that file are refused on purpose"

    def _admin_has(self) -> dict[str, Any]:
        token = self._admin.token
        return {
            "etag": self._ok(self._service.get("/admin/policy", token=token)).headers["ETag"],
            "summary": self._ok(self._service.get("/admin/summary", token=token)).body,
            "subscribers": self._ok(self._service.get("/admin/subscribers?limit=4", token=token)).body,
            "audit": self._ok(self._service.get("/admin/audit?limit=4", token=token)).body,
            "cookies": self._browser(self._admin.person).cookies,
        }

    def _promoted(self, name: str) -> dict[str, Any]:
        self._ok(self._about(name, "PATCH", "", {"role": "admin"}))
        return {"role": "admin"}

    # --- how somebody comes to be

    def _invite(self, name: str) -> str:
        body = {"login_name": name, "role": "agent", "email": f"{name}@example.com"}
        return str(self._ok(self._service.post("/admin/subscribers", body, token=self._admin.token)).body["ticket"])

    def _with_password(self, name: str, ticket: str = "") -> Person:
        body = {
            "account": ACCOUNT,
            "login_name": name,
            "ticket": ticket or self._invite(name),
            "new_password": PASSWORD,
        }
        self._ok(self._service.post("/password", body))
        return Person(Identity(ACCOUNT, name), "", new_secret(), [])

    def _bound(self, name: str, ticket: str = "") -> Phone:
        person = self._with_password(name, ticket)
        reply, secret = self._service.bind(person, **({"ticket": ticket} if ticket else {}))
        session = self._ok(reply).body
        return Phone(person._replace(secret=secret, recovery_codes=list(session["recovery_codes"])), session)

    def _has(self, phone: Phone) -> dict[str, Any]:
        person = phone.person
        return {
            "password": PASSWORD,
            "secret": person.secret.base32,
            "recovery_codes": list(person.recovery_codes),
            "access_token": phone.session["access_token"],
            "account_token": phone.session["account_token"],
            "refresh_token": phone.session["refresh_token"],
        }

    # --- what somebody is in the midst of

    def _challenge(self, person: Person) -> str:
        return str(self._ok(self._service.log_in(person)).body["challenge"])

    def _refreshed(self, phone: Phone) -> dict[str, Any]:
        used = phone.session["refresh_token"]
        answer = self._ok(self._service.post("/refresh", {"refresh_token": used})).body
        self._service.clock.advance(_STEP)  # later than a lost reply is forgiven
        return {"used_refresh_token": used, "refresh_token": answer["refresh_token"]}

    def _settled(self, phone: Phone) -> dict[str, Any]:
        """Somebody who uses the service for long: two phones, contact data, a recovery code spent, two sessions."""
        token, service = phone.token, self._service
        profile = {"display_name": "Lee of the desk", "locale": "de-AT", "email": "lee@example.com"}
        self._ok(service.call("PATCH", "/me", profile, token=token))
        begun = self._ok(service.post("/me/authenticators", {"name": "Tablet"}, token=token)).body
        code = service.code_of(secret_of(begun["secret"]))
        self._ok(service.post("/verify", {"challenge": begun["challenge"], "code": code}, token=token))
        spent = phone.person.recovery_codes[0]
        proof = {"challenge": self._challenge(phone.person), "recovery_code": spent}
        self._ok(service.post("/verify", proof))
        events = self._ok(service.get("/me/events?limit=2", token=token)).body
        return {"tablet": begun["secret"], "spent_recovery_code": spent, "events": events}

    def _stepping_up_wrongly(self, phone: Phone) -> dict[str, Any]:
        wrong = {"code": self._service.wrong_code(phone.person)}
        assert self._service.post("/step-up", wrong, token=phone.token).code == "invalid_code"
        return {}

    def _nearly_out_of_tries(self, phone: Phone) -> dict[str, Any]:
        wrong = self._service.wrong_code(phone.person)
        for tries in (5, 4):
            challenge = self._challenge(phone.person)
            for _ in range(tries):
                assert self._service.verify(challenge, wrong).code == "invalid_code"
        return {"challenge": challenge}

    def _wrong_recovery_code(self, phone: Phone) -> dict[str, Any]:
        challenge = self._challenge(phone.person)
        proof = {"challenge": challenge, "recovery_code": "AAAA-AAAA-AAAA-AAAA"}
        assert self._service.post("/verify", proof).code == "invalid_code"
        return {"challenge": challenge}

    def _slowed_down(self, name: str) -> dict[str, Any]:
        person = self._with_password(name)
        codes = [self._service.log_in(person, _GUESSED).code for _ in range(11)]
        assert codes[-1] == "too_many_attempts"
        return {}

    def _forgot_password(self, name: str) -> dict[str, Any]:
        phone = self._bound(name)
        reply = self._ok(self._about(name, "POST", "/password-reset", {"reason": "forgot it"}))
        return self._has(phone) | {"ticket": reply.body["ticket"]}

    def _reset(self, phone: Phone) -> dict[str, Any]:
        reply = self._ok(self._about(phone.person.login_name, "POST", "/reset", {"reason": "lost phone"}))
        return {"ticket": reply.body["ticket"]}

    def _confirming_by_ticket(self, phone: Phone) -> dict[str, Any]:
        begun = self._ok(self._service.enroll(phone.person, **self._reset(phone))).body
        return {"challenge": begun["challenge"], "new_secret": begun["secret"]}

    def _wrong_ticket(self, phone: Phone) -> dict[str, Any]:
        self._reset(phone)
        challenge = self._challenge(phone.person)
        wrong = {"challenge": challenge, "ticket": "AAAA-AAAA-AAAA-AAAA"}
        assert self._service.post("/enroll", wrong).code == "ticket_invalid"
        return {"challenge": challenge}

    def _disabled(self, phone: Phone) -> dict[str, Any]:
        self._ok(self._about(phone.person.login_name, "PATCH", "", {"status": "disabled"}))
        return {}

    def _adding(self, phone: Phone) -> dict[str, Any]:
        begun = self._ok(self._service.post("/me/authenticators", {"name": "Tablet"}, token=phone.token)).body
        return {"challenge": begun["challenge"], "new_secret": begun["secret"]}

    def _confirming(self, name: str) -> dict[str, Any]:
        begun = self._ok(self._service.enroll(self._with_password(name))).body
        return {"challenge": begun["challenge"], "secret": begun["secret"]}

    def _ahead_of_time(self, phone: Phone) -> dict[str, Any]:
        """The phone's clock is wrong: the first code of a future step is remembered."""
        challenge = self._challenge(phone.person)
        reply = self._service.verify(challenge, self._service.code(phone.person, steps=5))
        assert reply.code == "invalid_code"
        return {"challenge": challenge}

    def _browser(self, person: Person) -> Browser:
        browser = Browser(self._service).log_in(person)
        assert browser.path == "/ui/account", (browser.path, browser.text)
        return browser

    def _between_two_pages(self, phone: Phone) -> dict[str, Any]:
        browser = Browser(self._service)
        browser.get(f"/ui/login?account={ACCOUNT}")
        browser.submit("/ui/login", login_name=phone.person.login_name, password=PASSWORD)
        assert browser.path == "/ui/verify"
        return {"cookies": browser.cookies}

    def _application(self, phone: Phone, *, spend: bool) -> dict[str, Any]:
        desk, browser = RelyingParty(self._service), self._browser(phone.person)
        code = desk.code(browser)
        has = {"code": code, "verifier": desk.verifier, "cookies": browser.cookies}
        return has | (self._ok(desk.redeem(code)).body if spend else {})

    def _about(self, name: str, method: str, path: str, body: dict[str, Any]) -> Reply:
        return self._service.call(method, f"/admin/subscribers/{name}{path}", body, token=self._admin.token)

    @staticmethod
    def _ok(reply: Reply) -> Reply:
        assert reply.status < 300, reply.body
        return reply


def _ticket(printed: str) -> str:
    """Return the ticket that `account create --json` has printed."""
    return str(json.loads(printed)["ticket"])
