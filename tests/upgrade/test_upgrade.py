"""Whatever an earlier release has written is read by this one: nobody is locked out and nobody let in by an upgrade.

Each test runs once for every fixture of this folder (docs/storage-layout.md says when one is made): the tables of that
release under the code of this one, a few seconds after the last request that the other has answered.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.cloud import Cloud
from local.functions import Functions
from local.gateway import Gateway
from local.template import Template
from secondstep import __version__, wiring
from secondstep.settings import Settings
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.layout import (
    event_item,
    event_record,
    session_item,
    session_record,
    subscriber_item,
    subscriber_record,
)
from secondstep.subscriber import Enrollment, Identity, Role, Status
from tests.browsing import Browser
from tests.clock import FrozenClock
from tests.conftest import PUBLIC_URL, Database
from tests.importing.moving_in import KNOWN, seed
from tests.recording import Recorder
from tests.relying_party import RelyingParty
from tests.service import ACCOUNT, Person, Service, secret_of
from tests.upgrade import kept
from tests.upgrade.journey import POLICY
from tests.upgrade.kept import Kept

_SECONDS_LATER = 3
_A_STEP_LATER = 31
_LAYOUT = Path(__file__).resolve().parents[2] / "docs" / "storage-layout.md"


class Upgraded(NamedTuple):
    """The service of this release on the tables of an earlier one."""

    service: Service
    before: Kept

    def has(self, name: str, what: str) -> Any:
        """Return what somebody holds since before the upgrade."""
        return self.before.held[name][what]

    def person(self, name: str) -> Person:
        """Return somebody with the phone and the recovery codes."""
        held = self.before.held[name]
        secret = secret_of(held["secret"]) if "secret" in held else secret_of("A" * 32)
        return Person(Identity(ACCOUNT, name), "", secret, list(held.get("recovery_codes", [])))

    def token(self, name: str) -> str:
        """Return somebody's account token."""
        return str(self.has(name, "account_token"))

    def events(self, event: str, name: str) -> list[dict[str, Any]]:
        """Return the events of one kind that this release has written about somebody, oldest first."""
        old = {(each["pk"]["S"], each["sk"]["S"]) for each in self.before.audit}
        new = [each for each in self.service.events(event) if (each["pk"], each["sk"]) not in old]
        return [each for each in new if each["pk"] == f"SUBSCRIBER#{Identity(ACCOUNT, name).hash}"]


@pytest.fixture(params=kept.files(), ids=lambda path: path.stem)
def upgraded(
    request: pytest.FixtureRequest, template: Template, cloud: Cloud, database: Database
) -> Iterator[Upgraded]:
    before, clock = kept.read(request.param), FrozenClock()
    clock.advance(before.written_at - clock() + _SECONDS_LATER)
    database.empty()
    with kept.opening(before, Settings.from_environment(cloud.environment)) as settings:
        kept.put(database.client, {settings.state_table: before.state_items, settings.audit_table: before.audit_items})
        services = wiring.build(
            settings, clock=clock, pause=lambda _: None, dynamodb=database.adapter, kms=database.kms
        )
        wiring.install(services)
        gateway = Gateway(template, Functions(template), clock)
        yield Upgraded(Service(cloud, database.client, database.empty, gateway, services, clock, Recorder()), before)
        wiring.install(None)


def test_this_release_keeps_what_it_writes() -> None:
    assert __version__ in {path.stem for path in kept.files()}, "python -m tests.upgrade.write"


def test_the_fixture_is_of_the_release_that_it_is_named_after(upgraded: Upgraded) -> None:
    assert f"{upgraded.before.written_by}.json" in {path.name for path in kept.files()}
    assert upgraded.before.public_url == PUBLIC_URL


# --- what lies in the tables


def test_the_newest_fixture_holds_an_item_of_every_kind() -> None:
    """Every row of the table of keys in docs/storage-layout.md; so a new kind of item wants a new fixture."""
    newest = kept.read(kept.files()[-1])
    keys = {f"{each['pk']['S']} {each['sk']['S']}" for each in (*newest.state, *newest.audit)}
    for pattern in _kinds():
        assert any(re.fullmatch(pattern, key) for key in keys), pattern


def _kinds() -> list[str]:
    """Return a pattern for each pair of keys in the first table of the page."""
    table = _LAYOUT.read_text("utf-8").partition("| item |")[2].partition("\n\n")[0]
    rows = [[re.findall(r"`([^`]+)`", cell) for cell in row.split("|")[2:4]] for row in table.splitlines()[2:]]
    kinds = [f"{pk} {sk}" for pks, sks in rows for pk in pks for sk in sks]
    assert len(kinds) >= len(rows) >= 12
    return [".+".join(re.escape(part) for part in re.split(r"<[^>]+>", kind)) for kind in kinds]


def test_the_newest_fixture_holds_every_attribute_of_what_is_decided_with() -> None:
    newest = [decode_item(item) for item in kept.read(kept.files()[-1]).state_items]
    subscribers, sessions = (
        [item for item in newest if item["pk"].startswith("SUBSCRIBER#") and item["sk"].startswith(kind)]
        for kind in ("STATE", "SESSION#")
    )
    challenges = [each for item in subscribers for each in item["c"].values()]
    waiting = [each["w"] for each in challenges if "w" in each]
    assert _names(subscribers) == {"pk", "sk"} | _of_layout(subscriber_item, subscriber_record, subscribers[0])
    assert _names(sessions) == {"rp", "rt", "g"} | _of_layout(session_item, session_record, sessions[0])
    assert _names(challenges) == set("pxoznwfg")
    assert _names(waiting) == set("incmhs")


def _names(items: list[dict[str, Any]]) -> set[str]:
    return {name for item in items for name in item}


def _of_layout(written: Any, record: Any, item: dict[str, Any]) -> set[str]:
    """Return all names that the layout may write, those of absent values too."""
    return set(written(record(item)))


def test_every_subscriber_session_and_event_is_the_same_when_it_is_written_back(upgraded: Upgraded) -> None:
    for item in upgraded.service.state():
        if item["pk"].startswith("SUBSCRIBER#"):
            is_session = item["sk"].startswith("SESSION#")
            again = _stored(
                session_item(session_record(item)) if is_session else subscriber_item(subscriber_record(item))
            )
            assert again == _without_marks({name: item[name] for name in again})
    for item in upgraded.service.events():
        assert _stored(event_item(event_record(item))).items() <= item.items()


def _stored(item: dict[str, Any]) -> dict[str, Any]:
    return decode_item(encode_item(item))


def _without_marks(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out which request paid last for a wrong ticket: no record carries it."""
    open_ones = {
        key: {name: part for name, part in each.items() if name != "g"} for key, each in item.get("c", {}).items()
    }
    return item | ({"c": open_ones} if "c" in item else {})


# --- who logs in


@pytest.mark.parametrize("name", ["kim", "ada", "lee", "max", "zoe"])
def test_password_and_code_give_a_session(upgraded: Upgraded, name: str) -> None:
    upgraded.service.clock.advance(_A_STEP_LATER)
    session = upgraded.service.session(upgraded.person(name))
    assert upgraded.service.get("/me", token=session["account_token"]).body["login_name"] == name
    assert [each["outcome"] for each in upgraded.events("verify", name)] == ["success"]


@pytest.mark.parametrize("name", ["ana", "ben", "cem"])
def test_who_was_imported_logs_in_with_the_old_password_and_the_old_phone(upgraded: Upgraded, name: str) -> None:
    person = Person(Identity(ACCOUNT, name), "", seed(name), [])
    challenge = upgraded.service.log_in(person, str(KNOWN["password"])).body["challenge"]
    assert upgraded.service.verify(challenge, upgraded.service.code(person)).status == 200
    assert [each["outcome"] for each in upgraded.events("verify", name)] == ["success"]


def test_a_code_that_was_accepted_before_stays_used(upgraded: Upgraded) -> None:
    person = upgraded.person("ada")
    bound_in = upgraded.service.record(person).last_used_first()[0].last_step
    upgraded.service.clock.advance(bound_in * 30 - upgraded.service.now() + 1)
    reply = upgraded.service.verify(upgraded.has("ada", "challenge"), upgraded.service.code(person))
    assert reply.code in ("invalid_code", "challenge_invalid")
    assert reply.status == 401


@pytest.mark.parametrize("name", ["ada", "bea", "jon", "kay"])
def test_an_open_challenge_takes_a_code(upgraded: Upgraded, name: str) -> None:
    upgraded.service.clock.advance(_A_STEP_LATER)
    person = upgraded.person(name)
    assert upgraded.service.verify(upgraded.has(name, "challenge"), upgraded.service.code(person)).status == 200
    assert [each["outcome"] for each in upgraded.events("verify", name)] == ["success"]


def test_a_recovery_code_is_good_once_and_a_spent_one_stays_spent(upgraded: Upgraded) -> None:
    person, service = upgraded.person("lee"), upgraded.service
    spent = upgraded.has("lee", "spent_recovery_code")
    proofs = [spent, person.recovery_codes[1], person.recovery_codes[1]]
    statuses = [
        service.post("/verify", {"challenge": service.challenge(person), "recovery_code": proof}).status
        for proof in proofs
    ]
    assert statuses == [401, 200, 401]
    assert len(service.record(person).recovery_codes) == 8
    assert [each["outcome"] for each in upgraded.events("recovery_code_used", "lee")] == [
        "failure",
        "success",
        "failure",
    ]


def test_both_phones_of_one_person_work(upgraded: Upgraded) -> None:
    service, person = upgraded.service, upgraded.person("lee")
    service.clock.advance(_A_STEP_LATER)
    for secret in (person.secret, secret_of(upgraded.has("lee", "tablet"))):
        assert service.verify(service.challenge(person), service.code_of(secret)).status == 200


def test_who_is_disabled_stays_out(upgraded: Upgraded) -> None:
    assert upgraded.service.log_in(upgraded.person("ida")).code == "invalid_credentials"
    assert upgraded.service.get("/me", token=upgraded.token("ida")).code == "invalid_token"
    assert upgraded.service.record(upgraded.person("ida")).status is Status.DISABLED


def test_budgets_go_on_where_they_stood(upgraded: Upgraded) -> None:
    service, jon = upgraded.service, upgraded.person("jon")
    assert service.log_in(upgraded.person("liv")).code == "too_many_attempts"
    wrong = service.wrong_code(jon)
    codes = [service.verify(service.challenge(jon), wrong).code for _ in range(2)]
    assert codes == ["invalid_code", "too_many_attempts"]
    assert service.record(jon).run == 10


# --- tickets, and ceremonies that had begun


def test_an_invitation_opens_the_first_password_and_the_first_binding(upgraded: Upgraded) -> None:
    service, person, ticket = upgraded.service, upgraded.person("cal"), upgraded.has("cal", "ticket")
    body = {"account": ACCOUNT, "login_name": "cal", "ticket": ticket, "new_password": upgraded.has("cal", "password")}
    assert service.post("/password", body).status == 204
    assert service.post("/password", body).code == "ticket_invalid"
    assert service.bind(person)[0].status == 200
    assert service.record(person).enrollment is Enrollment.BOUND
    assert [each["outcome"] for each in upgraded.events("enrolled", "cal")] == ["success"]


def test_the_ticket_of_a_reset_binds_a_new_phone_and_nothing_less_does(upgraded: Upgraded) -> None:
    service, person = upgraded.service, upgraded.person("gus")
    assert service.log_in(person).body["ticket_required"] is True
    assert service.enroll(person).code == "ticket_invalid"
    assert service.bind(person, ticket=upgraded.has("gus", "ticket"))[0].status == 200
    assert service.record(person).enrollment is Enrollment.BOUND
    assert service.get("/me", token=upgraded.token("gus")).code == "invalid_token"


def test_a_password_ticket_sets_a_password_and_leaves_the_phone(upgraded: Upgraded) -> None:
    service, person = upgraded.service, upgraded.person("hal")
    body = {"account": ACCOUNT, "login_name": "hal", "ticket": upgraded.has("hal", "ticket")}
    assert service.post("/password", body | {"new_password": "a far better pass phrase"}).status == 204
    service.clock.advance(_A_STEP_LATER)
    challenge = service.log_in(person, "a far better pass phrase").body["challenge"]
    assert service.verify(challenge, service.code(person)).status == 200


def test_an_enrollment_goes_on_where_it_stood(upgraded: Upgraded) -> None:
    service = upgraded.service
    begun = service.post("/enroll", {"challenge": upgraded.has("dan", "challenge")}).body
    assert service.verify(begun["challenge"], service.code_of(secret_of(begun["secret"]))).status == 200
    eli = upgraded.person("eli")
    assert service.verify(upgraded.has("eli", "challenge"), service.code(eli)).status == 200
    assert {service.record(upgraded.person(name)).enrollment for name in ("dan", "eli")} == {Enrollment.BOUND}


def test_an_enrollment_by_ticket_goes_on_where_it_stood(upgraded: Upgraded) -> None:
    service = upgraded.service
    sam, secret = upgraded.person("sam"), secret_of(upgraded.has("sam", "new_secret"))
    assert service.verify(upgraded.has("sam", "challenge"), service.code_of(secret)).status == 200
    assert service.record(sam).enrollment_ticket is None
    tim = {"challenge": upgraded.has("tim", "challenge")}
    tries = [service.post("/enroll", tim | {"ticket": "AAAA-AAAA-AAAA-AAAA"}).code for _ in range(5)]
    assert tries == ["ticket_invalid"] * 4 + ["challenge_invalid"], "one was used before the upgrade"


def test_a_further_phone_is_added_by_the_session_that_began_it(upgraded: Upgraded) -> None:
    service = upgraded.service
    code = service.code_of(secret_of(upgraded.has("fay", "new_secret")))
    body = {"challenge": upgraded.has("fay", "challenge"), "code": code}
    assert service.post("/verify", body).code == "invalid_token"
    assert service.post("/verify", body, token=upgraded.token("fay")).status == 200
    assert len(service.record(upgraded.person("fay")).authenticators) == 2


# --- sessions


def test_tokens_count_until_they_expire(upgraded: Upgraded) -> None:
    me = upgraded.service.get("/me", token=upgraded.token("lee")).body
    assert (me["display_name"], me["locale"], me["email"]) == ("Lee of the desk", "de-AT", "lee@example.com")
    assert {each["name"] for each in me["authenticators"]} == {"Authenticator", "Tablet"}
    assert upgraded.service.get("/me", token=upgraded.has("lee", "access_token")).status == 200
    assert len(upgraded.service.get("/me/sessions", token=upgraded.token("lee")).body) == 2
    kids = {each["kid"] for each in upgraded.service.get("/.well-known/jwks.json").body["keys"]}
    assert len(kids) == 2, "the announced key is published beside the one that signs"


def test_a_refresh_token_goes_on(upgraded: Upgraded) -> None:
    reply = upgraded.service.post("/refresh", {"refresh_token": upgraded.has("max", "refresh_token")})
    assert reply.status == 200
    assert upgraded.service.get("/me", token=reply.body["account_token"]).body["login_name"] == "max"


def test_a_refresh_token_that_was_used_before_the_upgrade_ends_its_session(upgraded: Upgraded) -> None:
    used, current = (upgraded.has("max", name) for name in ("used_refresh_token", "refresh_token"))
    assert [upgraded.service.post("/refresh", {"refresh_token": each}).code for each in (used, current)] == [
        "invalid_token",
        "invalid_token",
    ]
    assert len(upgraded.events("refresh_reuse", "max")) == 1


def test_wrong_codes_in_a_session_are_still_counted(upgraded: Upgraded) -> None:
    service, person = upgraded.service, upgraded.person("quy")
    wrong = {"code": service.wrong_code(person)}
    codes = [service.post("/step-up", wrong, token=upgraded.token("quy")).code for _ in range(5)]
    assert codes == ["invalid_code"] * 4 + ["invalid_token"]


def test_a_signed_in_browser_stays_signed_in(upgraded: Upgraded) -> None:
    for name, path in (("nia", "/ui/account"), ("kim", "/ui/admin")):
        browser = Browser(upgraded.service)
        browser.cookies = dict(upgraded.has(name, "cookies"))
        assert browser.get(path).status == 200, name
        assert browser.path == path


def test_a_browser_between_two_pages_goes_on(upgraded: Upgraded) -> None:
    browser = Browser(upgraded.service)
    browser.cookies = dict(upgraded.has("ros", "cookies"))
    upgraded.service.clock.advance(_A_STEP_LATER)
    browser.get("/ui/verify").submit("/ui/verify", code=upgraded.service.code(upgraded.person("ros")))
    assert browser.path == "/ui/account"


def test_a_code_of_an_application_is_good_once_and_its_tokens_go_on(upgraded: Upgraded) -> None:
    desk = RelyingParty(upgraded.service)
    desk.verifier = upgraded.has("oli", "verifier")
    assert desk.redeem(upgraded.has("oli", "code")).status == 200
    assert desk.refresh(upgraded.has("pia", "refresh_token")).status == 200
    desk.verifier = upgraded.has("pia", "verifier")
    assert desk.redeem(upgraded.has("pia", "code")).body["error"] == "invalid_grant"
    assert desk.refresh(upgraded.has("pia", "refresh_token")).body["error"] == "invalid_grant", "a code shown twice"


# --- the admin


def test_the_admins_list_summary_and_cursor_go_on(upgraded: Upgraded) -> None:
    service, token, first = upgraded.service, upgraded.token("kim"), upgraded.has("kim", "subscribers")
    listed = service.get(f"/admin/subscribers?limit=4&cursor={first['cursor']}", token=token).body["subscribers"]
    assert [each["login_name"] for each in first["subscribers"] + listed] == [
        *("ada", "ana", "bea", "ben"),
        *("cal", "cem", "dan", "eli"),
    ]
    service.clock.advance(61)
    counted = service.get("/admin/summary", token=token).body
    old = upgraded.has("kim", "summary")
    assert {name: counted[name] for name in ("subscribers", "disabled", "invited")} == {
        name: old[name] for name in ("subscribers", "disabled", "invited")
    }
    zoe = service.get("/admin/subscribers/zoe", token=token).body
    assert (zoe["role"], zoe["enrolled"]) == (Role.ADMIN.value, True)


def test_the_audit_and_its_cursors_go_on(upgraded: Upgraded) -> None:
    service = upgraded.service
    for name, path, page in (("kim", "/admin/audit", "audit"), ("lee", "/me/events", "events")):
        first = upgraded.has(name, page)
        after = service.get(f"{path}?limit=4&cursor={first['cursor']}", token=upgraded.token(name))
        assert after.status == 200, after.body
        shown = first["events"] + after.body["events"]
        assert len({each["id"] for each in shown}) == len(shown)
        assert [each["at"] for each in shown] == sorted((each["at"] for each in shown), reverse=True)
    everything = service.get("/admin/audit?limit=100", token=upgraded.token("kim")).body["events"]
    told = {each["event"] for each in everything}
    assert {"invited", "password_set", "enrolled", "reset", "status_changed", "imported", "policy_changed"} <= told


def test_an_admin_goes_on_administering(upgraded: Upgraded) -> None:
    reply = upgraded.service.reset(upgraded.token("kim"), "ada")
    assert reply.status == 200
    assert upgraded.service.record(upgraded.person("ada")).enrollment is Enrollment.TICKETED
    assert [each["reason"] for each in upgraded.events("reset", "ada")] == ["lost phone"]


def test_the_policy_is_in_force_and_is_replaced_under_its_old_tag(upgraded: Upgraded) -> None:
    service, token, tag = upgraded.service, upgraded.token("kim"), upgraded.has("kim", "etag")
    read = service.get("/admin/policy", token=token)
    assert {name: read.body["policy"][name] for name in POLICY} == json.loads(json.dumps(POLICY))
    assert {name for name, origin in read.body["origin"].items() if origin == "account"} == set(POLICY)
    changed = service.call("PUT", "/admin/policy", {"session_hours": 8}, token=token, headers={"If-Match": tag})
    assert changed.body["policy"]["session_hours"] == 8
    again = service.call("PUT", "/admin/policy", {}, token=token, headers={"If-Match": tag})
    assert again.code == "precondition_failed"
