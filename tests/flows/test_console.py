"""The admin console: each page and each act, by the answer, the item that is stored, and the audit event."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from secondstep.account import RECOMMENDED_APPS, Policy
from secondstep.pages import colour
from secondstep.store.codec import encode_item
from secondstep.subscriber import Enrollment, Role, Status
from tests.browsing import Browser
from tests.service import Person, Service

TICKET = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}")
PAGES = tuple(f"/ui/admin{page}" for page in ("", "/subscriber", "/reset", "/policy", "/logo", "/audit"))


@pytest.fixture
def browser(service: Service, admin: Person) -> Browser:
    """Return a browser in which an admin has just signed in with both steps."""
    return Browser(service).log_in(admin)


def ticket_on(browser: Browser) -> str:
    [ticket] = TICKET.findall(browser.text)
    return str(ticket)


def opened(browser: Browser, person: Person) -> Browser:
    """Open a subscriber from the list."""
    browser.get("/ui/admin").submit("/ui/admin", do="open", login_name=person.login_name)
    assert (browser.path, browser.status) == ("/ui/admin/subscriber", 200)
    return browser


# --- what every page has in common


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_labelled_and_light_and_asks_nothing_of_anybody_else(
    browser: Browser, enrolled: Person, path: str
) -> None:
    opened(browser, enrolled).get(path)
    assert browser.status == 200
    assert len(browser.html.encode()) < 50_000
    page = browser.page
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    labelled = {said["for"] for tag, said in page.tags if tag == "label" and "for" in said}
    for tag, said in page.tags:
        assert "style" not in said
        assert not any(name.startswith("on") for name in said)
        assert "://" not in said.get("src", "") + (said.get("href", "") if tag == "link" else "")
        if tag in ("input", "select", "textarea") and said.get("type") not in ("hidden", "radio", "checkbox"):
            assert said["id"] in labelled, said
        if tag == "th":
            assert said["scope"] in ("col", "row")
        for pointed in said.get("aria-describedby", "").split() + said.get("aria-labelledby", "").split():
            assert pointed in page.ids, pointed
    named = [tag for tag, _ in page.tags]
    assert named.count("table") == named.count("caption")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_carries_the_headers_of_every_page(browser: Browser, enrolled: Person, path: str) -> None:
    opened(browser, enrolled).get(path)
    assert browser.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in browser.headers["Content-Security-Policy"]
    assert browser.headers["Referrer-Policy"] == "no-referrer"


def test_no_name_and_no_ticket_ever_stands_in_an_address(browser: Browser, service: Service, enrolled: Person) -> None:
    browser.get("/ui/admin").submit("/ui/admin", do="search", prefix="enrol")
    opened(browser, enrolled).submit("/ui/admin/reset", do="ask")
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    ticket = ticket_on(browser)
    browser.get("/ui/admin/audit").submit("/ui/admin/audit", do="filter", login_name="enrolled")
    assert browser.status == 200
    told = " ".join([*browser.seen, *browser.page.links])
    assert ticket not in told
    assert "enrol" not in told
    assert service.record(enrolled).enrollment is Enrollment.TICKETED


def test_signing_out_forgets_whom_the_console_looked_at(browser: Browser, enrolled: Person) -> None:
    opened(browser, enrolled).get("/ui/account").submit("/ui/account", do="sign-out")
    assert set(browser.cookies) == {"__Host-browser"}
    assert browser.get("/ui/admin").status == 401


# --- people


def test_the_list_shows_everybody_and_how_many_have_enrolled(
    browser: Browser, service: Service, enrolled: Person, agent: Person
) -> None:
    service.person("away", status=Status.DISABLED)
    browser.get("/ui/admin")
    for name in ("boss", "enrolled", "agent", "away"):
        assert f"<bdi>{name}</bdi>" in browser.html
    assert "2 of 4 people have set up an authenticator." in browser.text
    [chart] = [said for tag, said in browser.page.tags if tag == "svg"]
    assert chart["role"] == "img"
    assert chart["aria-label"] == "2 of 4 people have set up an authenticator."
    assert "Disabled: 1." in browser.text


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"prefix": "EN"}, {"enrolled"}),
        ({"status": "disabled"}, {"away"}),
        ({"enrolled": "no"}, {"agent", "away"}),
        ({"enrolled": "yes"}, {"boss", "enrolled"}),
        ({"prefix": "a", "status": "active"}, {"agent"}),
    ],
)
def test_a_search_shows_who_fits(
    browser: Browser, service: Service, enrolled: Person, agent: Person, wanted: dict[str, str], shown: set[str]
) -> None:
    service.person("away", status=Status.DISABLED)
    browser.get("/ui/admin").submit("/ui/admin", do="search", **wanted)
    assert set(re.findall(r'class="link"><bdi>(\w+)</bdi>', browser.html)) == shown
    browser.get("/ui/admin")
    assert set(re.findall(r'class="link"><bdi>(\w+)</bdi>', browser.html)) == shown, "Reload shows the same"
    browser.submit("/ui/admin", do="all")
    assert len(re.findall(r'class="link"><bdi>', browser.html)) == 4


def test_a_search_that_nobody_fits_says_so(browser: Browser) -> None:
    browser.get("/ui/admin").submit("/ui/admin", do="search", prefix="zz")
    assert "Nobody fits." in browser.text


def test_a_prefix_that_no_login_name_has_is_said_at_the_field(browser: Browser) -> None:
    browser.get("/ui/admin").submit("/ui/admin", do="search", prefix="a/b")
    assert browser.status == 400
    assert 'name="prefix"' in browser.html
    assert "A login name cannot begin like this." in browser.text


def test_the_list_goes_on_page_by_page(browser: Browser, service: Service) -> None:
    names = [f"person-{number:02d}" for number in range(60)]
    for name in names:
        service.person(name)
    browser.get("/ui/admin").submit("/ui/admin", do="search", prefix="person")
    seen = []
    while True:
        seen += re.findall(r'class="link"><bdi>([\w-]+)</bdi>', browser.html)
        buttons = [value for name, value in browser.form("/ui/admin", cursor="").buttons if name == "cursor" and value]
        if not buttons:
            break
        browser.submit("/ui/admin", cursor=buttons[0])
    assert seen == names
    browser.submit("/ui/admin", cursor="")
    assert "person-00" in browser.text


def test_a_cursor_of_another_admin_shows_the_first_page(browser: Browser, service: Service, agent: Person) -> None:
    browser.get("/ui/admin")
    fields = {"csrf": browser.csrf, "do": "search", "cursor": "WyJ4Il0"}
    browser.post("/ui/admin", fields)
    assert browser.status == 200
    assert "<bdi>agent</bdi>" in browser.html


def test_an_invitation_is_shown_once_and_opens_the_first_password(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin")
    browser.submit("/ui/admin", do="invite", login_name="Newcomer", role="agent", email="new@example.com", locale="de")
    ticket = ticket_on(browser)
    assert "https://login.example.test/ui/password?account=acme" in browser.text
    [event] = service.events("invited")
    assert event["subject"]["login_name"] == "newcomer"
    assert event["actor"]["login_name"] == "boss"
    assert ticket not in browser.get("/ui/admin").html
    redeemed = {"account": "acme", "login_name": "newcomer", "ticket": ticket, "new_password": "a long new password"}
    assert service.post("/password", redeemed).status == 204


def test_an_invitation_says_which_field_is_wrong_and_keeps_what_was_typed(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin")
    browser.submit("/ui/admin", do="invite", login_name="new", role="admin", email="no address")
    assert browser.status == 400
    form = browser.form("/ui/admin", do="invite")
    assert (form.fields["login_name"], form.fields["role"], form.fields["email"]) == ("new", "admin", "no address")
    [field] = [said for tag, said in browser.page.tags if said.get("id") == "email"]
    assert field["aria-invalid"] == "true"
    assert service.events("invited") == []


@pytest.mark.parametrize("name", ["", "a/b", "x" * 129])
def test_a_login_name_that_nobody_can_have_is_refused(browser: Browser, service: Service, name: str) -> None:
    browser.get("/ui/admin").submit("/ui/admin", do="invite", login_name=name)
    assert browser.status == 400
    assert service.events("invited") == []


def test_a_name_that_is_taken_is_said(browser: Browser, service: Service, enrolled: Person) -> None:
    browser.get("/ui/admin").submit("/ui/admin", do="invite", login_name="enrolled")
    assert browser.status == 409
    assert "This login name is taken." in browser.text
    assert service.record(enrolled).is_bound


# --- one subscriber


def test_a_subscriber_is_shown_with_state_authenticators_and_budgets(browser: Browser, service: Service) -> None:
    locked = service.bound_person(
        "locked",
        authenticators=2,
        run=50,
        recent={f"charge-{number}": service.now() for number in range(10)},
        display_name="Lea Locked",
        email="lea@example.com",
    )
    opened(browser, locked)
    for text in ("Lea Locked", "lea@example.com", "Disabled after 50 wrong codes", "Recovery codes left 10"):
        assert text in browser.text
    assert "Too many attempts; ends in 15 minutes" in browser.text
    assert browser.text.count("Authenticator · last used") == 2


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("disable", {}, {"status": Status.DISABLED}, "status_changed"),
    ("enable", {"status": Status.DISABLED}, {"status": Status.ACTIVE}, "status_changed"),
    ("make-admin", {}, {"role": Role.ADMIN}, "role_changed"),
    ("make-agent", {"role": Role.ADMIN}, {"role": Role.AGENT}, "role_changed"),
]


@pytest.mark.parametrize(("act", "before", "after", "event"), CHANGES, ids=[each[0] for each in CHANGES])
def test_a_change_of_status_or_role_is_stored_recorded_and_told(
    browser: Browser, service: Service, act: str, before: dict[str, Any], after: dict[str, Any], event: str
) -> None:
    person = service.bound_person("somebody", **before)
    epoch = service.record(person).epoch
    opened(browser, person).submit("/ui/admin/subscriber", do=act)
    record = service.record(person)
    assert {name: getattr(record, name) for name in after} == after
    assert record.epoch != epoch
    [recorded] = service.events(event)
    assert (recorded["actor"]["login_name"], recorded["subject"]["login_name"]) == ("boss", "somebody")
    assert browser.path == "/ui/admin/subscriber"
    assert "Changed. Every session of this person has ended." in browser.text


def test_unlocking_clears_the_budgets_and_removes_nothing(browser: Browser, service: Service) -> None:
    locked = service.bound_person("locked", run=50, recent={str(n): service.now() for n in range(10)})
    opened(browser, locked).submit("/ui/admin/subscriber", do="unlock")
    record = service.record(locked)
    assert (record.run, len(record.recent), len(record.authenticators)) == (0, 0, 1)
    assert "Unlocked. Nothing was removed." in browser.text
    assert len(service.events("unlocked")) == 1


def test_a_password_ticket_is_shown_once_and_touches_no_authenticator(
    browser: Browser, service: Service, enrolled: Person
) -> None:
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="reset-password", reason="forgot it")
    ticket = ticket_on(browser)
    [event] = service.events("password_reset")
    assert event["reason"] == "forgot it"
    assert service.record(enrolled).is_bound
    assert ticket not in browser.get("/ui/admin/subscriber").html
    redeemed = {"account": "acme", "login_name": "enrolled", "ticket": ticket, "new_password": "a long new password"}
    assert service.post("/password", redeemed).status == 204


def test_a_password_ticket_wants_a_reason(browser: Browser, service: Service, enrolled: Person) -> None:
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="reset-password", reason=" ")
    assert browser.status == 400
    assert "A reason has 1 to 200 characters." in browser.text
    assert service.events("password_reset") == []


def test_deleting_asks_first(browser: Browser, service: Service, enrolled: Person) -> None:
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="ask-delete")
    assert "Delete enrolled?" in browser.text
    assert service.record(enrolled).is_bound
    browser.submit("/ui/admin/subscriber", do="delete")
    assert browser.path == "/ui/admin"
    assert "The person was deleted." in browser.text
    assert [each["sk"] for each in service.state() if each.get("login_name") == "enrolled"] == []
    assert len(service.events("deleted")) == 1
    assert browser.get("/ui/admin/subscriber").path == "/ui/admin", "nobody is looked at any more"


REFUSED: list[tuple[str, Callable[[Service], Person], str]] = [
    ("make-admin", lambda s: s.person("fresh"), "An admin needs an authenticator."),
    (
        "enable",
        lambda s: s.person("fresh", status=Status.DISABLED, password_hash=None),
        "There is no password yet. Delete the person and invite again.",
    ),
]


@pytest.mark.parametrize(("act", "make", "said"), REFUSED, ids=[each[0] for each in REFUSED])
def test_a_rule_that_would_be_broken_is_said_and_nothing_is_changed(
    browser: Browser, service: Service, act: str, make: Callable[[Service], Person], said: str
) -> None:
    person = make(service)
    before = service.record(person)
    opened(browser, person).submit("/ui/admin/subscriber", do=act)
    assert browser.status == 409
    assert said in browser.text
    assert service.record(person) == before


def test_what_another_window_looks_at_changes_nothing_here(
    browser: Browser, service: Service, enrolled: Person, agent: Person
) -> None:
    opened(browser, enrolled)
    other = browser.copy()
    opened(other, agent)
    browser.cookies = other.cookies
    browser.submit("/ui/admin/subscriber", do="disable")
    assert service.record(enrolled).status is Status.DISABLED
    assert service.record(agent).status is Status.ACTIVE
    assert "<h1><bdi>enrolled</bdi></h1>" in browser.html


def test_somebody_who_is_gone_is_said(browser: Browser, service: Service, enrolled: Person) -> None:
    opened(browser, enrolled)
    opened(browser.copy(), enrolled).submit("/ui/admin/subscriber", do="ask-delete").submit(
        "/ui/admin/subscriber", do="delete"
    )
    browser.submit("/ui/admin/subscriber", do="disable")
    assert browser.path == "/ui/admin"
    assert "There is no such person in this account, or not any more." in browser.text


CONTACT: dict[str, Any] = {"display_name": "Lea Example", "email": "lea@example.com", "locale": "fr"}


def test_contact_data_is_changed_recorded_and_ends_no_session(
    browser: Browser, service: Service, enrolled: Person
) -> None:
    tokens = service.session(enrolled)
    before = service.record(enrolled)
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="contact", **CONTACT)
    assert "The contact data is saved." in browser.text
    record = service.record(enrolled)
    assert {name: getattr(record, name) for name in CONTACT} == CONTACT
    assert record.epoch == before.epoch
    assert service.get("/me", token=tokens["access_token"]).status == 200
    [event] = service.events("profile_changed")
    assert (event["actor"]["login_name"], event["subject"]["login_name"]) == ("boss", "enrolled")
    assert event["detail"]["new"] == CONTACT
    form = browser.form("/ui/admin/subscriber", do="contact")
    assert {name: form.fields[name] for name in CONTACT} == CONTACT


def test_contact_data_that_is_emptied_is_taken_away(browser: Browser, service: Service) -> None:
    person = service.bound_person("lea", **CONTACT)
    opened(browser, person).submit("/ui/admin/subscriber", do="contact", **dict.fromkeys(CONTACT, ""))
    record = service.record(person)
    assert [getattr(record, name) for name in CONTACT] == [None, None, None]


def test_contact_data_that_is_left_alone_is_neither_changed_nor_recorded(browser: Browser, service: Service) -> None:
    """Not even what no rule of today would take any more, or a language that the pages do not speak."""
    person = service.bound_person("lea", display_name="Lea\u200b", email="lea@example", locale="nl")
    opened(browser, person).submit("/ui/admin/subscriber", do="contact")
    assert "The contact data is saved." in browser.text
    assert service.events("profile_changed") == []
    browser.submit("/ui/admin/subscriber", do="contact", email="lea@example.com")
    record = service.record(person)
    assert (record.display_name, record.email, record.locale) == ("Lea\u200b", "lea@example.com", "nl")


def test_two_admins_who_change_different_contact_data_both_have_it(browser: Browser, service: Service) -> None:
    person = service.bound_person("lea", **CONTACT)
    other = opened(browser, person).copy()
    opened(other, person)
    other.submit("/ui/admin/subscriber", do="contact", email="new@example.com")
    browser.submit("/ui/admin/subscriber", do="contact", display_name="Lea Other")
    record = service.record(person)
    assert (record.display_name, record.email) == ("Lea Other", "new@example.com")


@pytest.mark.parametrize(("field", "text"), [("email", "lea"), ("display_name", "x" * 65), ("locale", "no language")])
def test_contact_data_that_is_wrong_is_said_at_its_field_and_kept_to_be_mended(
    browser: Browser, service: Service, enrolled: Person, field: str, text: str
) -> None:
    before = service.record(enrolled)
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="contact", **(CONTACT | {field: text}))
    assert browser.status == 400
    marked = {said["name"]: said["aria-describedby"] for _, said in browser.page.tags if "aria-invalid" in said}
    assert marked == {field: "problem"}
    form = browser.form("/ui/admin/subscriber", do="contact")
    assert {name: form.fields[name] for name in CONTACT} == CONTACT | {field: text}
    assert (service.record(enrolled), service.events("profile_changed")) == (before, [])


# --- the reset


def test_the_reset_removes_the_phone_and_its_ticket_opens_a_new_one(
    browser: Browser, service: Service, enrolled: Person
) -> None:
    opened(browser, enrolled).submit("/ui/admin/reset", do="ask")
    assert "Reset the second step of enrolled" in browser.text
    assert service.record(enrolled).is_bound, "asking changes nothing"
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    ticket = ticket_on(browser)
    assert "It is shown this once." in browser.text
    record = service.record(enrolled)
    assert (record.enrollment, record.authenticators) == (Enrollment.TICKETED, {})
    [event] = service.events("reset")
    assert (event["reason"], event["actor"]["login_name"]) == ("lost phone", "boss")
    assert ticket not in browser.get("/ui/admin/reset").html
    reply, _ = service.bind(enrolled, ticket=ticket)
    assert reply.status == 200


def test_the_reset_wants_a_reason_and_a_confirmation(browser: Browser, service: Service, enrolled: Person) -> None:
    opened(browser, enrolled).submit("/ui/admin/reset", do="ask")
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone")
    assert browser.status == 400
    assert "Tick the box" in browser.text
    assert browser.form("/ui/admin/reset").fields["reason"] == "lost phone"
    browser.submit("/ui/admin/reset", do="reset", reason="", sure="yes")
    assert browser.status == 400
    assert "A reason has 1 to 200 characters." in browser.text
    assert service.record(enrolled).is_bound


def test_a_reset_without_a_ticket_says_what_comes_next(browser: Browser, service: Service, enrolled: Person) -> None:
    service.account(enrollment_ticket="never")
    opened(browser, enrolled).submit("/ui/admin/reset", do="ask")
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    assert TICKET.findall(browser.text) == []
    assert "asks for no ticket" in browser.text
    assert service.record(enrolled).enrollment is Enrollment.OPEN


# --- the policy


def stored_policy(service: Service) -> dict[str, object]:
    [item] = [each for each in service.state() if each["pk"] == "ACCOUNT#acme" and each["sk"] == "POLICY"]
    return dict(item["policy"])


@pytest.fixture
def undecided(service: Service) -> None:
    """Leave every value of the account's policy at its default."""
    [item] = [each for each in service.state() if each["pk"] == "ACCOUNT#acme"]
    service.put(item | {"policy": {}})
    service.services.store.accounts._policies.clear()


@pytest.mark.usefixtures("undecided")
def test_saving_what_is_shown_decides_nothing(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin/policy")
    assert browser.text.count("The default.") == len(Policy.__struct_fields__)
    browser.submit("/ui/admin/policy")
    assert browser.status == 200
    assert "Saved." in browser.text
    assert stored_policy(service) == {}


@pytest.mark.usefixtures("undecided")
def test_every_field_of_the_policy_can_be_decided_and_given_back(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin/policy")
    form = {
        "enrollment_ticket": "always",
        "tolerance_steps": "0",
        "max_authenticators": "5",
        "apps_required": "yes",
        "session_hours": "8",
        "idle_minutes": "30",
        "invitation_hours": "48",
        "display_name": "Acme <b>",
        "otp_issuer": "Acme",
        "accent_colour": "#aa0000",
        "help_text": "Call\r\n123",
        "app-3-name": "Another",
        "app-3-ios_url": "https://example.com/ios",
        "app-3-android_url": "https://example.com/android",
        "application-0-client_id": "desk",
        "application-0-name": "Desk",
        "application-0-redirect_uris": "https://desk.example.com/back\r\nhttps://desk.example.com/again",
    }
    fields = {**browser.form("/ui/admin/policy").fields, **form}
    del fields["mfa_required"]  # as a box that is not ticked
    browser.post("/ui/admin/policy", fields)
    assert browser.path == "/ui/admin/policy"
    stored = stored_policy(service)
    assert set(stored) == set(Policy.__struct_fields__)
    assert stored["mfa_required"] is False
    assert stored["help_text"] == "Call\n123"
    assert stored["applications"] == [
        {
            "client_id": "desk",
            "name": "Desk",
            "redirect_uris": ["https://desk.example.com/back", "https://desk.example.com/again"],
        }
    ]
    assert browser.text.count("Decided by your account.") == len(Policy.__struct_fields__)
    [event] = service.events("policy_changed")
    assert event["detail"]["new"]["session_hours"] == 8

    given_back = {f"default-{name}": "yes" for name in ("apps", "session_hours", "accent_colour")}
    browser.submit("/ui/admin/policy", **given_back, help_text="")
    kept = set(Policy.__struct_fields__) - {"apps", "session_hours", "accent_colour", "help_text"}
    assert set(stored_policy(service)) == kept
    second = service.events("policy_changed")[-1]
    assert set(second["detail"]["old"]) == set(Policy.__struct_fields__) - kept, "what stayed is no change"


def test_a_row_that_was_emptied_is_removed(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin/policy")
    emptied = {f"app-0-{name}": "" for name in ("name", "ios_url", "android_url")}
    browser.submit("/ui/admin/policy", **emptied)
    apps = stored_policy(service)["apps"]
    assert isinstance(apps, list)
    assert [each["name"] for each in apps] == [each.name for each in RECOMMENDED_APPS[1:]]


WRONG = {
    "session_hours": "25",
    "idle_minutes": "5",
    "max_authenticators": "many",
    "invitation_hours": "",
    "tolerance_steps": "2",
    "enrollment_ticket": "sometimes",
    "accent_colour": "red",
    "display_name": "x" * 65,
    "help_text": "x" * 501,
    "app-0-ios_url": "http://example.com",
    "application-0-client_id": "desk",
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_value_is_said_at_its_field_and_nothing_is_saved(
    browser: Browser, service: Service, field: str
) -> None:
    before = stored_policy(service)
    browser.get("/ui/admin/policy").submit("/ui/admin/policy", **{field: WRONG[field]})
    assert browser.status == 400
    assert stored_policy(service) == before
    name = {"app": "apps", "application": "applications"}.get(field.partition("-")[0], field)
    described = [
        said
        for _, said in browser.page.tags
        if said.get("aria-invalid") and f"{name}-note" in said.get("aria-describedby", "")
    ]
    assert described, name
    assert "Check this:" in browser.text
    if field not in ("tolerance_steps", "enrollment_ticket"):  # lists offer nothing wrong
        assert browser.form("/ui/admin/policy").fields[field] == WRONG[field], "what was typed is kept"


def test_two_applications_of_one_id_are_said_at_their_field(browser: Browser, service: Service) -> None:
    before = stored_policy(service)
    row = {"client_id": "desk", "name": "Desk", "redirect_uris": "https://desk.example.com/back"}
    twice = {f"application-{number}-{name}": value for number in (0, 1) for name, value in row.items()}
    browser.get("/ui/admin/policy")
    browser.post("/ui/admin/policy", {**browser.form("/ui/admin/policy").fields, **twice})
    assert browser.status == 400
    assert "Check this:" in browser.text
    assert stored_policy(service) == before


def test_all_that_is_wrong_is_told_at_once(browser: Browser) -> None:
    browser.get("/ui/admin/policy").submit("/ui/admin/policy", session_hours="25", accent_colour="red")
    assert browser.text.count("Check this:") == 2


def test_a_policy_that_somebody_else_has_changed_is_not_overwritten(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin/policy")
    other = browser.copy()
    other.get("/ui/admin/policy").submit("/ui/admin/policy", session_hours="6")
    browser.submit("/ui/admin/policy", session_hours="7")
    assert browser.status == 412
    assert "nothing was saved" in browser.text
    assert browser.form("/ui/admin/policy").fields["session_hours"] == "7"
    browser.submit("/ui/admin/policy")
    assert browser.status == 412, "what was typed does not win by being sent again"
    assert stored_policy(service)["session_hours"] == 6


@pytest.mark.parametrize("accent", ["#ffffff", "#ffff00", "#000000", "#000080", "#777777", "#1a5fb4", "#ff00ff"])
def test_every_colour_can_be_seen_on_both_papers_and_read_upon(browser: Browser, accent: str) -> None:
    browser.get("/ui/admin/policy").submit("/ui/admin/policy", accent_colour=accent)
    assert browser.status == 200
    css = Browser(browser.service).get("/ui/account.css?account=acme").html
    shown = re.findall(r"--accent:(#[0-9a-f]{6});--on-accent:(#[0-9a-f]{6})", css)
    assert len(shown) == 2
    for (colour_, text), paper in zip(shown, (colour.LIGHT_PAPER, colour.DARK_PAPER), strict=True):
        assert colour.contrast(colour_, paper) >= 3
        assert colour.contrast(colour_, text) >= 4.5
    is_changed_on = [name for name, (colour_, _) in zip(("light", "dark"), shown, strict=True) if colour_ != accent]
    for name in ("light", "dark"):
        assert (f"On a {name} page the colour in force is shown" in browser.text) is (name in is_changed_on)


# --- the audit


def test_the_audit_shows_the_newest_first_with_who_did_what_to_whom(
    browser: Browser, service: Service, enrolled: Person
) -> None:
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="disable")
    service.clock.advance(60)
    browser.submit("/ui/admin/subscriber", do="enable")
    browser.get("/ui/admin/audit")
    rows = re.findall(r"<tr>\s*<td>.*?</tr>", browser.html, re.DOTALL)
    assert "Status changed" in rows[0]
    assert "1 minute ago" in rows[1]
    for text in ("<bdi>boss</bdi>", "<bdi>enrolled</bdi>", "<code>status</code>", "203.0.113.7"):
        assert text in rows[0]
    assert "<bdi>disabled</bdi> → <bdi>active</bdi>" in rows[0]


def test_the_audit_tells_an_operator_from_a_person(browser: Browser, service: Service, enrolled: Person) -> None:
    arn = "arn:aws:iam::123456789012:user/ops"
    [event] = service.events("verify")
    changed = event | {"sk": f"{event['sk'][:-1]}~", "actor": {"operator": arn}, "detail": {"note": ["<b>", 1]}}
    service._dynamodb.put_item(TableName=service.services.settings.audit_table, Item=encode_item(changed))
    browser.get("/ui/admin/audit")
    assert f"<bdi>{arn}</bdi> (operator)" in browser.html
    assert "<code>note</code>: <bdi>[&#34;&lt;b&gt;&#34;,1]</bdi>" in browser.html


def test_the_audit_is_filtered_by_event_day_and_name(browser: Browser, service: Service, enrolled: Person) -> None:
    opened(browser, enrolled).submit("/ui/admin/subscriber", do="unlock")
    browser.get("/ui/admin/audit").submit("/ui/admin/audit", do="filter", event="unlocked", login_name="ENROLLED")
    assert len(re.findall(r"<tr>\s*<td>", browser.html)) == 1
    assert browser.form("/ui/admin/audit", do="filter").fields["login_name"] == "enrolled"
    browser.submit("/ui/admin/audit", do="filter", event="", login_name="", until="2001-01-01")
    assert "Nothing fits." in browser.text
    browser.submit("/ui/admin/audit", do="all")
    assert len(re.findall(r"<tr>\s*<td>", browser.html)) >= 2


@pytest.mark.parametrize(("field", "value"), [("since", "yesterday"), ("until", "2026-02-30"), ("login_name", "a/b")])
def test_a_filter_that_is_none_is_said_at_its_field(browser: Browser, field: str, value: str) -> None:
    browser.get("/ui/admin/audit").submit("/ui/admin/audit", do="filter", **{field: value})
    assert browser.status == 400
    [said] = [said for _, said in browser.page.tags if said.get("name") == field and said.get("type") != "hidden"]
    assert said["aria-invalid"] == "true"


def test_the_audit_goes_on_page_by_page(browser: Browser, service: Service, admin_token: str, enrolled: Person) -> None:
    for _ in range(30):
        assert service.post("/admin/subscribers/enrolled/unlock", token=admin_token).status == 200
        service.clock.advance(1)
    browser.get("/ui/admin/audit").submit("/ui/admin/audit", do="filter", event="unlocked")
    first = re.findall(r'datetime="([^"]+)"', browser.html)
    [cursor] = [value for name, value in browser.form("/ui/admin/audit", cursor="").buttons if name == "cursor"]
    browser.submit("/ui/admin/audit", cursor=cursor)
    second = re.findall(r'datetime="([^"]+)"', browser.html)
    assert len(set(first) | set(second)) == 30
    assert max(second) < min(first)


# --- fresh proof


def test_a_stale_session_proves_again_who_it_is_and_comes_back_to_the_person(
    browser: Browser, service: Service, admin: Person, enrolled: Person
) -> None:
    opened(browser, enrolled).submit("/ui/admin/reset", do="ask")
    service.clock.advance(15 * 60 + 1)
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    assert browser.path == "/ui/step-up"
    assert service.record(enrolled).is_bound
    browser.submit("/ui/step-up", code=service.code(admin))
    assert browser.path == "/ui/admin/reset"
    browser.submit("/ui/admin/reset", do="reset", reason="lost phone", sure="yes")
    assert ticket_on(browser)


def test_a_wrong_code_at_the_step_up_does_not_lose_the_way_back(
    browser: Browser, service: Service, admin: Person
) -> None:
    service.clock.advance(5 * 60 + 1)
    browser.get("/ui/admin/policy")
    assert "/ui/step-up?then=admin/policy" in browser.page.links
    browser.submit("/ui/admin/policy", session_hours="6")
    assert browser.path == "/ui/step-up"
    browser.submit("/ui/step-up", code=service.wrong_code(admin))
    browser.submit("/ui/step-up", code=service.code(admin))
    assert browser.path == "/ui/admin/policy"
    assert "/ui/step-up?then=admin/policy" not in browser.page.links


@pytest.mark.parametrize("then", ["https://evil.example", "//evil.example", "../x", "admin/../../x", ""])
def test_the_step_up_leads_to_no_other_place(browser: Browser, service: Service, admin: Person, then: str) -> None:
    service.clock.advance(30)
    browser.get(f"/ui/step-up?then={then}")
    assert browser.form("/ui/step-up").fields["then"] == "account"
    fields = {"csrf": browser.csrf, "then": then, "code": service.code(admin)}
    assert browser.post("/ui/step-up", fields).path == "/ui/account"


def test_what_is_typed_is_shown_as_it_is(browser: Browser, service: Service) -> None:
    evil = "<script>alert(1)</script>\"'"
    person = service.bound_person("mallory", display_name=evil, email="a@<b>")
    opened(browser, person)
    assert html.escape(evil).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in browser.html
    assert "<script>alert" not in browser.html
