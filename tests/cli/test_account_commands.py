"""`secondstep account list | show | rename | delete`."""

import threading
from typing import Any

import pytest

from cli import removing
from cli.deployment import find
from cli.importing import patience
from secondstep.audit import EventName
from secondstep.aws import AwsRefused
from secondstep.errors import Unavailable
from secondstep.store import counting, directory, operation
from secondstep.store.administration import Administration, ByOperator
from secondstep.store.directory import Directory, Page
from secondstep.store.layout import account_key, logo_key, schemes_key, seed_key, summary_key
from secondstep.store.operation import Operation
from secondstep.subscriber import Subscriber
from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, Person, Service, race


@pytest.fixture
def beta(service: Service) -> Person:
    """Return somebody of another account, which must stay as it is."""
    service.account("beta", display_name="Beta Ltd")
    return service.bound_admin("kim", account="beta")


@pytest.fixture
def full_account(service: Service, beta: Person, monkeypatch: pytest.MonkeyPatch) -> list[Person]:
    """Return the subscribers of an account that has everything beside them as well: some small pages of each."""
    monkeypatch.setattr(removing, "_PAGE", 7)
    monkeypatch.setattr(operation, "_MOST_IN_A_TRANSACTION", 7)
    monkeypatch.setattr(operation, "_NAMES_A_PAGE", 7)
    people = [service.bound_admin("boss"), service.bound_person("two", authenticators=2)]
    people += [service.person(f"p{number:03d}") for number in range(18)]
    service.put(logo_key(ACCOUNT) | {"png": b"\x89PNG"})
    service.put(summary_key(ACCOUNT) | {"subscribers": 1, "enrolled": 1, "disabled": 0, "invited": 0, "as_of": 1})
    service.put(schemes_key(ACCOUNT) | {"secret": b"s", "foreign": []})
    notes(service, 12)
    return people


def notes(service: Service, count: int) -> None:
    """Write notes of imported seeds."""
    for number in range(count):
        service.put(seed_key(ACCOUNT, f"{number:032x}") | {"of": "nobody", "authenticator": "none"})


def left_of(service: Service, account: str) -> list[dict[str, Any]]:
    """Return the items of an account and of its subscribers."""
    own = account_key(account)["pk"]
    return [each for each in service.state() if each["pk"] == own or each.get("a") == account]


class TestLooking:
    """`list` and `show`."""

    def test_all_accounts_are_listed_with_their_subscribers(
        self, service: Service, terminal: Terminal, agent: Person, admin: Person, beta: Person
    ) -> None:
        done = terminal("account", "list", "--json")
        shown = [(each["account"], each["display_name"], each["subscribers"]) for each in done.json["accounts"]]
        assert (done.code, shown) == (0, [("acme", "Acme Support", 2), ("beta", "Beta Ltd", 1)])
        assert done.json["without_policy"] == []
        lines = terminal("account", "list").out.splitlines()
        assert [line.split()[0] for line in lines] == ["account", "acme", "beta"]

    def test_a_list_goes_through_every_page_of_the_table(
        self, service: Service, terminal: Terminal, beta: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(30):
            service.person(f"p{number}")
        real = Operation._scan
        monkeypatch.setattr(Operation, "_scan", lambda it, after, **more: real(it, after, Limit=4, **more))
        found = terminal("account", "list", "--json").json["accounts"]
        assert [(each["account"], each["subscribers"]) for each in found] == [("acme", 30), ("beta", 1)]

    def test_an_account_whose_policy_is_lost_is_told(self, service: Service, terminal: Terminal, agent: Person) -> None:
        service.forget()
        service.person("agent", account="lost")
        assert terminal("account", "list", "--json").json == {"accounts": [], "without_policy": ["lost"]}
        assert "lost has 1 subscribers and no policy" in terminal("account", "list").out
        assert "safe defaults" in terminal("account", "show", "lost").out

    def test_one_is_shown_with_its_counts_and_what_happened_last(
        self, service: Service, terminal: Terminal, agent: Person, enrolled: Person
    ) -> None:
        terminal("subscriber", "disable", ACCOUNT, "agent")
        done = terminal("account", "show", ACCOUNT, "--json")
        assert done.json["counts"]["subscribers"] == 2
        assert (done.json["counts"]["enrolled"], done.json["counts"]["disabled"]) == (1, 1)
        assert (done.json["display_name"], done.json["version"]) == ("Acme Support", 1)
        assert [each["event"] for each in done.json["events"]] == ["status_changed"]
        shown = terminal("account", "show", ACCOUNT).out
        assert "2: 1 enrolled, 0 invited, 1 disabled" in shown
        assert "status_changed" in shown

    def test_the_command_counts_a_large_account_to_the_end(
        self, service: Service, terminal: Terminal, agent: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(directory, "_WALKED", 2)
        monkeypatch.setattr(counting, "PAGES_OF_A_REQUEST", 1)
        for number in range(8):
            service.person(f"p{number}")
        service.services.store.counting.summary(ACCOUNT, service.now() - 500, pages=1)
        counts = terminal("account", "show", ACCOUNT, "--json").json["counts"]
        assert (counts["subscribers"], counts["complete"], counts["as_of"] > service.now() - 500) == (9, True, True)


class TestRenaming:
    """`rename`."""

    def test_a_new_name_is_a_change_of_the_policy(self, service: Service, terminal: Terminal) -> None:
        decided = {"display_name": "Acme Support", "session_hours": 3}
        service.put(account_key(ACCOUNT) | {"policy": decided, "version": 1, "created_at": service.now()})
        done = terminal("account", "rename", ACCOUNT, "Acme Care", "--json")
        assert (done.code, done.json) == (0, {"account": ACCOUNT, "display_name": "Acme Care", "version": 2})
        stored = service.services.store.accounts.stored_policy(ACCOUNT)
        assert (stored.in_force.display_name, stored.in_force.session_hours) == ("Acme Care", 3)
        [event] = service.events(EventName.POLICY_CHANGED)
        assert event["actor"]["operator"].startswith("arn:aws:")
        assert event["detail"] == {"old": {"display_name": "Acme Support"}, "new": {"display_name": "Acme Care"}}

    def test_without_a_name_it_is_called_by_its_id(self, service: Service, terminal: Terminal) -> None:
        done = terminal("account", "rename", ACCOUNT, "")
        assert (done.code, "is called acme now" in done.out) == (0, True)

    @pytest.mark.parametrize("name", ["x" * 65, "two\nlines"])
    def test_a_name_of_the_wrong_shape_is_refused(self, service: Service, terminal: Terminal, name: str) -> None:
        before = service.state()
        done = terminal("account", "rename", ACCOUNT, name)
        assert (done.code, "display_name" in done.err) == (1, True)
        assert service.state() == before


class TestDeleting:
    """`delete`: whole, and whole in the end where it was interrupted."""

    def test_it_asks_for_the_name_and_says_what_goes(
        self, service: Service, terminal: Terminal, agent: Person, enrolled: Person
    ) -> None:
        before = service.state()
        done = terminal("account", "delete", ACCOUNT, typed="beta\n")
        assert (done.code, "2 subscribers" in done.err, "Acme Support" in done.err) == (1, True, True)
        assert terminal("account", "delete", ACCOUNT).code == 1  # nobody answers
        assert terminal("account", "delete", ACCOUNT, "--confirm", "beta").code == 1
        assert service.state() == before
        done = terminal("account", "delete", ACCOUNT, typed="acme\n")
        assert (done.code, "2 subscribers" in done.out) == (0, True)
        assert left_of(service, ACCOUNT) == []

    def test_everything_of_it_goes_and_nothing_of_others(
        self, service: Service, terminal: Terminal, full_account: list[Person]
    ) -> None:
        others = left_of(service, "beta")
        done = terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT, "--json")
        assert (done.code, done.json) == (0, {"account": ACCOUNT, "deleted_subscribers": 20})
        assert left_of(service, ACCOUNT) == []
        assert left_of(service, "beta") == others

    def test_a_hundred_notes_go_in_one_transaction(self, service: Service, terminal: Terminal) -> None:
        notes(service, 201)
        assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT).code == 0
        assert left_of(service, ACCOUNT) == []

    def test_the_audit_tells_of_each_and_of_the_account(
        self, service: Service, terminal: Terminal, full_account: list[Person]
    ) -> None:
        terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT)
        events = service.events(EventName.DELETED)
        assert all(each["actor"]["operator"].startswith("arn:aws:") for each in events)
        assert len({each["request_id"] for each in events}) == 1
        names = [each["subject"]["login_name"] for each in events if "subject" in each]
        assert sorted(names) == sorted(each.login_name for each in full_account)
        [whole] = [each for each in events if "subject" not in each]
        assert (whole["pk"], whole["detail"]) == (account_key(ACCOUNT)["pk"], {"subscribers": 20})
        tail = terminal("audit", "tail", ACCOUNT, "--limit", 1)
        assert (tail.code, "the account" in tail.out) == (0, True)

    @pytest.mark.parametrize("after", [0, 1, 9, 19])
    def test_interrupted_in_the_middle_it_is_run_again(
        self,
        service: Service,
        terminal: Terminal,
        full_account: list[Person],
        monkeypatch: pytest.MonkeyPatch,
        after: int,
    ) -> None:
        monkeypatch.setattr(patience, "PAUSES_SECONDS", [])
        real, lock, done_so_far = Administration.delete, threading.Lock(), [0]

        def breaks(store: Administration, subject: Subscriber, actor: ByOperator, event: Any) -> None:
            with lock:
                done_so_far[0] += 1
                if done_so_far[0] > after:
                    raise Unavailable
            real(store, subject, actor, event)

        monkeypatch.setattr(Administration, "delete", breaks)
        assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT).code == 3
        monkeypatch.setattr(Administration, "delete", real)
        left = [each for each in left_of(service, ACCOUNT) if each["pk"].startswith("SUBSCRIBER#")]
        assert len(left) == 20 - after
        assert terminal("account", "show", ACCOUNT).code == 0
        again = terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT, "--json")
        assert (again.code, again.json["deleted_subscribers"]) == (0, 20 - after)
        assert left_of(service, ACCOUNT) == []
        about = [each["subject"]["login_name"] for each in service.events(EventName.DELETED) if "subject" in each]
        assert sorted(about) == sorted(each.login_name for each in full_account)

    @pytest.mark.parametrize("step", ["drop", "close"])
    def test_interrupted_near_the_end_it_is_run_again(
        self,
        service: Service,
        terminal: Terminal,
        full_account: list[Person],
        monkeypatch: pytest.MonkeyPatch,
        step: str,
    ) -> None:
        def ctrl_c(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(Operation, step, ctrl_c)
            assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT).code == 130
        assert account_key(ACCOUNT)["sk"] in {each["sk"] for each in left_of(service, ACCOUNT)}
        assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT).code == 0
        assert left_of(service, ACCOUNT) == []
        assert len([each for each in service.events(EventName.DELETED) if "subject" not in each]) == 1

    def test_a_lost_reply_of_the_last_write_is_no_failure(
        self, service: Service, terminal: Terminal, agent: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(patience, "PAUSES_SECONDS", [0])
        real, calls = Operation.close, list[int]()

        def loses_its_reply(*arguments: Any, **more: Any) -> None:
            calls.append(1)
            real(*arguments, **more)
            if len(calls) == 1:
                raise Unavailable

        monkeypatch.setattr(Operation, "close", loses_its_reply)
        assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT).code == 0
        assert len([each for each in service.events(EventName.DELETED) if "subject" not in each]) == 1

    def test_who_changes_in_that_moment_goes_all_the_same(
        self, service: Service, terminal: Terminal, enrolled: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, seen = Administration.delete, list[Subscriber]()

        def meets_a_reset(store: Administration, subject: Subscriber, actor: ByOperator, event: Any) -> None:
            if not seen:
                service.change(enrolled, epoch=b"new")
            seen.append(subject)
            real(store, subject, actor, event)

        monkeypatch.setattr(Administration, "delete", meets_a_reset)
        assert terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT, "--json").json["deleted_subscribers"] == 1
        assert (len(seen), left_of(service, ACCOUNT)) == (2, [])

    def test_who_was_invited_in_the_last_moment_goes_too(
        self, service: Service, terminal: Terminal, agent: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The index shows a new subscriber a moment late: the walk before the account went did not see it."""
        real = Directory.subscribers

        def late(directory: Directory, account: str, **how: Any) -> Page[Subscriber]:
            page = real(directory, account, **how)
            if service.services.store.accounts.stored_policy(ACCOUNT).version == 0:
                return page
            return Page([each for each in page.entries if each.login_name != "late"], page.next_after)

        service.person("late")
        monkeypatch.setattr(Directory, "subscribers", late)
        done = terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT, "--json")
        assert (done.json["deleted_subscribers"], left_of(service, ACCOUNT)) == (2, [])

    def test_two_operators_at_once_leave_nothing_and_one_event_of_the_account(
        self, service: Service, full_account: list[Person], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run() -> int:
            return removing.Removal(ACCOUNT, find("secondstep", None), lambda _: None).run()

        race(run, run)
        assert left_of(service, ACCOUNT) == []
        deleted = service.events(EventName.DELETED)
        assert len([each for each in deleted if "subject" not in each]) == 1
        assert len([each for each in deleted if "subject" in each]) == 20

    def test_an_account_that_is_made_anew_meanwhile_stays(
        self, service: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.forget()
        service.person("agent")  # an account that has lost its policy
        real = Operation.close

        def made_anew(*arguments: Any, **more: Any) -> None:
            service.account()
            real(*arguments, **more)

        monkeypatch.setattr(Operation, "close", made_anew)
        done = terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT)
        assert (done.code, "made anew" in done.err) == (1, True)
        assert [each["sk"] for each in left_of(service, ACCOUNT)] == ["POLICY"]

    def test_a_name_can_be_used_again_and_old_sessions_stay_dead(
        self, service: Service, terminal: Terminal, enrolled: Person
    ) -> None:
        token = service.session(enrolled)["account_token"]
        terminal("account", "delete", ACCOUNT, "--confirm", ACCOUNT)
        assert service.get("/me", token=token).status == 401
        assert terminal("account", "create", ACCOUNT, "--admin", "enrolled").code == 0
        assert service.get("/me", token=token).status == 401


@pytest.mark.parametrize("command", [("show",), ("rename", "Name"), ("delete", "--confirm", "gamma")])
def test_an_account_that_is_not_there_is_a_sentence(
    service: Service, terminal: Terminal, command: tuple[str, ...]
) -> None:
    before = service.state()
    for account, said in (("gamma", "There is no account gamma"), ("No Such", "account must be")):
        done = terminal("account", command[0], account, *command[1:])
        assert (done.code, said in done.err, done.out) == (1, True, "")
    assert service.state() == before
    assert not service.events()


@pytest.mark.parametrize(
    "command",
    [("list",), ("show", "acme"), ("rename", "acme", "Name"), ("delete", "acme", "--confirm", "acme")],
    ids=lambda command: command[0],
)
def test_a_deployment_that_is_not_reached_is_exit_code_3(
    service: Service, terminal: Terminal, command: tuple[str, ...]
) -> None:
    assert terminal("account", *command, "--stack", "other").code == 3


def test_a_right_that_is_missing_is_a_sentence(
    service: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise AwsRefused("AccessDeniedException")

    monkeypatch.setattr("cli.deployment.OperatorDynamoDb.scan", denied)
    done = terminal("account", "list")
    assert (done.code, "AccessDeniedException" in done.err) == (3, True)
