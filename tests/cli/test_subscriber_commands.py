"""`secondstep subscriber …`: what is printed, what is stored, what the audit says, and what is refused."""

import threading
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import typer

from cli.importing import patience
from cli.main import app
from secondstep.audit import EventName
from secondstep.errors import ServiceError, Unavailable
from secondstep.store.administration import Administration
from secondstep.subscriber import Enrollment, Identity, Role, Status
from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, PASSWORD, Person, Service, race


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES_SECONDS", [])


def named(login_name: str) -> Person:
    return Person(Identity(ACCOUNT, login_name), "", secret=None, recovery_codes=[])  # type: ignore[arg-type]


def by_operator(service: Service, event: EventName) -> list[str]:
    """Return whom the events of a name are about; each must name the operator."""
    events = service.events(event)
    assert all(each["actor"]["operator"].startswith("arn:aws:") for each in events)
    assert all(each["request_id"].startswith("cli-") and each["source"] == "secondstep" for each in events)
    return [each["subject"]["login_name"] for each in events]


class TestLooking:
    """`list` and `show`."""

    def test_a_list_is_in_order_and_can_be_narrowed(self, service: Service, terminal: Terminal) -> None:
        service.bound_admin("boss")
        service.person("ana", display_name="Ana [red]Li[/]")
        service.person("anton", status=Status.DISABLED)
        shown = terminal("subscriber", "list", ACCOUNT).out.splitlines()
        assert [line.split()[0] for line in shown[1:]] == ["ana", "anton", "boss"]
        assert "Ana [red]Li[/]" in shown[1]
        for more, names in (
            (("--prefix", "AN"), ["ana", "anton"]),
            (("--status", "disabled"), ["anton"]),
            (("--enrolled",), ["boss"]),
            (("--not-enrolled", "--prefix", "ana"), ["ana"]),
        ):
            found = terminal("subscriber", "list", ACCOUNT, *more, "--json").json["subscribers"]
            assert [each["login_name"] for each in found] == names

    def test_a_list_goes_on_over_its_pages(
        self, service: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cli.subscribers._PAGE", 7)
        for number in range(23):
            service.person(f"p{number:03d}")
        found = terminal("subscriber", "list", ACCOUNT, "--json").json["subscribers"]
        assert [each["login_name"] for each in found] == [f"p{number:03d}" for number in range(23)]

    def test_one_is_shown_without_any_secret(self, service: Service, terminal: Terminal) -> None:
        kim = service.bound_person("kim", email="kim@example.com")
        done = terminal("subscriber", "show", ACCOUNT, "KIM")
        assert (done.code, "kim@example.com" in done.out, "bound" in done.out) == (0, True, True)
        assert terminal("subscriber", "show", ACCOUNT, "kim", "--json").json["sub"] == kim.sub
        assert kim.secret.base32 not in done.out

    def test_what_others_wrote_cannot_steer_the_terminal(self, service: Service, terminal: Terminal) -> None:
        service.person("kim", display_name="\x1b[2J\u202eevil")
        for command in ("show", "list"):
            shown = terminal("subscriber", command, ACCOUNT, *(["kim"] if command == "show" else [])).out
            assert "\x1b" not in shown
            assert "\u202e" not in shown
            assert "evil" in shown


class TestInviting:
    """`invite`, one or many."""

    def test_the_ticket_lets_in_who_was_invited(self, service: Service, terminal: Terminal) -> None:
        command = ("subscriber", "invite", ACCOUNT, "Ana@Example.com", "--email", "ana@example.com", "--json")
        made = terminal(*command).json
        ana = named("ana@example.com")
        record = service.record(ana)
        assert (record.role, record.status, record.email) == (Role.AGENT, Status.INVITED, "ana@example.com")
        body = {"account": ACCOUNT, "login_name": ana.login_name, "ticket": made["ticket"], "new_password": PASSWORD}
        assert service.post("/password", body).status == 204
        assert by_operator(service, EventName.INVITED) == ["ana@example.com"]
        assert made["ticket"] not in str(service.state()) + str(service.events())

    def test_the_ticket_is_printed_for_a_person(self, service: Service, terminal: Terminal) -> None:
        done = terminal("subscriber", "invite", ACCOUNT, "ana", "--role", "admin")
        assert (done.code, "shown only now" in done.out) == (0, True)
        assert service.record(named("ana")).role is Role.ADMIN

    def test_a_name_that_is_still_invited_gets_a_new_ticket_unless_only_new_ones_are_wanted(
        self, service: Service, terminal: Terminal
    ) -> None:
        first = terminal("subscriber", "invite", ACCOUNT, "ana", "--json").json["ticket"]
        second = terminal("subscriber", "invite", ACCOUNT, "ana", "--json").json["ticket"]
        assert first != second
        before = service.state()
        assert terminal("subscriber", "invite", ACCOUNT, "ana", "--only-new").code == 1
        assert service.state() == before

    def test_a_name_that_is_taken_is_refused(self, service: Service, terminal: Terminal, agent: Person) -> None:
        before = service.state()
        done = terminal("subscriber", "invite", ACCOUNT, "agent")
        assert (done.code, "taken" in done.err) == (1, True)
        assert service.state() == before

    @pytest.mark.parametrize("heading", [True, False])
    def test_a_file_invites_many_and_lists_who_is_left_out(
        self, service: Service, terminal: Terminal, tmp_path: Path, agent: Person, heading: bool
    ) -> None:
        path = tmp_path / "people"
        lines = ["ana", "", "Ben", "agent", "ANA", "a/b"]
        rows = ["login_name,email,role", "ana,ana@example.com,admin", "", "Ben,,", "agent,,", "ANA,,", "a/b,,"]
        path.write_text("\n".join(rows if heading else lines), "utf-8")
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--json")
        assert done.code == 1
        assert [each["login_name"] for each in done.json["invited"]] == ["ana", "ben"]
        reasons = {each["login_name"]: each["reason"] for each in done.json["left_out"]}
        assert list(reasons) == ["agent", "ana", "a/b"]
        assert "taken" in reasons["agent"]
        assert f"line {2 if heading else 1}" in reasons["ana"]
        assert sorted(by_operator(service, EventName.INVITED)) == ["ana", "ben"]
        assert service.record(named("ana")).role is (Role.ADMIN if heading else Role.AGENT)

    def test_a_file_with_a_wrong_mail_address_leaves_that_line_out(
        self, service: Service, terminal: Terminal, tmp_path: Path
    ) -> None:
        path = tmp_path / "people.csv"
        path.write_text("login_name,email,locale\nana,nowhere,de\nben,ben@example.com,de\n", "utf-8")
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--json")
        assert (done.code, done.json["left_out"][0]["reason"].split()[0]) == (1, "email")
        assert [each["login_name"] for each in done.json["invited"]] == ["ben"]

    def test_a_line_with_too_few_columns_is_left_out(
        self, service: Service, terminal: Terminal, tmp_path: Path
    ) -> None:
        path = tmp_path / "people.csv"
        path.write_text("email,login_name\nana\nben@example.com,ben\n", "utf-8")
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--json")
        assert (done.code, done.json["left_out"][0]["reason"]) == (1, "the line has 1 columns, the heading 2")
        assert service.record(named("ben")).email == "ben@example.com"

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            (b"ana,ana@example.com\n", "must name its columns"),
            (b"name;email\nana;x\n", "must name its columns"),
            (b"login_name,mail\nana,x\n", "columns that nobody knows: mail"),
            (b"\xff\xfe", "not UTF-8"),
        ],
    )
    def test_a_file_of_another_shape_invites_nobody(
        self, service: Service, terminal: Terminal, tmp_path: Path, written: bytes, said: str
    ) -> None:
        path = tmp_path / "people"
        path.write_bytes(written)
        before = service.state()
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path)
        assert (done.code, said in done.err, done.out) == (1, True, "")
        assert service.state() == before

    @pytest.mark.usefixtures("impatient")
    def test_what_was_invited_before_a_fault_is_told(
        self, service: Service, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "people"
        path.write_text("\n".join(f"p{number:02d}" for number in range(60)), "utf-8")
        real = Administration.invite

        def fails_in_the_end(store: Administration, invited: object, actor: object, event: object) -> None:
            if getattr(invited, "login_name", "") >= "p40":
                raise Unavailable
            real(store, invited, actor, event)  # type: ignore[arg-type]

        monkeypatch.setattr(Administration, "invite", fails_in_the_end)
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--json")
        assert done.code == 3
        assert [each["login_name"] for each in done.json["invited"]] == [f"p{number:02d}" for number in range(40)]
        monkeypatch.setattr(Administration, "invite", real)
        again = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--only-new", "--json")
        assert (again.code, len(again.json["invited"]), len(again.json["left_out"])) == (1, 20, 40)

    def test_what_was_under_way_when_it_was_interrupted_is_told(
        self, service: Service, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "people"
        path.write_text("\n".join(f"p{number:02d}" for number in range(60)), "utf-8")
        done_so_far = list[int]()

        def ctrl_c_at_the_fifth(more: int) -> None:
            done_so_far.append(more)
            if len(done_so_far) == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr("cli.subscribers.progress", lambda *_, **__: nullcontext(ctrl_c_at_the_fifth))
        done = terminal("subscriber", "invite", ACCOUNT, "--file", path, "--json")
        assert (done.code, done.json["stopped"]) == (3, "It was interrupted.")
        assert [each["login_name"] for each in done.json["invited"]] == [f"p{number:02d}" for number in range(32)]
        assert sorted(by_operator(service, EventName.INVITED)) == [f"p{number:02d}" for number in range(32)]

    @pytest.mark.parametrize(
        "arguments", [(), ("ana", "--file", "here"), ("--file", "here", "--email", "a@b.example"), ("--file", "absent")]
    )
    def test_what_does_not_go_together_is_a_usage_error(
        self,
        service: Service,
        terminal: Terminal,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: tuple[str, ...],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "here").write_text("ana\n", "utf-8")
        assert terminal("subscriber", "invite", ACCOUNT, *arguments).code == 2
        assert not service.events(EventName.INVITED)


class TestHelping:
    """`reset`, `password-reset`, `unlock`."""

    def test_a_reset_opens_the_next_enrollment_and_nothing_old_works(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        session = service.session(enrolled)
        done = terminal("subscriber", "reset", ACCOUNT, "enrolled", "--reason", "lost phone", "--json")
        assert done.code == 0
        assert service.get("/me", token=session["account_token"]).status == 401
        assert service.record(enrolled).enrollment is Enrollment.TICKETED
        [event] = service.events(EventName.RESET)
        assert event["reason"] == "lost phone"
        assert by_operator(service, EventName.RESET) == ["enrolled"]
        reply, _ = service.bind(enrolled, ticket=done.json["ticket"])
        assert reply.status == 200

    def test_a_reset_where_the_policy_asks_for_no_ticket_says_so(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        service.account(enrollment_ticket="never")
        done = terminal("subscriber", "reset", ACCOUNT, "enrolled", "--reason", "lost phone")
        assert (done.code, "no ticket" in done.out) == (0, True)
        assert service.record(enrolled).enrollment is Enrollment.OPEN

    def test_the_only_admin_can_be_reset_from_here(self, service: Service, terminal: Terminal, admin: Person) -> None:
        done = terminal("subscriber", "reset", ACCOUNT, "boss", "--reason", "the only admin lost the phone")
        assert (done.code, "shown only now" in done.out) == (0, True)

    @pytest.mark.parametrize("reason", ["", "x" * 201, "two\nlines"])
    def test_a_reset_wants_a_reason_of_the_right_shape(
        self, service: Service, terminal: Terminal, enrolled: Person, reason: str
    ) -> None:
        before = service.state()
        done = terminal("subscriber", "reset", ACCOUNT, "enrolled", "--reason", reason)
        assert (done.code, "reason" in done.err) == (1, True)
        assert service.state() == before

    def test_a_reset_without_a_reason_is_a_usage_error(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        assert terminal("subscriber", "reset", ACCOUNT, "enrolled").code == 2

    def test_a_password_reset_opens_a_new_password_and_leaves_the_phone(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        made = terminal("subscriber", "password-reset", ACCOUNT, "enrolled", "--reason", "forgot it", "--json").json
        body = {
            "account": ACCOUNT,
            "login_name": "enrolled",
            "ticket": made["ticket"],
            "new_password": "new " + PASSWORD,
        }
        assert service.post("/password", body).status == 204
        assert service.record(enrolled).is_bound
        assert by_operator(service, EventName.PASSWORD_RESET) == ["enrolled"]

    def test_unlocking_lets_a_disabled_authenticator_work_again(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        service.change(enrolled, run=50, recent={"a": service.now()})
        assert "authenticators disabled" in terminal("subscriber", "show", ACCOUNT, "enrolled").out
        done = terminal("subscriber", "unlock", ACCOUNT, "enrolled", "--json")
        assert (done.code, done.json["authenticators_disabled"], done.json["locked_until"]) == (0, False, None)
        record = service.record(enrolled)
        assert (record.run, record.recent, record.is_bound) == (0, {}, True)
        assert by_operator(service, EventName.UNLOCKED) == ["enrolled"]


class TestLettingInAndOut:
    """`disable`, `enable`, `delete`."""

    def test_who_is_disabled_is_out_at_once_and_enabled_is_in_again(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        token = service.session(enrolled)["account_token"]
        assert terminal("subscriber", "disable", ACCOUNT, "enrolled").code == 0
        assert service.get("/me", token=token).status == 401
        assert service.log_in(enrolled).code == "invalid_credentials"
        assert terminal("subscriber", "enable", ACCOUNT, "enrolled", "--json").json["status"] == "active"
        service.clock.advance(30)
        assert service.session(enrolled)["next"] == "done"
        assert by_operator(service, EventName.STATUS_CHANGED) == ["enrolled", "enrolled"]
        [first, second] = service.events(EventName.STATUS_CHANGED)
        assert first["detail"] == {"old": {"status": "active"}, "new": {"status": "disabled"}}
        assert second["detail"] == {"old": {"status": "disabled"}, "new": {"status": "active"}}

    def test_who_was_invited_and_has_no_password_cannot_be_enabled(self, service: Service, terminal: Terminal) -> None:
        terminal("subscriber", "invite", ACCOUNT, "ana")
        done = terminal("subscriber", "enable", ACCOUNT, "ana")
        assert (done.code, "invitation" in done.err) == (1, True)

    def test_deleting_asks_for_the_name(self, service: Service, terminal: Terminal, agent: Person) -> None:
        done = terminal("subscriber", "delete", ACCOUNT, "agent", typed="agnet\n")
        assert (done.code, "Nothing was done" in done.err) == (1, True)
        assert terminal("subscriber", "delete", ACCOUNT, "agent").code == 1  # nobody answers
        assert service.record(agent).login_name == "agent"
        done = terminal("subscriber", "delete", ACCOUNT, "agent", typed="agent\n")
        assert (done.code, done.out.strip()) == (0, "agent is gone from acme. The audit stays.")
        assert not [each for each in service.state() if each["pk"].startswith("SUBSCRIBER#")]
        assert by_operator(service, EventName.DELETED) == ["agent"]

    def test_a_script_names_it_beforehand(self, service: Service, terminal: Terminal, agent: Person) -> None:
        done = terminal("subscriber", "delete", ACCOUNT, "agent", "--confirm", "agent", "--json")
        assert (done.code, done.json) == (0, {"account": ACCOUNT, "deleted": "agent"})


class TestTheLastAdmin:
    """What an account never loses."""

    @pytest.mark.parametrize("command", [("disable",), ("delete", "--confirm", "boss")])
    def test_the_last_active_admin_stays(
        self, service: Service, terminal: Terminal, admin: Person, command: tuple[str, ...]
    ) -> None:
        service.bound_admin("off", status=Status.DISABLED)
        service.bound_admin("foreign", account="beta")
        before = service.state()
        done = terminal("subscriber", command[0], ACCOUNT, "boss", *command[1:])
        assert (done.code, "last active admin" in done.err) == (1, True)
        assert service.state() == before
        service.bound_admin("two")
        assert terminal("subscriber", command[0], ACCOUNT, "boss", *command[1:]).code == 0

    @pytest.mark.parametrize("write", ["delete", "change"])
    def test_two_operators_who_take_two_admins_away_leave_one(
        self, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], write: str
    ) -> None:
        """Both have looked before either writes: the second finds that the admin it counted on is gone."""
        service.bound_admin("boss")
        service.bound_admin("two")
        both_have_looked = threading.Barrier(2, timeout=20)
        real, met = getattr(Administration, write), set()

        def waits_once(store: Administration, subject: object, *more: object) -> None:
            name = getattr(subject, "login_name", "")
            if name not in met:
                met.add(name)
                both_have_looked.wait()
            real(store, subject, *more)

        monkeypatch.setattr(Administration, write, waits_once)
        assert sorted(race(*(partial(refusal_of, write, name) for name in ("boss", "two")))) == [
            "",
            "This is the account's last active admin. Make another one first.",
        ]
        admins = [each for each in service.state() if each.get("r") == "admin" and each["s"] == "active"]
        assert len(admins) == 1
        changed = service.events(EventName.DELETED, EventName.STATUS_CHANGED)
        assert len(changed) == 1


def refusal_of(write: str, name: str) -> str:
    """Run a command beside others; return why it was refused, or nothing."""
    confirmed = ["--confirm", name] if write == "delete" else []
    command = ["subscriber", "delete" if write == "delete" else "disable", ACCOUNT, name, *confirmed, "--json"]
    try:
        typer.main.get_command(app).main(command, standalone_mode=False)
    except ServiceError as refused:
        return refused.detail
    return ""


EVERY_COMMAND = [
    ("show", "kim"),
    ("invite", "kim"),
    ("reset", "kim", "--reason", "lost phone"),
    ("password-reset", "kim", "--reason", "forgot"),
    ("unlock", "kim"),
    ("disable", "kim"),
    ("enable", "kim"),
    ("delete", "kim", "--confirm", "kim"),
]


@pytest.mark.parametrize("command", [("list",), *EVERY_COMMAND], ids=lambda command: command[0])
def test_an_account_that_is_not_there_is_a_sentence(
    service: Service, terminal: Terminal, command: tuple[str, ...]
) -> None:
    before = service.state()
    done = terminal("subscriber", command[0], "beta", *command[1:])
    assert (done.code, "There is no account beta" in done.err, done.out) == (1, True, "")
    assert terminal("subscriber", command[0], "No Such", *command[1:]).code == 1
    assert service.state() == before
    assert not service.events()


@pytest.mark.parametrize(
    "command", [each for each in EVERY_COMMAND if each[0] != "invite"], ids=lambda command: command[0]
)
def test_a_name_of_another_account_is_not_there(service: Service, terminal: Terminal, command: tuple[str, ...]) -> None:
    service.account("beta")
    service.bound_person("kim", account="beta")
    before = service.state()
    done = terminal("subscriber", command[0], ACCOUNT, *command[1:])
    assert (done.code, "There is no subscriber kim in acme" in done.err, done.out) == (1, True, "")
    assert service.state() == before
    assert not service.events()


def test_an_answer_that_does_not_come_is_exit_code_3(
    service: Service, terminal: Terminal, agent: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(Administration, "change", lost)
    done = terminal("subscriber", "disable", ACCOUNT, "agent")
    assert (done.code, "not known whether" in done.err) == (3, True)
