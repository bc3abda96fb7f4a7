"""`secondstep import`: who comes in logs in as before; who does not is listed; nobody comes in by half."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.importing import patience
from secondstep.audit import EventName
from secondstep.aws import Answer, AwsUnavailable
from secondstep.boto3_client import Boto3DynamoDb
from secondstep.store.layout import schemes_key
from secondstep.subscriber import Enrollment, Role, Status
from tests.importing import makers
from tests.importing.moving_in import FILES, PASSWORD, Command, logs_in, refused, seed, somebody
from tests.service import ACCOUNT, Service


def rows_file(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "users.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def numbered(number: int) -> dict[str, Any]:
    """Return a user with a password and a seed of its own."""
    return {
        "username": f"user{number}",
        "password": makers.REDUCED["django"]("plain enough"),
        "secret": somebody("", None).secret.base32[:-3] + f"{number:03d}".translate(str.maketrans("0189", "AHIJ")),
    }


def test_users_come_in_with_password_and_phone(service: Service, command: Command) -> None:
    code, report = command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    assert code == 1
    assert (report["imported"], report["with_authenticator"], report["without_password"]) == (3, 3, 0)
    for name in ("ana", "ben", "cem"):
        person = somebody(name, seed(name))
        record = service.record(person)
        assert (record.role, record.status, record.enrollment) == (Role.AGENT, Status.ACTIVE, Enrollment.BOUND)
        assert not record.recovery_codes
        assert logs_in(service, person)
    assert (service.record(somebody("ana")).email, service.record(somebody("ana")).locale) == ("ana@example.com", "de")


def test_what_is_left_out_is_listed_with_line_and_reason(service: Service, command: Command) -> None:
    code, report = command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    reasons = refused(report)
    assert code == 1
    assert reasons[7] == "the seed stands on line 1 already: an authenticator belongs to one person"
    assert reasons[12] == "login_name must be 1 to 128 characters long"
    assert set(reasons) == {4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
    names = {each["n"] for each in service.state() if each["sk"] == "STATE"}
    assert names == {"ana", "ben", "cem"}


def test_names_of_the_wrong_shape_and_twice_the_same_are_listed(service: Service, command: Command) -> None:
    _, report = command.report(ACCOUNT, FILES / "django.jsonl", "--format", "django")
    reasons = refused(report)
    assert reasons[7] == "login_name has a character that a login name cannot have"
    assert reasons[8] == "the name stands on line 1 already"
    assert reasons[9] == "email has the wrong shape"
    assert report["imported"] == 4
    cem, dov = service.record(somebody("cem")), service.record(somebody("dov"))
    assert (cem.status, cem.password_hash) == (Status.INVITED, None)
    assert dov.status is Status.DISABLED
    assert service.log_in(somebody("ana"), PASSWORD).body["next"] == "enroll"


@pytest.mark.parametrize(
    ("file_format", "name", "who"),
    [("keycloak", "keycloak.json", "ben"), ("rows", "rows.csv", "ana")],
)
def test_other_formats_come_in_whole(service: Service, command: Command, file_format: str, name: str, who: str) -> None:
    code, _ = command.report(ACCOUNT, FILES / name, "--format", file_format)
    assert code in (0, 1)
    assert logs_in(service, somebody(who, seed(who)))


@pytest.mark.parametrize(
    ("file_format", "name", "who"),
    [("privacyidea", "privacyidea.json", "ana"), ("otpauth", "otpauth.txt", "dov"), ("google", "google.txt", "ben")],
)
def test_who_brings_only_a_phone_is_bound_and_waits_for_a_password(
    service: Service, command: Command, admin_token: str, file_format: str, name: str, who: str
) -> None:
    command.report(ACCOUNT, FILES / name, "--format", file_format)
    person = somebody(who, seed(who))
    assert (service.record(person).status, service.record(person).enrollment) == (Status.INVITED, Enrollment.BOUND)
    path = f"/admin/subscribers/{who}/password-reset"
    ticket = service.post(path, {"reason": "moved in"}, token=admin_token).body["ticket"]
    body = {"account": ACCOUNT, "login_name": who, "ticket": ticket, "new_password": "a fresh start of it"}
    assert service.post("/password", body).status == 204
    assert logs_in(service, person, "a fresh start of it")


def test_users_of_one_file_get_the_phones_of_another(service: Service, command: Command) -> None:
    seeds = ("--authenticators", FILES / "privacyidea.json", "--authenticators-format", "privacyidea")
    code, out = command("import", ACCOUNT, FILES / "django.csv", "--format", "django", *seeds, "--json")
    users, tokens = json.loads(out)["files"]
    assert (code, users["imported"], users["with_authenticator"]) == (1, 2, 2)
    assert logs_in(service, somebody("ana", seed("ana")))
    assert logs_in(service, somebody("ben", seed("ben")))
    assert {each["login_name"] for each in tokens["refused"]} == {"cem", "dov", "eva", ""}


def test_a_dry_run_says_the_same_and_writes_nothing(service: Service, command: Command) -> None:
    service.person("ben")
    before, events = service.state(), service.events()
    _, dry = command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows", "--dry-run")
    assert service.state() == before
    assert service.events() == events
    _, real = command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    assert dry == real
    assert refused(real)[2] == "the name exists"


def test_who_exists_is_never_changed(service: Service, command: Command) -> None:
    ana = service.bound_person("ana")
    before = service.item(ana)
    _, report = command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    assert refused(report)[1] == "the name exists"
    assert service.item(ana) == before


def test_each_import_is_recorded_with_the_operator(service: Service, command: Command) -> None:
    command.report(ACCOUNT, FILES / "rows.csv", "--format", "rows")
    events = service.events(EventName.IMPORTED)
    assert {each["subject"]["login_name"] for each in events} == {"ana", "ben"}
    for each in events:
        assert each["actor"]["operator"].startswith("arn:aws:")
        assert each["detail"] == {"format": "rows"}
    assert len({each["request_id"] for each in events}) == 1


def test_a_seed_of_the_account_is_nobody_elses(service: Service, command: Command, tmp_path: Path) -> None:
    command.report(ACCOUNT, FILES / "rows.csv", "--format", "rows")
    path = rows_file(tmp_path, {"username": "zoe", "secret": seed("ana").base32})
    for more in ([], ["--dry-run"]):
        _, report = command.report(ACCOUNT, path, "--format", "rows", *more)
        assert refused(report) == {1: "the seed is somebody's already: an authenticator belongs to one person"}


def test_a_seed_whose_owner_was_reset_may_come_again(
    service: Service, command: Command, tmp_path: Path, admin_token: str
) -> None:
    command.report(ACCOUNT, FILES / "rows.csv", "--format", "rows")
    assert service.reset(admin_token, "ana").status == 200
    path = rows_file(tmp_path, {"username": "zoe", "secret": seed("ana").base32})
    code, report = command.report(ACCOUNT, path, "--format", "rows")
    assert (code, report["imported"]) == (0, 1)


def test_the_old_phones_last_code_is_good_once(service: Service, command: Command) -> None:
    command.report(ACCOUNT, FILES / "rows.csv", "--format", "rows")
    ana = somebody("ana", seed("ana"))
    assert logs_in(service, ana)
    challenge = str(service.log_in(ana, PASSWORD).body["challenge"])
    assert service.verify(challenge, service.code(ana)).body["hint"] == "replayed"


class Faults:
    """Loses the transactions from the twentieth on: half of them won, their replies are lost."""

    def __init__(self, patch: pytest.MonkeyPatch, until: int) -> None:
        self._lock, self._writes, self._until = threading.Lock(), 0, until
        send = Boto3DynamoDb.transact_write_items

        def failing(client: Boto3DynamoDb, **request: Any) -> Answer:
            number = self._next()
            is_lost = 20 <= number < self._until
            if not is_lost or number % 2:
                answer = send(client, **request)
            if is_lost:
                raise AwsUnavailable("lost")
            return answer

        patch.setattr(Boto3DynamoDb, "transact_write_items", failing)

    def _next(self) -> int:
        with self._lock:
            self._writes += 1
            return self._writes


def whole(service: Service) -> int:
    """Return how many people have come in; each must be there with its seed's note and its event, or not at all."""
    people = [each for each in service.state() if each["sk"] == "STATE" and each["pk"].startswith("SUBSCRIBER#")]
    notes = [each for each in service.state() if each["sk"].startswith("SEED#")]
    assert len(people) == len(notes) == len(service.events(EventName.IMPORTED))
    assert {note["of"] for note in notes} == {each["pk"].removeprefix("SUBSCRIBER#") for each in people}
    return len(people)


def test_a_hiccup_of_aws_is_waited_for_and_makes_nobody_twice(
    service: Service, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows_file(tmp_path, *(numbered(each) for each in range(60)))
    monkeypatch.setattr(patience, "PAUSES_SECONDS", [0.001] * 20)
    with monkeypatch.context() as patch:
        Faults(patch, until=40)
        code, report = command.report(ACCOUNT, path, "--format", "rows")
    assert (code, report["imported"], report["refused"]) == (0, 60, [])
    assert whole(service) == 60


def test_a_fault_in_the_middle_leaves_whole_users_and_a_second_run_brings_the_rest(
    service: Service, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows_file(tmp_path, *(numbered(each) for each in range(60)))
    monkeypatch.setattr(patience, "PAUSES_SECONDS", [])
    with monkeypatch.context() as patch:
        Faults(patch, until=1000)
        code, report = command.report(ACCOUNT, path, "--format", "rows")
    assert code == 3
    assert "did not answer" in report["stopped"]
    there = whole(service)
    assert 19 <= there < 60
    code, report = command.report(ACCOUNT, path, "--format", "rows")
    assert code == 1
    assert set(refused(report).values()) == {"the name exists"}
    assert report["imported"] == 60 - there
    assert whole(service) == 60


def test_two_imports_at_once_make_everybody_once(service: Service, command: Command, tmp_path: Path) -> None:
    """Both announce their schemes and write the same names: one of them wins each name, and no scheme is lost."""
    store = service.services.store
    schemes = [frozenset({f"$2b${rounds:02d}${'.' * 53}"}) for rounds in range(4, 12)]
    threads = [threading.Thread(target=store.imports.announce, args=(ACCOUNT, each)) for each in schemes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = store.imports.schemes(ACCOUNT)
    assert held.foreign == frozenset().union(*schemes)
    assert len(held.key) == 32


def test_a_file_that_breaks_off_is_told_and_what_was_read_stays(
    service: Service, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "users.jsonl"
    path.write_bytes(json.dumps({"username": "kim"}).encode() + b"\n" + b'{"username": "\xff"}\n')
    code, report = command.report(ACCOUNT, path, "--format", "rows")
    assert code == 3
    assert report["stopped"] == "The file is not UTF-8."


def test_an_account_must_be_there(service: Service, command: Command) -> None:
    code, _ = command("import", "nowhere", FILES / "rows.csv", "--format", "rows")
    assert code == 1
    assert "account does not exist" in command.errors


def test_a_hash_that_costs_too_much_is_not_let_in(service: Service, command: Command, tmp_path: Path) -> None:
    path = rows_file(tmp_path, {"username": "kim", "password": "pbkdf2_sha256$9000000$salt$AAAA"})
    _, report = command.report(ACCOUNT, path, "--format", "rows")
    assert "format or cost" in refused(report)[1]


def test_an_account_takes_hashes_of_so_many_kinds_and_no_more(
    service: Service, command: Command, tmp_path: Path
) -> None:
    kinds = [f"pbkdf2_sha256${100 + number}$salt$AAAA" for number in range(40)]
    path = rows_file(tmp_path, *({"username": f"u{each}", "password": kind} for each, kind in enumerate(kinds)))
    for more in (["--dry-run"], []):
        _, report = command.report(ACCOUNT, path, "--format", "rows", *more)
        assert (report["imported"], len(report["refused"])) == (32, 8)


def test_the_report_for_people_shows_lines_and_no_secret(service: Service, command: Command) -> None:
    code, out = command("import", ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    assert code == 1
    assert "3 imported, 10 left out" in out
    assert "line 4  dov  the code is computed with SHA256, not SHA1" in out
    text = (FILES / "rows.jsonl").read_text("utf-8")
    for row in (json.loads(line) for line in text.splitlines()[:-1]):
        for secret in (row.get("password_hash"), row.get("password"), row.get("secret")):
            assert not secret or secret not in out


def test_the_schemes_of_an_account_are_written_before_its_users(service: Service, command: Command) -> None:
    command.report(ACCOUNT, FILES / "rows.jsonl", "--format", "rows")
    [item] = [each for each in service.state() if each["sk"] == schemes_key(ACCOUNT)["sk"]]
    assert {each.partition("$")[0] or "bcrypt" for each in item["foreign"]} == {"bcrypt", "scrypt:1024:8:1"}
