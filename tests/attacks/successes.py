"""For each POST route the states and the request that succeed: what the matrices of attacks are generated from."""

import json
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from secondstep import contract, ticket
from secondstep.contract import Route
from secondstep.subscriber import Status
from tests.attacks import raw
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, secret_of

NEW_PASSWORD = "a far better pass phrase"


class Success(NamedTuple):
    """A request that will succeed, whose it is, and which answer it then gets."""

    route: Route
    person: Person
    body: dict[str, Any]
    token: str | None = None
    path: str = ""

    @property
    def target(self) -> str:
        """Return the path to send it to."""
        return self.path or self.route.path

    def send(self, service: Service, body: object = None) -> Reply:
        """Send it, or another body in its place."""
        return self.send_bytes(service, json.dumps(self.body if body is None else body).encode())

    def send_bytes(
        self, service: Service, body: bytes | None, headers: raw.Headers = raw.JSON, query: str = ""
    ) -> Reply:
        """Send bytes in its place."""
        return raw.send(service, self.route.method, self.target, body, headers=headers, query=query, token=self.token)


def fresh_name() -> str:
    """Return a login name that nobody has."""
    return f"p{secrets.token_hex(6)}"


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
    return Success(contract.REFRESH, person, {"refresh_token": service.session(person)["refresh_token"]})


def step_up(service: Service) -> Success:
    """Return the right code within a living session."""
    person = service.bound_person(fresh_name())
    token = service.session(person)["account_token"]
    service.clock.advance(30)
    return Success(contract.STEP_UP, person, {"code": service.code(person)}, token)


def step_up_by_recovery_code(service: Service) -> Success:
    """Return a recovery code within a living session."""
    person = service.bound_person(fresh_name())
    token = service.session(person)["account_token"]
    return Success(contract.STEP_UP, person, {"recovery_code": person.recovery_codes[0]}, token)


def logout(service: Service) -> Success:
    """Return the end of a bearer's own session."""
    person = service.bound_person(fresh_name())
    return Success(contract.LOGOUT, person, {}, service.session(person)["account_token"])


def logout_by_refresh_token(service: Service) -> Success:
    """Return the end of a refresh token's session."""
    person = service.bound_person(fresh_name())
    return Success(contract.LOGOUT, person, {"refresh_token": service.session(person)["refresh_token"]})


def admin_token(service: Service) -> str:
    """Return the account token of an admin who has just logged in."""
    return str(service.session(service.bound_admin(fresh_name()))["account_token"])


def _invite(service: Service) -> Success:
    person = Person(service.person(fresh_name()).identity, "", service.bound_person(fresh_name()).secret, [])
    body = {"login_name": f"new-{person.login_name}", "role": "agent"}
    return Success(contract.INVITE, person, body, admin_token(service))


def reset(service: Service) -> Success:
    """Return the reset of somebody who lost the phone."""
    person = service.bound_person(fresh_name())
    path = f"/admin/subscribers/{person.login_name}/reset"
    return Success(contract.RESET, person, {"reason": "lost phone"}, admin_token(service), path)


# One for each POST route; `test_input` fails where a route of the contract is missing.
SUCCESSES: dict[str, Callable[[Service], Success]] = {
    "/login": _login,
    "/enroll": _enroll,
    "/verify": verification,
    "/password": _password,
    "/refresh": _refresh,
    "/step-up": step_up,
    "/logout": logout_by_refresh_token,
    "/admin/subscribers": _invite,
    "/admin/subscribers/{login_name}/reset": reset,
}
ME = contract.ME
POST_ROUTES = [route for route in contract.ROUTES if route.method == "POST"]
