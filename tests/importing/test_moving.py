"""`secondstep export` and back: between accounts, with secrets that stay sealed, and what a tampered file gets."""

import json
from pathlib import Path
from typing import Any

import pytest

from secondstep.audit import EventName
from secondstep.subscriber import Enrollment, Role, Status
from tests.importing.moving_in import FILES, Command, logs_in, refused, seed, somebody
from tests.service import ACCOUNT, PASSWORD, Person, Service


@pytest.fixture
def people(service: Service) -> dict[str, Person]:
    """Return an account with all kinds of subscribers."""
    service.account(display_name="Acme Support", session_hours=3)
    return {
        "boss": service.bound_admin("boss"),
        "two": service.bound_person("two", authenticators=2, email="two@example.com", display_name="Two", locale="de"),
        "open": service.person("open"),
        "ticketed": service.person("ticketed", enrollment=Enrollment.TICKETED),
        "gone": service.bound_person("gone", status=Status.DISABLED),
        "new": service.person("new", status=Status.INVITED, password_hash=None),
    }


def exported(command: Command, path: Path, *more: str) -> list[dict[str, Any]]:
    code, _ = command("export", ACCOUNT, path, *more)
    assert code == 0
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def moved(person: Person) -> Person:
    return somebody(person.login_name, person.secret, "beta")


def test_everybody_logs_in_in_the_other_account_as_before(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    lines = exported(command, tmp_path / "acme.jsonl")
    assert lines[-1] == {"line": "end", "subscribers": 6}
    code, report = command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    assert (code, report["imported"], report["refused"]) == (0, 6, [])
    for name in ("boss", "two"):
        assert logs_in(service, moved(people[name]), PASSWORD)
    assert service.log_in(moved(people["open"])).body["ticket_required"] is False
    assert service.log_in(moved(people["ticketed"])).body["ticket_required"] is True
    assert service.log_in(moved(people["gone"])).code == "invalid_credentials"
    assert service.services.store.accounts.policy("beta", service.now()).session_hours == 3


def test_a_subscriber_is_the_same_but_for_account_epoch_and_seal(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    exported(command, tmp_path / "acme.jsonl")
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    for person in people.values():
        before, after = service.record(person), service.record(moved(person))
        assert after.epoch != before.epoch
        for field in set(before.__struct_fields__) - {"account", "epoch", "authenticators"}:
            assert getattr(after, field) == getattr(before, field), field
        for held, anew in zip(before.authenticators.values(), after.authenticators.values(), strict=True):
            assert (held.id, held.name, held.last_step) == (anew.id, anew.name, anew.last_step)
            assert held.sealed_secret != anew.sealed_secret


def test_recovery_codes_go_with_their_owner(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    exported(command, tmp_path / "acme.jsonl")
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    challenge = service.challenge(moved(people["two"]))
    body = {"challenge": challenge, "recovery_code": people["two"].recovery_codes[0]}
    assert service.post("/verify", body).status == 200


def test_a_used_code_stays_used(service: Service, command: Command, tmp_path: Path, people: dict[str, Person]) -> None:
    service.session(people["two"])
    exported(command, tmp_path / "acme.jsonl")
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    two = moved(people["two"])
    assert service.verify(service.challenge(two), service.code(two)).body["hint"] == "replayed"


def test_no_secret_is_in_clear_in_the_file_and_nobody_else_can_read_it(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    path = tmp_path / "acme.jsonl"
    exported(command, path)
    text = path.read_text("utf-8")
    for person in people.values():
        assert person.secret.base32 not in text
        assert person.secret.raw.hex() not in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.partial"))


def test_secrets_come_out_in_clear_only_where_that_was_asked_for_and_is_warned_of(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    path = tmp_path / "acme.jsonl"
    lines = exported(command, path, "--with-secrets")
    assert "in clear" in command.errors
    assert people["boss"].secret.base32 in path.read_text("utf-8")
    assert not any(each.get("sealed_secret") for line in lines for each in line.get("authenticators", []))
    code, report = command.report("beta", path, "--format", "secondstep")
    assert (code, report["imported"]) == (0, 6)
    assert logs_in(service, moved(people["boss"]), PASSWORD)


def test_an_export_is_recorded_before_it_leaves(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    exported(command, tmp_path / "acme.jsonl", "--with-secrets")
    [event] = service.events(EventName.EXPORTED)
    assert event["as"].startswith(f"{ACCOUNT}#")
    assert event["actor"]["operator"].startswith("arn:aws:")
    assert event["detail"] == {"with_secrets": True}


def test_nothing_that_is_under_way_goes_along(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    tokens = service.session(people["two"])
    challenge = service.challenge(people["open"])
    text = json.dumps(exported(command, tmp_path / "acme.jsonl"))
    for held in (challenge, str(tokens["refresh_token"])):
        assert held.rpartition(".")[2] not in text
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    assert not service.record(moved(people["open"])).challenges
    assert not service.sessions(moved(people["two"]))


def test_hashes_that_were_never_replaced_move_on(service: Service, command: Command, tmp_path: Path) -> None:
    command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    exported(command, tmp_path / "acme.jsonl")
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    store = service.services.store
    assert store.imports.schemes("beta").foreign == store.imports.schemes(ACCOUNT).foreign
    assert logs_in(service, somebody("ana", seed("ana"), "beta"))


def test_a_ciphertext_that_was_moved_to_somebody_else_does_not_come_in(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    path = tmp_path / "acme.jsonl"
    lines = exported(command, path)
    by_name = {line.get("login_name"): line for line in lines}
    by_name["boss"]["authenticators"][0]["sealed_secret"] = by_name["two"]["authenticators"][0]["sealed_secret"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    code, report = command.report("beta", path, "--format", "secondstep")
    assert code == 1
    assert list(refused(report).values()) == ["a sealed secret is not this subscriber's"]
    assert not [each for each in service.state() if each.get("a") == "beta" and each.get("n") == "boss"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enrollment": "open"}, "enrollment and authenticators contradict each other"),
        ({"role": "king"}, "this is no line of an export"),
        ({"extra": 1}, "this is no line of an export"),
        ({"login_name": "BOSS"}, "login_name is not in its canonical form"),
        (
            {"password_hash": "md5$x$" + "0" * 32},
            "the password hash is of a format or cost that is not supported (md5)",
        ),
        ({"password_hash": None}, "the subscriber is active and has no password"),
        ({"recovery_codes": ["AAAA"]}, "a recovery code's hash has the wrong length"),
    ],
)
def test_a_line_that_contradicts_itself_is_listed(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person], change: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "acme.jsonl"
    lines = exported(command, path)
    next(line for line in lines if line.get("login_name") == "boss").update(change)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    _, report = command.report("beta", path, "--format", "secondstep", "--dry-run")
    assert list(refused(report).values()) == [reason]


@pytest.mark.parametrize("cut", [1, 3])
def test_a_file_that_is_cut_short_is_told(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person], cut: int
) -> None:
    path = tmp_path / "acme.jsonl"
    exported(command, path)
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-cut]), "utf-8")
    code, report = command.report("beta", path, "--format", "secondstep")
    assert code == 3
    assert "cut short" in report["stopped"]


def test_an_import_into_an_account_that_is_there_leaves_its_policy(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    exported(command, tmp_path / "acme.jsonl")
    service.account("beta", session_hours=5)
    command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep")
    assert service.services.store.accounts.policy("beta", service.now()).session_hours == 5
    assert service.record(moved(people["boss"])).role is Role.ADMIN


def test_a_dry_run_makes_no_account(
    service: Service, command: Command, tmp_path: Path, people: dict[str, Person]
) -> None:
    exported(command, tmp_path / "acme.jsonl")
    before = service.state()
    code, report = command.report("beta", tmp_path / "acme.jsonl", "--format", "secondstep", "--dry-run")
    assert (code, report["imported"]) == (0, 6)
    assert service.state() == before


def test_an_export_overwrites_nothing_and_needs_an_account(service: Service, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "acme.jsonl"
    path.write_text("mine", "utf-8")
    assert command("export", ACCOUNT, path)[0] == 1
    assert path.read_text("utf-8") == "mine"
    assert command("export", "nowhere", tmp_path / "other.jsonl")[0] == 1
    assert not (tmp_path / "other.jsonl").exists()
    assert not service.events(EventName.EXPORTED)
