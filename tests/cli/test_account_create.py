"""`secondstep account create`: a deployment's first account, its first admin, and what the operator is told."""

import json
import sys

import pytest

from cli.main import main
from secondstep.authenticators.totp import new_secret
from secondstep.subscriber import Enrollment, Identity, Role, Status
from tests.service import PASSWORD, Person, Service


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command as a shell would and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["secondstep", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_ticket_opens_password_and_enrollment_of_the_first_admin(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("account", "create", "beta", "--admin", "Kim@Example.com", "--display-name", "Beta Ltd", "--json")
    assert run(monkeypatch, *command) == 0
    made = json.loads(capsys.readouterr().out)
    kim = Person(Identity("beta", "kim@example.com"), "", new_secret(), [])
    record = service.record(kim)
    assert (record.role, record.status, record.enrollment) == (Role.ADMIN, Status.INVITED, Enrollment.TICKETED)
    body = {"account": "beta", "login_name": "kim@example.com", "ticket": made["ticket"], "new_password": PASSWORD}
    assert service.post("/password", body).status == 204
    enrolled = service.enroll(kim, ticket=made["ticket"])
    assert enrolled.body["issuer"] == "Beta Ltd"
    reply, _ = service.bind(kim, ticket=made["ticket"])
    assert reply.status == 200


def test_the_audit_names_the_operator_and_never_the_ticket(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "account", "create", "beta", "--admin", "kim") == 0
    told = capsys.readouterr().out
    [event] = service.events("invited")
    assert event["actor"]["operator"].startswith("arn:aws:")
    assert event["subject"]["login_name"] == "kim"
    assert event["as"].startswith("beta#")
    ticket = next(word for word in told.split() if word.count("-") == 3)
    assert ticket not in str(service.state()) + str(service.events())


def test_an_account_is_made_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = service.state()
    assert run(monkeypatch, "account", "create", "acme", "--admin", "kim") == 1
    assert "exists" in capsys.readouterr().err
    assert service.state() == before


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("account", "create", "No Spaces", "--admin", "kim"), 1, "account must be"),
        (("account", "create", "beta", "--admin", "a/b"), 1, "login_name has"),
        (("account", "create", "beta", "--admin", "kim", "--display-name", "a\u202eb"), 1, "display_name has"),
        (("account", "create", "beta", "--admin", "kim", "--display-name", "x" * 65), 1, "display_name must"),
        (("account", "create", "beta"), 2, "--admin"),
        (("account", "create", "beta", "--admin", "kim", "--stack", "other"), 3, "no stack other"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    word: str,
) -> None:
    before = service.state()
    assert run(monkeypatch, *arguments) == code
    told = capsys.readouterr().err
    assert word in told
    assert "Traceback" not in told
    assert service.state() == before


def test_an_endpoint_that_does_not_answer_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run(monkeypatch, "account", "create", "beta", "--admin", "kim") == 3
    assert "could not be asked" in capsys.readouterr().err
