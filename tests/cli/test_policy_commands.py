"""`secondstep policy show | set | explain`."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.explaining import MEANINGS, meaning
from secondstep.account import App, Application, EnrollmentTicket, Policy
from secondstep.audit import EventName
from secondstep.store.accounts import Accounts
from secondstep.store.layout import account_key
from tests.cli.terminal import Done, Terminal
from tests.service import ACCOUNT, Person, Service

DECIDED = {"display_name": "Acme Support", "session_hours": 3}


@pytest.fixture(autouse=True)
def account(service: Service) -> None:
    """Write an account that has decided two fields."""
    store(service, DECIDED)


def store(service: Service, policy: object) -> None:
    service.put(account_key(ACCOUNT) | {"policy": policy, "version": 7, "created_at": service.now()})
    service.services.store.accounts._policies.clear()


def stored(service: Service) -> dict[str, Any]:
    return service.services.store.accounts.stored_policy(ACCOUNT).fields


def refused(service: Service, done: Done, *said: str, code: int = 1) -> None:
    """Check that a command was refused for a reason, and has changed nothing."""
    assert (done.code, done.out) == (code, "")
    for each in said:
        assert each in done.err
    assert stored(service) == DECIDED
    assert not service.events()


def test_every_value_is_shown_with_its_origin(service: Service, terminal: Terminal) -> None:
    done = terminal("policy", "show", ACCOUNT, "--json")
    assert (done.code, done.json["version"]) == (0, 7)
    assert set(done.json["policy"]) == set(done.json["origin"]) == set(Policy.__struct_fields__)
    decided = {name for name, origin in done.json["origin"].items() if origin == "account"}
    assert decided == set(DECIDED)
    lines = {line.split()[0]: line.split() for line in terminal("policy", "show", ACCOUNT).out.splitlines()}
    assert lines["session_hours"][1:] == ["3", "account"]
    assert lines["idle_minutes"][1:] == ["60", "default"]


def test_fields_that_are_set_stand_beside_those_that_were(service: Service, terminal: Terminal) -> None:
    done = terminal("policy", "set", ACCOUNT, "mfa_required=false", "idle_minutes=30", "help_text=Call 4711 = us")
    assert (done.code, "version 8" in done.out, "60 seconds" in done.out) == (0, True, True)
    wanted = {"mfa_required": False, "idle_minutes": 30, "help_text": "Call 4711 = us"}
    assert stored(service) == DECIDED | wanted
    [event] = service.events()
    assert (event["event"], event["detail"]) == (EventName.POLICY_CHANGED, {"old": {}, "new": wanted})
    assert event["actor"]["operator"].startswith("arn:aws:")
    assert event["as"].startswith(f"{ACCOUNT}#")


@pytest.mark.parametrize("how", [("session_hours=",), ("--unset", "session_hours")])
def test_a_field_returns_to_its_default(service: Service, terminal: Terminal, how: tuple[str, ...]) -> None:
    done = terminal("policy", "set", ACCOUNT, *how, "--json")
    assert (done.json["policy"]["session_hours"], done.json["origin"]["session_hours"]) == (12, "default")
    assert stored(service) == {"display_name": "Acme Support"}
    assert service.events()[0]["detail"] == {"old": {"session_hours": 3}, "new": {}}


def test_lists_are_json(service: Service, terminal: Terminal) -> None:
    application = {"client_id": "crm", "name": "CRM", "redirect_uris": ["https://crm.example.com/back"]}
    assert terminal("policy", "set", ACCOUNT, f"applications={json.dumps([application])}", "apps=[]").code == 0
    assert stored(service) == DECIDED | {"applications": [application], "apps": []}


def test_a_file_replaces_all_and_a_field_beside_it_counts(service: Service, terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"mfa_required": False, "idle_minutes": 30}), "utf-8")
    assert terminal("policy", "set", ACCOUNT, "--file", path, "idle_minutes=20").code == 0
    assert stored(service) == {"mfa_required": False, "idle_minutes": 20}


def test_what_is_shown_can_be_set_again(service: Service, terminal: Terminal, tmp_path: Path) -> None:
    shown = terminal("policy", "show", ACCOUNT, "--json").json["policy"]
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(shown), "utf-8")
    again = terminal("policy", "set", ACCOUNT, "--file", path, "--json")
    assert (again.code, again.json["policy"]) == (0, shown)


def test_what_is_so_already_is_not_written(service: Service, terminal: Terminal) -> None:
    done = terminal("policy", "set", ACCOUNT, "session_hours=3")
    assert (done.code, "Nothing to change" in done.out) == (0, True)
    assert terminal("policy", "set", ACCOUNT, "session_hours=3", "--json").json["version"] == 7
    assert not service.events()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("session_hours=25", "session_hours"),
        ("session_hours=many", "session_hours"),
        ("mfa_required=perhaps", "mfa_required"),
        ("enrollment_ticket=sometimes", "enrollment_ticket"),
        ("accent_colour=red", "accent_colour"),
        ("apps=[{}]", "apps"),
        ("apps=none", "apps is not JSON"),
        ("applications=3", "applications"),
        (f"display_name={'x' * 65}", "display_name"),
    ],
)
def test_a_value_that_cannot_be_is_refused(service: Service, terminal: Terminal, change: str, field: str) -> None:
    refused(service, terminal("policy", "set", ACCOUNT, "idle_minutes=30", change), field)


@pytest.mark.parametrize("arguments", [("session_hours",), ("sesion_hours=3",), ("--unset", "hours"), ()])
def test_a_slip_of_the_fingers_is_a_usage_error(
    service: Service, terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    refused(service, terminal("policy", "set", ACCOUNT, *arguments), code=2)


@pytest.mark.parametrize(("text", "said"), [("[]", "JSON object"), ("{", "not JSON"), ('{"hours": 3}', "hours")])
def test_a_file_of_the_wrong_shape_is_refused(
    service: Service, terminal: Terminal, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text, "utf-8")
    refused(service, terminal("policy", "set", ACCOUNT, "--file", path), said)


def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(
    service: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Accounts.change_policy

    def beaten(*arguments: Any) -> Any:
        store(service, DECIDED | {"idle_minutes": 20})
        service.put(account_key(ACCOUNT) | {"policy": DECIDED, "version": 8})
        return real(*arguments)

    monkeypatch.setattr(Accounts, "change_policy", beaten)
    refused(service, terminal("policy", "set", ACCOUNT, "session_hours=5"), "Somebody else has changed the policy")


def test_a_corrupt_policy_is_replaced_only_as_a_whole(service: Service, terminal: Terminal, tmp_path: Path) -> None:
    store(service, {"mfa_required": "no", "session_hours": 3})
    shown = terminal("policy", "show", ACCOUNT, "--json").json
    assert (shown["policy"]["mfa_required"], set(shown["origin"].values())) == (True, {"default"})
    done = terminal("policy", "set", ACCOUNT, "session_hours=5")
    assert (done.code, "cannot be read" in done.err) == (1, True)
    path = tmp_path / "policy.json"
    path.write_text('{"session_hours": 5}', "utf-8")
    assert terminal("policy", "set", ACCOUNT, "--file", path).code == 0
    assert stored(service) == {"session_hours": 5}


def test_a_field_of_a_later_version_is_not_dropped_silently(service: Service, terminal: Terminal) -> None:
    store(service, DECIDED | {"remembered_days": 30})
    done = terminal("policy", "set", ACCOUNT, "session_hours=5")
    assert (done.code, "remembered_days" in done.err) == (1, True)
    assert stored(service) == DECIDED | {"remembered_days": 30}


def test_a_lost_policy_is_made_again(service: Service, terminal: Terminal, agent: Person) -> None:
    service.forget()
    service.person("agent")
    assert terminal("policy", "show", ACCOUNT, "--json").json["version"] == 0
    assert terminal("policy", "set", ACCOUNT, "session_hours=5").code == 0
    assert stored(service) == {"session_hours": 5}


def test_each_value_is_explained_in_a_sentence(service: Service, terminal: Terminal) -> None:
    done = terminal("policy", "explain", ACCOUNT, "--json")
    fields = {each["field"]: each for each in done.json["fields"]}
    assert list(fields) == list(Policy.__struct_fields__)
    assert (fields["session_hours"]["origin"], "3 hours" in fields["session_hours"]["means"]) == ("account", True)
    shown = terminal("policy", "explain", ACCOUNT).out
    assert "session_hours = 3  (account)" in shown
    assert fields["mfa_required"]["means"] in shown


def test_every_field_has_an_explanation_that_follows_its_value() -> None:
    assert set(MEANINGS) == set(Policy.__struct_fields__)
    other = Policy(
        display_name="Other",
        mfa_required=False,
        enrollment_ticket=EnrollmentTicket.ALWAYS,
        otp_issuer="Issuer",
        apps=(App("Aegis", "https://a.example", "https://b.example"),),
        apps_required=True,
        tolerance_steps=0,
        session_hours=1,
        idle_minutes=20,
        max_authenticators=1,
        invitation_hours=24,
        accent_colour="#000000",
        help_text="Call us",
        applications=(Application("crm", "CRM", ("https://crm.example",)),),
    )
    for field in Policy.__struct_fields__:
        sentences = {meaning(field, Policy()), meaning(field, other)}
        assert len(sentences) == 2, field
        assert all(each.endswith(".") for each in sentences)


@pytest.mark.parametrize("command", [("show",), ("explain",), ("set", "session_hours=3")])
def test_an_account_that_is_not_there_is_a_sentence(
    service: Service, terminal: Terminal, command: tuple[str, ...]
) -> None:
    done = terminal("policy", command[0], "beta", *command[1:])
    refused(service, done, "There is no account beta")
