"""For each route the states and the request that succeed: what the matrices of attacks are generated from."""

import json
import secrets
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from secondstep import contract, ticket
from secondstep import session as sessions
from secondstep.contract import PNG, Route
from secondstep.session import PASSWORD_AND_CODE, Session
from secondstep.store.layout import session_item
from secondstep.subscriber import Status
from tests.attacks import raw
from tests.conftest import PUBLIC_URL
from tests.service import ACCOUNT, PASSWORD, SOURCE, Person, Reply, Service, secret_of

NEW_PASSWORD = "a far better pass phrase"


class Success(NamedTuple):
    """A request that will succeed, whose it is, and which answer it then gets."""

    route: Route
    person: Person
    body: dict[str, Any]
    token: str | None = None
    path: str = ""
    headers: raw.Headers = ()
    picture: bytes = b""

    @property
    def target(self) -> str:
        """Return the path to send it to."""
        return self.path or self.route.path

    @property
    def sent(self) -> bytes:
        """Return its body as it is sent."""
        if self.route.method == "GET":
            return b""
        return self.picture or json.dumps(self.body).encode()

    def send(self, service: Service, body: object = None) -> Reply:
        """Send it, or another body in its place."""
        return self.send_bytes(service, self.sent if body is None else json.dumps(body).encode())

    def send_bytes(
        self, service: Service, body: bytes | None, headers: raw.Headers | None = None, query: str = ""
    ) -> Reply:
        """Send bytes in its place, under its own media type or with other headers."""
        kind = (("Content-Type", self.route.media_type),) if headers is None else headers
        how: dict[str, Any] = {"headers": (*kind, *self.headers), "query": query, "token": self.token}
        return raw.send(service, self.route.method, self.target, body, **how)


def named(route: Route) -> str:
    """Return what a test's id calls a route."""
    return f"{route.method} {route.path}"


def fresh_name() -> str:
    """Return a login name that nobody has."""
    return f"p{secrets.token_hex(6)}"


class SignedIn(NamedTuple):
    """A living session: its id and its tokens."""

    sid: str
    access_token: str
    account_token: str
    refresh_token: str


def sign_in(service: Service, person: Person, amr: tuple[str, ...] = PASSWORD_AND_CODE) -> SignedIn:
    """Write the session of a login of this moment: the hundreds of matrices need not log in for each request."""
    record, now = service.record(person), service.now()
    secret, it = sessions.start(record, epoch=record.epoch, amr=amr, source=SOURCE, now=now, hours=12)
    service.put(session_item(it))
    return _signed(service, person, it, sessions.refresh_token(it, secret))


def _signed(service: Service, person: Person, it: Session, refresh: str) -> SignedIn:
    key, now = service.services.keyring.signing_key(service.now()), service.now()
    tokens = sessions.sign_tokens(key, service.record(person), it, issuer=PUBLIC_URL, now=now)
    return SignedIn(it.sid, tokens.access_token, tokens.account_token, refresh)


def _own(service: Service, *, authenticators: int = 1) -> tuple[Person, str]:
    """Return somebody with authenticators, who has just logged in, and the account token."""
    person = service.bound_person(fresh_name(), authenticators=authenticators)
    return person, sign_in(service, person).account_token


def admin_token(service: Service) -> str:
    """Return the account token of an admin who has just logged in."""
    return sign_in(service, service.bound_admin(fresh_name())).account_token


def _login(service: Service) -> Success:
    person = service.bound_person(fresh_name())
    body = {"account": ACCOUNT, "login_name": person.login_name, "password": PASSWORD}
    return Success(contract.LOGIN, person, body)


def _enroll(service: Service) -> Success:
    person = service.person(fresh_name())
    return Success(contract.ENROLL, person, {"challenge": service.challenge(person), "name": "Phone"})


def verification(service: Service) -> Success:
    """Return the right code for an open challenge."""
    person = service.bound_person(fresh_name())
    return Success(contract.VERIFY, person, {"challenge": service.challenge(person), "code": service.code(person)})


def confirmation(service: Service) -> Success:
    """Return the first code of a new secret."""
    person = service.person(fresh_name())
    answer = service.enroll(person).body
    code = service.code_of(secret_of(answer["secret"]))
    person = person._replace(secret=secret_of(answer["secret"]))
    return Success(contract.VERIFY, person, {"challenge": answer["challenge"], "code": code})


def recovery(service: Service) -> Success:
    """Return a recovery code for an open challenge."""
    person = service.bound_person(fresh_name())
    body = {"challenge": service.challenge(person), "recovery_code": person.recovery_codes[0]}
    return Success(contract.VERIFY, person, body)


def invited(service: Service) -> tuple[Person, str]:
    """Return somebody who was invited, and the ticket."""
    text, stored = ticket.issue(now=service.now(), ttl_seconds=3600)
    person = service.person(
        fresh_name(),
        status=Status.INVITED,
        password_hash=None,
        password_ticket=stored,
        enrollment_ticket=stored,
    )
    return person, text


def _password(service: Service) -> Success:
    person, text = invited(service)
    body = {"account": ACCOUNT, "login_name": person.login_name, "ticket": text, "new_password": NEW_PASSWORD}
    return Success(contract.PASSWORD, person, body)


def _refresh(service: Service) -> Success:
    person = service.bound_person(fresh_name())
    return Success(contract.REFRESH, person, {"refresh_token": sign_in(service, person).refresh_token})


def step_up(service: Service) -> Success:
    """Return the right code within a living session."""
    person, token = _own(service)
    return Success(contract.STEP_UP, person, {"code": service.code(person)}, token)


def step_up_by_recovery_code(service: Service) -> Success:
    """Return a recovery code within a living session."""
    person, token = _own(service)
    return Success(contract.STEP_UP, person, {"recovery_code": person.recovery_codes[0]}, token)


def logout(service: Service) -> Success:
    """Return the end of a bearer's own session."""
    person, token = _own(service)
    return Success(contract.LOGOUT, person, {}, token)


def logout_by_refresh_token(service: Service) -> Success:
    """Return the end of a refresh token's session."""
    person = service.bound_person(fresh_name())
    return Success(contract.LOGOUT, person, {"refresh_token": sign_in(service, person).refresh_token})


# --- one's own account


def me(service: Service) -> Success:
    """Return the live check."""
    person, token = _own(service)
    return Success(contract.ME, person, {}, token)


def change_profile(service: Service) -> Success:
    """Return new contact data."""
    person, token = _own(service)
    body = {"display_name": "Ann Other", "locale": "de-AT", "email": "ann@example.com"}
    return Success(contract.CHANGE_PROFILE, person, body, token)


def add_authenticator(service: Service) -> Success:
    """Return the wish for a second authenticator."""
    person, token = _own(service)
    return Success(contract.ADD_AUTHENTICATOR, person, {"name": "Tablet"}, token)


def confirm_added(service: Service) -> Success:
    """Return the first code of a second authenticator."""
    it = add_authenticator(service)
    begun = it.send(service).body
    body = {"challenge": begun["challenge"], "code": service.code_of(secret_of(begun["secret"]))}
    return Success(contract.VERIFY, it.person, body, it.token)


def _authenticator_path(service: Service, person: Person) -> str:
    """Return where the authenticator lies that a person's phone holds: the one used last."""
    return f"/me/authenticators/{service.record(person).last_used_first()[0].id}"


def rename_authenticator(service: Service) -> Success:
    """Return another name for an authenticator."""
    person, token = _own(service)
    path = _authenticator_path(service, person)
    return Success(contract.RENAME_AUTHENTICATOR, person, {"name": "Work phone"}, token, path)


def remove_authenticator(service: Service) -> Success:
    """Return the removal of one of two authenticators."""
    person, token = _own(service, authenticators=2)
    _, removed = service.record(person).last_used_first()
    return Success(contract.REMOVE_AUTHENTICATOR, person, {}, token, f"/me/authenticators/{removed.id}")


def renew_recovery_codes(service: Service) -> Success:
    """Return the wish for new recovery codes."""
    person, token = _own(service)
    return Success(contract.RENEW_RECOVERY_CODES, person, {}, token)


def change_password(service: Service) -> Success:
    """Return a new password beside the right one."""
    person, token = _own(service)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return Success(contract.CHANGE_PASSWORD, person, body, token)


def list_sessions(service: Service) -> Success:
    """Return the list of one's sessions."""
    person, token = _own(service)
    return Success(contract.SESSIONS, person, {}, token)


def end_session(service: Service) -> Success:
    """Return the end of another session of one's own."""
    person, token = _own(service)
    return Success(contract.END_SESSION, person, {}, token, f"/me/sessions/{sign_in(service, person).sid}")


def own_events(service: Service) -> Success:
    """Return the list of one's events."""
    person, token = _own(service)
    return Success(contract.OWN_EVENTS, person, {}, token)


# --- administration


def _invite(service: Service) -> Success:
    person = Person(service.person(fresh_name()).identity, "", service.bound_person(fresh_name()).secret, [])
    body = {"login_name": f"new-{person.login_name}", "role": "agent"}
    return Success(contract.INVITE, person, body, admin_token(service))


def _about(service: Service, route: Route, body: dict[str, Any]) -> Success:
    """Return what an admin does about somebody who has a phone."""
    person = service.bound_person(fresh_name())
    return Success(route, person, body, admin_token(service), route.path.replace("{login_name}", person.login_name))


def reset(service: Service) -> Success:
    """Return the reset of somebody who lost the phone."""
    return _about(service, contract.RESET, {"reason": "lost phone"})


def change_subscriber(service: Service) -> Success:
    """Return a change of status and contact data."""
    body = {"status": "disabled", "display_name": "Ann Other", "locale": "de-AT", "email": "ann@example.com"}
    return _about(service, contract.CHANGE_SUBSCRIBER, body)


def promote(service: Service) -> Success:
    """Return the promotion of somebody who has a phone."""
    return _about(service, contract.CHANGE_SUBSCRIBER, {"role": "admin"})


def delete_subscriber(service: Service) -> Success:
    """Return the removal of somebody."""
    return _about(service, contract.DELETE_SUBSCRIBER, {})


def reset_password(service: Service) -> Success:
    """Return the wish for a password ticket."""
    return _about(service, contract.RESET_PASSWORD, {"reason": "forgot it"})


def unlock(service: Service) -> Success:
    """Return the unlocking of somebody with fifty wrong codes in a row."""
    it = _about(service, contract.UNLOCK, {})
    service.change(it.person, run=50)
    return it


def _policy(service: Service, route: Route, body: dict[str, Any]) -> Success:
    boss = service.bound_admin(fresh_name())
    return Success(route, boss, body, sign_in(service, boss).account_token)


def read_policy(service: Service) -> Success:
    """Return the reading of the policy."""
    return _policy(service, contract.READ_POLICY, {})


def replace_policy(service: Service) -> Success:
    """Return another policy in the place of the one that stands."""
    body = {
        "display_name": "Acme Support",
        "help_text": f"Ask {fresh_name()}.",
        "accent_colour": "#1a5fb4",
        "idle_minutes": 30,
        "apps_required": True,
        "enrollment_ticket": "always",
        "apps": [{"name": "An app", "ios_url": "https://a.example/", "android_url": "https://a.example/"}],
    }
    return _policy(service, contract.REPLACE_POLICY, body)._replace(headers=(("If-Match", "*"),))


def set_logo(service: Service) -> Success:
    """Return a picture for the account."""
    return _policy(service, contract.SET_LOGO, {})._replace(picture=PICTURE)


def list_subscribers(service: Service) -> Success:
    """Return the list of the account's subscribers."""
    return _policy(service, contract.LIST_SUBSCRIBERS, {})


def summary(service: Service) -> Success:
    """Return the counts of the account."""
    return _policy(service, contract.SUMMARY, {})


def read_subscriber(service: Service) -> Success:
    """Return the reading of one subscriber."""
    return _about(service, contract.READ_SUBSCRIBER, {})


def audit(service: Service) -> Success:
    """Return the list of the account's events."""
    return _policy(service, contract.AUDIT, {})


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def picture_of(size: int) -> bytes:
    """Return a whole PNG of one pixel, and of so many bytes: a chunk that says nothing fills it up."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(b"\x00\x1a\x5f\xb4"))
    around = b"\x89PNG\r\n\x1a\n" + header, pixels + _chunk(b"IEND", b"")
    filling = _chunk(b"teXt", bytes(size - sum(map(len, around)) - 12))
    return filling.join(around)


PICTURE = picture_of(200)


def _published(route: Route) -> Callable[[Service], Success]:
    def read(service: Service) -> Success:
        return Success(route, service.person(fresh_name()), {})

    return read


# One for each route; `test_input` fails where a route of the contract is missing.
SUCCESSES: dict[Route, Callable[[Service], Success]] = {
    contract.LOGIN: _login,
    contract.ENROLL: _enroll,
    contract.VERIFY: verification,
    contract.PASSWORD: _password,
    contract.REFRESH: _refresh,
    contract.STEP_UP: step_up,
    contract.ME: me,
    contract.CHANGE_PROFILE: change_profile,
    contract.ADD_AUTHENTICATOR: add_authenticator,
    contract.RENAME_AUTHENTICATOR: rename_authenticator,
    contract.REMOVE_AUTHENTICATOR: remove_authenticator,
    contract.RENEW_RECOVERY_CODES: renew_recovery_codes,
    contract.CHANGE_PASSWORD: change_password,
    contract.SESSIONS: list_sessions,
    contract.END_SESSION: end_session,
    contract.OWN_EVENTS: own_events,
    contract.LOGOUT: logout_by_refresh_token,
    contract.LIST_SUBSCRIBERS: list_subscribers,
    contract.SUMMARY: summary,
    contract.INVITE: _invite,
    contract.READ_SUBSCRIBER: read_subscriber,
    contract.CHANGE_SUBSCRIBER: change_subscriber,
    contract.DELETE_SUBSCRIBER: delete_subscriber,
    contract.RESET: reset,
    contract.RESET_PASSWORD: reset_password,
    contract.UNLOCK: unlock,
    contract.READ_POLICY: read_policy,
    contract.REPLACE_POLICY: replace_policy,
    contract.SET_LOGO: set_logo,
    contract.AUDIT: audit,
    contract.JWKS: _published(contract.JWKS),
    contract.DISCOVERY: _published(contract.DISCOVERY),
    contract.OPENAPI: _published(contract.OPENAPI),
    contract.HEALTH: _published(contract.HEALTH),
}
READS = [route for route in contract.ROUTES if route.method == "GET"]
WRITES = [route for route in contract.ROUTES if route.method != "GET"]
JSON_WRITES = [route for route in WRITES if route.media_type != PNG]

# The routes that want a bearer token, each with a request that succeeds with one.
BEARERS = {route: SUCCESSES[route] for route in contract.ROUTES if route.bearer != "none"} | {contract.LOGOUT: logout}
