"""The console under attack: who may not be there, what a browser is made to send, and what must not come out of it."""

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from functions.admin import app as admin_function
from functions.authorizer import app as authorizer_function
from functions.reset import app as reset_function
from local import gateway as local_gateway
from secondstep.aws import Answer
from secondstep.subscriber import Enrollment, Role, Status
from tests.browsing import Browser
from tests.pictures import png
from tests.recording import Called
from tests.service import Person, Service, race

PAGES = tuple(f"/ui/admin{page}" for page in ("", "/subscriber", "/reset", "/policy", "/logo", "/audit"))
HTML_NAME = "\"><img src=x onerror=alert(1)>'"


class Act(NamedTuple):
    """A form that writes: where it goes, what it sends, and the event that records it."""

    path: str
    fields: dict[str, str | bytes]
    event: str


ACTS = {
    "invite": Act("/ui/admin", {"do": "invite", "login_name": "newcomer", "role": "agent"}, "invited"),
    "invite-admin": Act("/ui/admin", {"do": "invite", "login_name": "newcomer", "role": "admin"}, "invited"),
    "disable": Act("/ui/admin/subscriber", {"do": "disable", "login_name": "enrolled"}, "status_changed"),
    "make-admin": Act("/ui/admin/subscriber", {"do": "make-admin", "login_name": "enrolled"}, "role_changed"),
    "contact": Act(
        "/ui/admin/subscriber",
        {"do": "contact", "login_name": "enrolled", "email": "mallory@example.com"},
        "profile_changed",
    ),
    "unlock": Act("/ui/admin/subscriber", {"do": "unlock", "login_name": "enrolled"}, "unlocked"),
    "reset-password": Act(
        "/ui/admin/subscriber", {"do": "reset-password", "login_name": "enrolled", "reason": "x"}, "password_reset"
    ),
    "delete": Act("/ui/admin/subscriber", {"do": "delete", "login_name": "enrolled"}, "deleted"),
    "reset": Act("/ui/admin/reset", {"do": "reset", "login_name": "enrolled", "reason": "x", "sure": "yes"}, "reset"),
    "policy": Act("/ui/admin/policy", {"session_hours": "6"}, "policy_changed"),
    "logo": Act("/ui/admin/logo", {"do": "set", "file": png()}, "policy_changed"),
    "remove-logo": Act("/ui/admin/logo", {"do": "remove"}, "policy_changed"),
}
PRIVILEGED = ("invite-admin", "make-admin", "policy", "logo", "remove-logo")
each_act = pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
ABOUT_ONE = [each for each in ACTS.values() if "enrolled" in each.fields.values()]


@pytest.fixture
def browser(service: Service, admin: Person, enrolled: Person) -> Browser:
    """Return a browser in which an admin has just signed in with both steps; there is what to act on."""
    service.logo(png(7, 7))
    return Browser(service).log_in(admin)


def filled_in(browser: Browser, act: Act) -> dict[str, str | bytes]:
    """Return all that the form of an act sends from this browser."""
    browser.get("/ui/admin/policy")
    policy = browser.form("/ui/admin/policy").fields if act.path == "/ui/admin/policy" else {}
    return {**policy, **act.fields, "csrf": browser.csrf}


def security_of(service: Service, *people: Person) -> list[object]:
    """Return what no attack may change: the people, the account's policy and its logo."""
    kinds = ("POLICY", "LOGO")
    accounts = [each for each in service.state() if each["pk"].startswith("ACCOUNT#") and each["sk"] in kinds]
    return [*(service.record(each) for each in people), accounts]


# --- who is not let in


@pytest.mark.parametrize("path", PAGES)
def test_nobody_gets_a_page_that_leads_to_the_sign_in(service: Service, path: str) -> None:
    service.recorder.clear()
    browser = Browser(service).get(path)
    assert (browser.status, browser.headers.get_all("Content-Type")) == (401, ["text/html; charset=utf-8"])
    assert any(link.startswith("/ui/login") for link in browser.page.links)
    assert service.recorder.calls == []


@pytest.mark.parametrize("path", PAGES)
def test_an_agent_is_not_let_in(service: Service, enrolled: Person, path: str) -> None:
    browser = Browser(service).log_in(enrolled)
    assert browser.path == "/ui/account"
    browser.get(path)
    assert browser.status == 403
    assert "Only for admins" in browser.text


def test_an_admin_without_the_second_factor_is_not_let_in(service: Service) -> None:
    service.account(mfa_required=False)
    browser = Browser(service).log_in(service.person("boss", role=Role.ADMIN))
    assert browser.path == "/ui/account"
    assert browser.get("/ui/admin").status == 403


def test_a_route_refuses_in_json_and_a_page_in_html_whatever_is_accepted(service: Service) -> None:
    for accept in ("*/*", "application/json", "text/html", ""):
        headers = {"Accept": accept} if accept else {}
        assert service.get("/ui/admin", headers=headers).headers["Content-Type"] == "text/html; charset=utf-8"
        reply = service.get("/admin/subscribers", headers=headers)
        assert (reply.status, reply.code) == (401, "invalid_token")
        assert reply.headers["Content-Type"] == "application/problem+json"


def test_an_authorizer_that_fails_decides_nothing(browser: Browser, service: Service) -> None:
    def fail(called: Called, send: Callable[[], Answer]) -> Answer:
        raise RuntimeError

    service.recorder.fault = fail
    assert browser.get("/ui/admin").status == 503
    assert "People" not in browser.html


def test_without_somebody_handed_over_no_page_of_the_console_opens(
    browser: Browser, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authorizer that lets everybody pass, and hands over nobody, is what a refusal before a page looks like."""
    assert browser.get("/ui/admin").status == 200
    monkeypatch.setattr(local_gateway, "authorize", lambda *_, **__: {"principalId": "refused"})
    for path in PAGES:
        assert browser.get(path).status == 401, path


@pytest.mark.parametrize("path", PAGES)
def test_a_bearer_token_opens_no_page(service: Service, admin_token: str, enrolled: Person, path: str) -> None:
    assert service.get(path, token=admin_token).status == 401
    other = Browser(service).log_in(enrolled)
    assert other.get(path, Authorization=f"Bearer {admin_token}").status == 403, "the cookie alone counts"


def test_a_cookie_opens_no_route_of_the_api(browser: Browser, service: Service) -> None:
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    handle = browser.cookies["__Host-session"]
    for path in ("/admin/subscribers", "/admin/summary", "/admin/policy", "/admin/audit", "/me"):
        assert service.get(path, headers=sent).status == 401
        assert service.get(path, token=handle).status == 401
    assert service.post("/admin/subscribers/enrolled/reset", {"reason": "x"}, headers=sent).status == 401
    assert service.post("/refresh", {"refresh_token": handle}).status == 401


def test_a_programs_refresh_token_is_no_cookie(service: Service, admin: Person) -> None:
    browser = Browser(service)
    browser.cookies["__Host-session"] = service.session(admin)["refresh_token"]
    assert browser.get("/ui/admin").status == 401


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda handle: handle[:-1] + ("A" if handle[-1] != "A" else "B"),
        lambda handle: handle.partition(".")[0],
        lambda handle: f"{handle}; __Host-session={handle}",
        lambda handle: "",
        lambda handle: "x" * 4000,
    ],
)
def test_a_cookie_that_is_not_the_very_one_opens_nothing(
    browser: Browser, service: Service, spoiled: Callable[[str], str]
) -> None:
    stranger = Browser(service)
    stranger.cookies["__Host-session"] = spoiled(browser.cookies["__Host-session"])
    assert stranger.get("/ui/admin").status == 401


# --- an admin who is none any more


LOST: dict[str, Callable[[Service, Person, Browser], object]] = {
    "demoted": lambda s, p, b: s.change(p, role=Role.AGENT),
    "disabled": lambda s, p, b: s.change(p, status=Status.DISABLED),
    "ended": lambda s, p, b: s.change(p, epoch=b"another!"),
    "signed out": lambda s, p, b: b.copy().get("/ui/account").submit("/ui/account", do="sign-out"),
    "idle": lambda s, p, b: s.clock.advance(60 * 60 + 1),
    "expired": lambda s, p, b: s.clock.advance(12 * 60 * 60),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=list(LOST))
@each_act
def test_who_is_no_admin_any_more_is_refused_on_the_very_next_request(
    browser: Browser,
    service: Service,
    admin: Person,
    enrolled: Person,
    act: Act,
    lost: Callable[[Service, Person, Browser], object],
) -> None:
    fields = filled_in(browser, act)
    lost(service, admin, browser)
    before = security_of(service, enrolled)
    browser.post(act.path, fields)
    assert browser.status in (401, 403)
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []
    for path in PAGES:
        assert browser.get(path).status in (401, 403)


@pytest.mark.parametrize("change", [{"role": Role.AGENT}, {"status": Status.DISABLED}, {"epoch": b"another!"}])
@each_act
def test_who_loses_it_while_the_write_is_in_flight_changes_nothing(
    browser: Browser, service: Service, admin: Person, enrolled: Person, act: Act, change: dict[str, Any]
) -> None:
    def lose_it_first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "transact_write_items":
            service.recorder.fault = None
            service.change(admin, **change)
        return send()

    fields, before = filled_in(browser, act), security_of(service, enrolled)
    service.recorder.fault = lose_it_first
    browser.post(act.path, fields)
    assert service.recorder.fault is None, "the write was reached"
    assert browser.status == 401
    assert "__Host-session" not in browser.cookies
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []


@pytest.mark.parametrize("change", [{"role": Role.AGENT}, {"status": Status.DISABLED}, {"epoch": b"another!"}])
@each_act
def test_who_loses_it_behind_the_authorizer_is_refused_by_the_function(
    browser: Browser, service: Service, admin: Person, enrolled: Person, act: Act, change: dict[str, Any]
) -> None:
    reads = []

    def lose_it_between(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "batch_get_item":
            reads.append(called)
            if len(reads) == 2:
                service.recorder.fault = None
                service.change(admin, **change)
        return send()

    fields, before = filled_in(browser, act), security_of(service, enrolled)
    service.recorder.fault = lose_it_between
    browser.post(act.path, fields)
    assert browser.status in (401, 403)
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []


def test_two_admins_who_demote_each_other_leave_one(service: Service, admin: Person) -> None:
    rival = service.bound_admin("rival")
    one, other = Browser(service).log_in(admin), Browser(service).log_in(rival)
    demotions = [
        (one, {"do": "make-agent", "login_name": "rival", "csrf": one.get("/ui/admin").csrf}),
        (other, {"do": "make-agent", "login_name": "boss", "csrf": other.get("/ui/admin").csrf}),
    ]
    race(*(lambda b=b, f=f: b.post("/ui/admin/subscriber", f) for b, f in demotions))
    roles = sorted(service.record(each).role for each in (admin, rival))
    assert roles == [Role.ADMIN, Role.AGENT]


# --- what the authorizer hands over


def event(path: str, browser: Browser, handed: dict[str, str] | None) -> dict[str, Any]:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {"Cookie": cookie},
        "multiValueHeaders": {"Cookie": [cookie]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"path": path, "authorizer": handed, "identity": {"sourceIp": "203.0.113.7"}},
        "body": None,
        "isBase64Encoded": False,
    }


def handed_over(service: Service, browser: Browser) -> dict[str, str]:
    asked = event("/ui/admin", browser, None) | {"type": "REQUEST", "methodArn": "arn:aws:execute-api:x"}
    return dict(authorizer_function.handler(asked, None)["context"])


@pytest.mark.parametrize("path", PAGES)
def test_the_function_checks_that_the_cookie_is_whom_the_authorizer_let_pass(
    browser: Browser, service: Service, path: str
) -> None:
    function = reset_function.handler if path == "/ui/admin/reset" else admin_function.handler
    rival = Browser(service).log_in(service.bound_admin("rival"))
    own, other = handed_over(service, browser), handed_over(service, rival)
    assert function(event(path, browser, own), None)["statusCode"] in (200, 303)
    forged = [other, {}, None, *(own | {name: other[name]} for name in own if own[name] != other[name])]
    refused = [function(event(path, browser, each), None)["statusCode"] for each in forged]
    assert set(refused) == {401}
    assert len(refused) >= 6


# --- forms that somebody else has made


@each_act
def test_a_form_with_another_token_than_this_browsers_changes_nothing(
    browser: Browser, service: Service, admin: Person, enrolled: Person, act: Act
) -> None:
    fields, before = filled_in(browser, act), security_of(service, enrolled)
    others = Browser(service).get("/ui/login").csrf
    without = {name: value for name, value in fields.items() if name != "csrf"}
    own_of_other_session = Browser(service).log_in(admin)
    for forged in (
        without,
        without | {"csrf": ""},
        without | {"csrf": others},
        without | {"csrf": fields["csrf"][:-1]},
        without | {"csrf": own_of_other_session.get("/ui/admin").csrf},
    ):
        browser.post(act.path, forged)
        assert browser.status == 403
    for site in ("cross-site", "same-site"):
        assert browser.post(act.path, fields, Sec_Fetch_Site=site).status == 403
    bare = browser.copy()
    del bare.cookies["__Host-browser"]
    assert bare.post(act.path, fields).status == 403
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []


@each_act
def test_an_address_alone_changes_nothing(browser: Browser, service: Service, enrolled: Person, act: Act) -> None:
    before = security_of(service, enrolled)
    sent = {name: value for name, value in filled_in(browser, act).items() if isinstance(value, str)}
    query = "&".join(f"{name}={value}" for name, value in sent.items() if "://" not in value)
    browser.get(f"{act.path}?{query}".replace("#", "%23").replace(" ", "%20"))
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []


@pytest.mark.parametrize("path", PAGES)
def test_an_unknown_act_is_refused(browser: Browser, path: str) -> None:
    if path != "/ui/admin/policy":
        fields = {"csrf": browser.get("/ui/admin").csrf, "do": "become-root", "login_name": "enrolled"}
        assert browser.post(path, fields).status == 400


# --- whom it is done to


@pytest.mark.parametrize("act", ABOUT_ONE, ids=lambda act: act.event)
def test_the_name_of_another_account_is_not_there(browser: Browser, service: Service, act: Act) -> None:
    service.account("other")
    foreign = service.bound_person("foreign", account="other")
    before = security_of(service, foreign)
    for name in ("foreign", "other\nforeign", "acme/foreign"):
        browser.post(act.path, filled_in(browser, act) | {"login_name": name, "account": "other"})
        assert browser.status in (200, 400)
        assert browser.status == 400 or "There is no such person in this account" in browser.text
    assert security_of(service, foreign) == before
    assert service.events(act.event) == []


def test_a_made_up_cookie_shows_nobody_of_another_account(browser: Browser, service: Service) -> None:
    service.account("other")
    service.bound_person("foreign", account="other")
    for subject in ("foreign", "other/foreign", "acme\nenrolled", ""):
        held = base64.urlsafe_b64encode(json.dumps({"login_name": subject}).encode()).rstrip(b"=").decode()
        for path in ("/ui/admin/subscriber", "/ui/admin/reset"):
            browser.cookies["__Host-subject"] = held
            assert browser.get(path).path == "/ui/admin"
    for held in (
        "x",
        "%%%",
        base64.urlsafe_b64encode(b'["a"]').decode(),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
    ):
        for cookie, path in (("subject", "subscriber"), ("people", ""), ("audit", "audit")):
            browser.cookies[f"__Host-{cookie}"] = held
            assert browser.get(f"/ui/admin/{path}".rstrip("/")).status == 200


@pytest.mark.parametrize("act", [*ABOUT_ONE], ids=lambda act: act.event)
def test_nobody_acts_on_themselves(browser: Browser, service: Service, admin: Person, act: Act) -> None:
    service.bound_admin("another")
    before = security_of(service, admin)
    browser.post(act.path, filled_in(browser, act) | {"login_name": "boss"})
    assert browser.status == 403
    assert "Nobody does this to themselves." in browser.text
    assert security_of(service, admin) == before
    assert service.events(act.event) == []


# --- a session that is not fresh


@pytest.mark.parametrize(
    ("name", "seconds"),
    [(name, 5 * 60 if name in PRIVILEGED else 15 * 60) for name in ACTS],
)
def test_a_session_that_is_not_fresh_proves_again_who_it_is(
    browser: Browser, service: Service, enrolled: Person, name: str, seconds: int
) -> None:
    act = ACTS[name]
    fields, before = filled_in(browser, act), security_of(service, enrolled)
    service.clock.advance(seconds + 1)
    browser.post(act.path, fields)
    assert (browser.path, browser.status) == ("/ui/step-up", 200)
    assert security_of(service, enrolled) == before
    assert service.events(act.event) == []


@pytest.mark.parametrize(
    ("name", "seconds"),
    [(name, 5 * 60 if name in PRIVILEGED else 15 * 60) for name in ACTS],
)
def test_a_session_that_is_just_fresh_does_it(browser: Browser, service: Service, name: str, seconds: int) -> None:
    act = ACTS[name]
    fields = filled_in(browser, act)
    service.clock.advance(seconds - (service.now() - service.events("verify")[-1]["at"]))
    browser.post(act.path, fields)
    assert browser.status == 200
    assert len(service.events(act.event)) == 1


# --- what comes out


def test_what_people_type_is_text_everywhere(browser: Browser, service: Service, admin: Person) -> None:
    service.account(display_name=HTML_NAME, help_text=HTML_NAME)
    person = service.bound_person(HTML_NAME, display_name=HTML_NAME)
    pages = [browser.get("/ui/admin").html]
    pages.append(browser.submit("/ui/admin", do="search", prefix=HTML_NAME[:20]).html)
    pages.append(browser.submit("/ui/admin", do="open", login_name=HTML_NAME).html)
    pages.append(browser.submit("/ui/admin/subscriber", do="reset-password", reason=HTML_NAME).html)
    pages.append(browser.get("/ui/admin/subscriber").submit("/ui/admin/subscriber", do="ask-delete").html)
    pages.append(browser.get("/ui/admin/subscriber").submit("/ui/admin/reset", do="ask").html)
    pages.append(browser.submit("/ui/admin/reset", do="reset", reason=HTML_NAME).html)
    pages.append(browser.submit("/ui/admin/reset", do="reset", reason=HTML_NAME, sure="yes").html)
    pages.append(browser.get("/ui/admin").submit("/ui/admin", do="invite", login_name=HTML_NAME + "2").html)
    pages.append(browser.get("/ui/admin").submit("/ui/admin", do="invite", login_name="x/y", email=HTML_NAME).html)
    pages.append(browser.get("/ui/admin/policy").submit("/ui/admin/policy", display_name=HTML_NAME).html)
    pages.append(browser.submit("/ui/admin/policy", session_hours=HTML_NAME[:5], otp_issuer=HTML_NAME).html)
    pages.append(browser.get("/ui/admin/audit").html)
    pages.append(browser.submit("/ui/admin/audit", do="filter", login_name=HTML_NAME).html)
    assert service.record(person).enrollment is Enrollment.TICKETED
    for page in pages:
        assert "onerror" in page, "it is shown"
        assert "<img src=x" not in page
        assert '">' + "<img" not in page


@pytest.mark.parametrize("name", ["invite", "reset-password", "reset"])
def test_a_ticket_is_in_one_answer_and_nowhere_else(browser: Browser, service: Service, name: str) -> None:
    act = ACTS[name]
    browser.post(act.path, filled_in(browser, act))
    ticket = browser.html.partition('id="ticket">')[2].partition("<")[0]
    assert len(ticket) == 19
    assert browser.headers["Cache-Control"] == "no-store"
    assert ticket not in str(browser.cookies) + str(browser.set_cookies) + str(browser.seen)
    for path in (*PAGES, "/ui/account"):
        assert ticket not in browser.get(path).html
    assert ticket not in str(service.state()) + str(service.events())


def test_no_page_shows_a_secret_that_is_stored(browser: Browser, service: Service, enrolled: Person) -> None:
    record = service.record(enrolled)
    browser.get("/ui/admin").submit("/ui/admin", do="open", login_name="enrolled")
    assert record.password_hash
    assert record.password_hash not in browser.html
    assert record.sub not in browser.html
    assert enrolled.secret.base32 not in browser.html
    assert not [code for code in enrolled.recovery_codes if code in browser.html]
