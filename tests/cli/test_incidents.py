"""What docs/operations.md ("Incidents") has an operator type, against the attacker that it is typed against."""

import re
from pathlib import Path

import pytest

from secondstep.subscriber import Role
from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, secret_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
NEW_PASSWORD = "only its owner knows this one"


def told_for(incident: str) -> list[str]:
    """Return the commands about a subscriber that the page tells for an incident, in their order."""
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| **{incident}")]
    return re.findall(r"`(?:secondstep )?subscriber ([a-z-]+)[ `]", row.split(" | ")[1])


def ticket_of(terminal: Terminal, command: str, name: str) -> str:
    done = terminal("subscriber", command, ACCOUNT, name, "--reason", "recognised in person", "--json")
    assert done.code == 0, done.err
    return str(done.json["ticket"])


def set_password(service: Service, name: str, ticket: str) -> Reply:
    body = {"account": ACCOUNT, "login_name": name, "ticket": ticket, "new_password": NEW_PASSWORD}
    return service.post("/password", body)


@pytest.mark.parametrize("role", list(Role))
def test_who_took_an_account_over_is_out_at_once_and_its_owner_comes_back(
    service: Service, terminal: Terminal, role: Role
) -> None:
    """The thief has password, phone and a session, and may be the only admin there is."""
    taken = service.bound_person("kim", role=role)
    session, challenge = service.session(taken), service.challenge(taken)
    first, second = told_for("One person's account was taken over")
    enrollment_ticket = ticket_of(terminal, first, "kim")
    service.clock.advance(30)
    assert service.get("/me", token=session["account_token"]).status == 401
    assert service.post("/refresh", {"refresh_token": session["refresh_token"]}).status == 401
    assert service.verify(challenge, service.code(taken)).code == "challenge_invalid"
    assert service.enroll(taken).code == "ticket_invalid"
    password_ticket = ticket_of(terminal, second, "kim")
    assert set_password(service, "kim", password_ticket).status == 204
    assert service.log_in(taken).code == "invalid_credentials"
    assert _comes_back(service, taken, NEW_PASSWORD, enrollment_ticket).status == 200
    assert {"reset", "password_reset", "password_set", "enrolled"} <= {each["event"] for each in service.events()}


def test_the_only_admin_without_a_phone_comes_back_by_the_operators_ticket(
    service: Service, terminal: Terminal
) -> None:
    admin = service.bound_admin("kim")
    [command] = told_for("The only admin has lost the phone")
    ticket = ticket_of(terminal, command, "kim")
    assert service.enroll(admin).code == "ticket_invalid"
    assert _comes_back(service, admin, PASSWORD, ticket).status == 200
    [event] = service.events("reset")
    assert event["actor"]["operator"].startswith("arn:aws:")


def _comes_back(service: Service, person: Person, password: str, ticket: str) -> Reply:
    """Log in and bind a new phone, as its owner does."""
    challenge = service.log_in(person, password).body["challenge"]
    begun = service.post("/enroll", {"challenge": challenge, "ticket": ticket}).body
    return service.verify(begun["challenge"], service.code_of(secret_of(begun["secret"])))
