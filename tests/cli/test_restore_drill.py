"""The restore drill: a table as it was, restored by a point-in-time restore, and what must not come back with it.

The emulator restores the table; between that and the drill people are reset, deleted, spend recovery codes. Both ways
are walked: the restored table beside the one in use, and as the one in use, where even the sessions are alive again.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import cli.restoring
from cli.importing import patience
from secondstep.audit import EventName
from secondstep.errors import Unavailable
from secondstep.store.restoring import Restoring
from secondstep.subscriber import Enrollment
from tests.cli.terminal import Terminal
from tests.service import ACCOUNT, Person, Service

RESTORED = "restored-state"
BESIDE, IN_PLACE = "beside", "in place"


class Restored(NamedTuple):
    """A deployment whose State table was restored as of `since`; who is in it, and what they held at that moment."""

    service: Service
    terminal: Terminal
    since: int
    way: str
    calm: Person  # nothing has happened to
    lost: Person  # was reset since: the phone is with somebody else
    spent: Person  # has used the first recovery code since
    gone: Person  # was deleted since
    admin: Person
    sessions: dict[str, dict[str, Any]]
    used_code: str  # of `calm`, from before

    @property
    def table(self) -> str:
        """Return the name of the restored table."""
        return RESTORED if self.way == BESIDE else self.service.services.settings.state_table

    def drill(self, *more: object) -> Any:
        """Run the command and return what it printed."""
        said = ("--since", self.since, "--confirm", "secondstep", "--json")
        return self.terminal("restored", self.table, *said, *more)

    def of(self, done: Any, person: Person) -> dict[str, Any]:
        """Return the line about one person."""
        [line] = [each for each in done.json["subscribers"] if each["login_name"] == person.login_name]
        return dict(line)


@pytest.fixture(params=[BESIDE, IN_PLACE])
def restored(
    request: pytest.FixtureRequest, service: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Restored]:
    monkeypatch.setattr(patience, "PAUSES_SECONDS", [])
    service.clock.advance(-600)
    people = {name: service.bound_person(name) for name in ("calm", "lost", "spent", "gone")}
    people["admin"] = service.bound_admin("boss")
    used_code = service.code(people["calm"])
    sessions = {name: service.session(each) for name, each in people.items()}
    client, state = service.cloud.client("dynamodb"), service.services.settings.state_table
    since = service.now() + 1
    client.restore_table_to_point_in_time(SourceTableName=state, TargetTableName=RESTORED, UseLatestRestorableTime=True)
    service.clock.advance(60)
    happens_since(service, people, sessions["admin"]["account_token"])
    damage(service, client, state, revived=request.param == IN_PLACE)
    yield Restored(service, terminal, since, request.param, **people, sessions=sessions, used_code=used_code)
    client.delete_table(TableName=RESTORED)


def happens_since(service: Service, people: dict[str, Person], admin_token: str) -> None:
    """Reset one, delete another; a third one uses a recovery code."""
    assert service.reset(admin_token, "lost").status == 200
    assert service.call("DELETE", "/admin/subscribers/gone", token=admin_token).status == 204
    spent = people["spent"]
    body = {"challenge": service.challenge(spent), "recovery_code": spent.recovery_codes[0]}
    assert service.post("/verify", body).status == 200


def damage(service: Service, client: Any, state: str, *, revived: bool) -> None:
    """Lose the people of the table in use; where the restored table takes its place, all of it is as it was."""
    for item in service.state():
        if item["pk"].startswith("SUBSCRIBER#"):
            service._dynamodb.delete_item(TableName=state, Key={name: {"S": item[name]} for name in ("pk", "sk")})
    if revived:
        for item in client.scan(TableName=RESTORED)["Items"]:
            client.put_item(TableName=state, Item=item)


def test_without_the_drill_a_restore_revives_what_was_ended(restored: Restored) -> None:
    """What the other tests would pass without: the sessions, the lost phone and the spent code all work again."""
    service = restored.service
    revived = service.get("/me", token=restored.sessions["lost"]["account_token"]).status
    if restored.way == BESIDE:  # the table in use is as it was: nothing is alive yet
        assert revived == 401
        return
    assert revived == 200
    assert service.session(restored.lost)["access_token"]
    body = {"challenge": service.challenge(restored.spent), "recovery_code": restored.spent.recovery_codes[0]}
    assert service.post("/verify", body).status == 200
    assert service.log_in(restored.gone).status == 200


def test_no_session_from_before_the_restore_works_after_the_drill(restored: Restored) -> None:
    assert restored.drill().code == 0
    for name, tokens in restored.sessions.items():
        assert restored.service.get("/me", token=tokens["account_token"]).status == 401, name
        assert restored.service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).status == 401, name


def test_the_secret_from_before_the_reset_works_no_more(restored: Restored) -> None:
    done = restored.drill()
    service, line = restored.service, restored.of(done, restored.lost)
    assert (line["did"], line["because"]) == ("reset", ["reset"])
    service.clock.advance(900)
    reply = service.log_in(restored.lost)
    assert (reply.body["next"], reply.body["ticket_required"]) == ("enroll", True)
    stolen = service.verify(reply.body["challenge"], service.code(restored.lost))
    assert stolen.status == 401
    bound, secret = service.bind(restored.lost, ticket=line["ticket"])
    assert bound.status == 200
    assert secret != restored.lost.secret


def test_the_recovery_code_that_was_spent_is_spent(restored: Restored) -> None:
    assert restored.of(restored.drill(), restored.spent)["because"] == ["recovery_code_used"]
    record = restored.service.record(restored.spent)
    assert not record.recovery_codes
    assert not record.authenticators
    assert record.enrollment is Enrollment.TICKETED


def test_who_was_deleted_is_deleted(restored: Restored) -> None:
    assert restored.of(restored.drill(), restored.gone)["did"] == "deleted"
    assert restored.service.log_in(restored.gone).status == 401
    keys = [each["pk"] for each in restored.service.state() if each["sk"] == "STATE"]
    assert f"SUBSCRIBER#{restored.gone.identity.hash}" not in keys


def test_who_is_untouched_logs_in_as_ever_but_with_no_code_from_before(restored: Restored) -> None:
    assert restored.of(restored.drill(), restored.calm)["did"] == "restored"
    service = restored.service
    service.clock.advance(-60)  # back where the code from before is of the step
    replayed = service.verify(service.challenge(restored.calm), restored.used_code)
    assert (replayed.status, replayed.body["hint"]) == (401, "replayed")
    service.clock.advance(1200)
    assert service.verify(service.challenge(restored.calm), service.code(restored.calm)).status == 200


def test_each_has_an_event_that_names_the_operator_the_table_and_the_moment(restored: Restored) -> None:
    restored.drill()
    events = restored.service.events(EventName.RESTORED)
    assert sorted(each["subject"]["login_name"] for each in events) == ["boss", "calm", "gone", "lost", "spent"]
    for each in events:
        assert each["actor"]["operator"].startswith("arn:aws:")
        assert each["detail"]["table"] == restored.table
        assert each["detail"]["since"] == restored.since
    reset = [each for each in restored.service.events(EventName.RESET) if "operator" in each["actor"]]
    assert sorted(each["subject"]["login_name"] for each in reset) == ["lost", "spent"]


def test_a_second_run_leaves_everybody_alone(restored: Restored) -> None:
    restored.drill()
    before, events = restored.service.state(), len(restored.service.events())
    done = restored.drill()
    assert done.code == 0
    # In place who was deleted is not there any more; the restored table beside still has it.
    assert {each["did"] for each in done.json["subscribers"]} == {"done_before"}
    assert restored.service.state() == before
    assert len(restored.service.events()) == events


def test_a_dry_run_tells_the_same_and_writes_nothing(restored: Restored) -> None:
    before, events = restored.service.state(), len(restored.service.events())
    told = restored.drill("--dry-run")
    assert restored.service.state() == before
    assert len(restored.service.events()) == events
    assert all(each["ticket"] is None for each in told.json["subscribers"])
    done = restored.drill()
    assert {(each["login_name"], each["did"]) for each in told.json["subscribers"]} == {
        (each["login_name"], each["did"]) for each in done.json["subscribers"]
    }


def test_a_run_that_was_cut_short_goes_on_and_does_nobody_twice(
    restored: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, bring_back = list[str](), Restoring.bring_back
    monkeypatch.setattr(cli.restoring, "_WORKERS", 1)

    def silent_after_two(self: Restoring, revived: Any, *more: Any) -> None:
        if len(written) == 2:
            raise Unavailable
        bring_back(self, revived, *more)
        written.append(revived.subscriber.login_name)

    monkeypatch.setattr(Restoring, "bring_back", silent_after_two)
    cut = restored.drill()
    assert cut.code == 3
    assert {each["login_name"] for each in cut.json["subscribers"]} >= set(written)
    monkeypatch.setattr(Restoring, "bring_back", bring_back)
    assert restored.drill().code == 0
    events = [each["subject"]["login_name"] for each in restored.service.events(EventName.RESTORED)]
    assert sorted(events) == sorted(set(events))
    assert set(events) == {"boss", "calm", "gone", "lost", "spent"}


def test_a_lost_reply_is_no_second_restore(restored: Restored, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction was done and its answer lost; asked again it is refused, and the epoch shows whose it was."""
    monkeypatch.setattr(patience, "PAUSES_SECONDS", [0.0])
    lost, bring_back = set[str](), Restoring.bring_back

    def loses_each_first_reply(self: Restoring, revived: Any, *more: Any) -> None:
        bring_back(self, revived, *more)
        name = revived.subscriber.login_name
        if name not in lost:
            lost.add(name)
            raise Unavailable

    monkeypatch.setattr(Restoring, "bring_back", loses_each_first_reply)
    assert restored.drill().code == 0
    assert lost == {"boss", "calm", "lost", "spent"}
    events = [each["subject"]["login_name"] for each in restored.service.events(EventName.RESTORED)]
    assert sorted(events) == ["boss", "calm", "gone", "lost", "spent"]


def test_what_only_a_person_can_do_again_is_told(restored: Restored) -> None:
    service, calm = restored.service, restored.calm
    held = service.events(EventName.RESET)[0]
    about = {"login_name": "calm", "sub": calm.sub}
    item = held | {"pk": f"SUBSCRIBER#{calm.identity.hash}", "event": "password_changed", "subject": about}
    put_event(service, item)
    done = restored.drill()
    assert restored.of(done, calm)["by_hand"] == ["password_changed"]
    assert restored.of(done, calm)["did"] == "restored"


def put_event(service: Service, item: dict[str, Any]) -> None:
    from secondstep.store.codec import encode_item

    service._dynamodb.put_item(TableName=service.services.settings.audit_table, Item=encode_item(item))


def test_nothing_happens_without_the_stacks_name(restored: Restored) -> None:
    before = restored.service.state()
    done = restored.terminal("restored", restored.table, "--since", restored.since, "--confirm", "another")
    assert done.code == 1
    assert restored.service.state() == before


def test_a_table_that_is_not_there_is_a_sentence(service: Service, terminal: Terminal) -> None:
    done = terminal("restored", "no-such-table", "--since", "1h", "--confirm", "secondstep")
    assert done.code == 3
    assert "There is no table no-such-table here" in done.err


def test_a_moment_that_has_not_come_is_a_usage_error(service: Service, terminal: Terminal) -> None:
    assert terminal("restored", "any", "--since", "2999-01-01", "--confirm", "secondstep").code == 2


def test_people_read_who_needs_a_new_ticket_and_why(restored: Restored) -> None:
    done = restored.terminal("restored", restored.table, "--since", restored.since, "--confirm", "secondstep")
    assert done.code == 0
    assert done.out.startswith("2 restored, 2 reset, 1 deleted, 0 done before.")
    [line] = [each for each in done.out.splitlines() if " lost " in each]
    assert line.split()[:4] == [ACCOUNT, "lost", "reset", "reset"]
