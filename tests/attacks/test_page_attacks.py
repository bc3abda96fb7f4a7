"""Attacks A24 and A44 on the pages: forged forms, foreign cookies, frames, scripts in names, secrets in addresses."""

import json
import re
from collections.abc import Callable

import pytest

from secondstep.pages import cookies
from secondstep.site_map import PAGES
from tests.browsing import Browser
from tests.service import PASSWORD, Person, Service, race

FORMS = sorted({each.path for each in PAGES if each.method == "POST" and not each.path.startswith("/ui/admin")})


@pytest.fixture
def signed_in(service: Service, enrolled: Person) -> Browser:
    return Browser(service).log_in(enrolled)


def waiting(service: Service, person: Person) -> Browser:
    """Return a browser between the two steps."""
    browser = Browser(service).get("/ui/login?account=acme")
    return browser.submit("/ui/login", login_name=person.login_name, password=PASSWORD)


# --- forged forms


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("forged", ["missing", "empty", "another browser's", "no cookie", "cross-site"])
def test_a_form_that_this_browser_was_not_shown_changes_nothing(
    service: Service, signed_in: Browser, path: str, forged: str
) -> None:
    """A44."""
    token = {
        "missing": {},
        "empty": {"csrf": ""},
        "another browser's": {"csrf": Browser(service).get("/ui/login?account=acme").csrf},
        "no cookie": {"csrf": signed_in.csrf},
        "cross-site": {"csrf": signed_in.csrf},
    }[forged]
    if forged == "no cookie":
        del signed_in.cookies[cookies.BROWSER]
    site = {"Sec_Fetch_Site": "cross-site"} if forged == "cross-site" else {}
    before = service.state()
    service.recorder.clear()
    fields = {"login_name": "enrolled", "password": PASSWORD, "account": "acme", "code": "123456", "do": "sign-out"}
    signed_in.post(path, {**fields, **token}, **site)
    assert signed_in.status == 403
    assert "out of date" in signed_in.text
    assert service.state() == before


@pytest.mark.parametrize("path", FORMS)
def test_a_body_that_is_no_form_is_refused(service: Service, signed_in: Browser, path: str) -> None:
    client = service.gateway.client()
    header = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
    for body, media_type in (
        (json.dumps({"csrf": signed_in.csrf}), "application/json"),
        ("csrf=" + signed_in.csrf, "text/plain"),
        (f"csrf={signed_in.csrf}&csrf={signed_in.csrf}", "application/x-www-form-urlencoded"),
        ("csrf=" + "x" * 10_000, "application/x-www-form-urlencoded"),
        ("%ff=%ff", "application/x-www-form-urlencoded"),
        ("&" * 100, "application/x-www-form-urlencoded"),
    ):
        answer = client.post(path, data=body, content_type=media_type, headers={"Cookie": header})
        assert answer.status_code in (400, 403, 413, 415), (body[:20], media_type)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


# --- other people's cookies


def test_a_challenge_without_its_cookie_is_no_challenge(service: Service, enrolled: Person) -> None:
    browser = waiting(service, enrolled)
    challenge, form = browser.cookies.pop(cookies.CHALLENGE), browser.form("/ui/verify").fields
    for smuggled in ({}, {"challenge": challenge}):  # no field of a form takes the cookie's place
        browser.post("/ui/verify", {**form, "code": service.code(enrolled), **smuggled})
        assert "Sign in again" in browser.text
    assert service.record(enrolled).recent == {}
    assert service.sessions(enrolled) == []


def test_an_attackers_challenge_in_a_victims_browser_never_lets_the_attacker_in(
    service: Service, enrolled: Person
) -> None:
    """A24: login by a code needs the challenge's own phone; the session is the challenge's owner's."""
    attacker = service.bound_person("attacker")
    theirs, mine = waiting(service, attacker), waiting(service, enrolled)
    mine.cookies[cookies.CHALLENGE] = theirs.cookies[cookies.CHALLENGE]
    mine.submit("/ui/verify", code=service.code(enrolled))
    assert mine.status == 401
    assert service.sessions(enrolled) == service.sessions(attacker) == []


def test_a_sessions_handle_and_a_refresh_token_are_never_one_for_the_other(
    service: Service, enrolled: Person, signed_in: Browser
) -> None:
    handle = signed_in.cookies[cookies.SESSION]
    assert service.post("/refresh", {"refresh_token": handle}).code == "invalid_token"
    assert service.post("/logout", {"refresh_token": handle}).code == "invalid_token"
    assert service.get("/me", token=handle).code == "invalid_token"
    service.clock.advance(30)
    tokens = service.session(enrolled)
    for text in (tokens["refresh_token"], tokens["account_token"], tokens["access_token"]):
        other = Browser(service)
        other.cookies[cookies.SESSION] = text
        other.get("/ui/account")
        assert other.status == 401


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é", "%00", '"', "x" * 4000, "0" * 32 + ".A." + "B" * 43])
def test_a_cookie_of_any_form_is_at_most_no_session(service: Service, value: str) -> None:
    browser = Browser(service)
    browser.cookies = {
        cookies.SESSION: value,
        cookies.CHALLENGE: value,
        cookies.CLAIMANT: value,
        cookies.BROWSER: value,
    }
    for path in ("/ui/account", "/ui/verify", "/ui/enroll", "/ui/login", "/ui/password", "/ui/step-up"):
        browser.get(path)
        assert browser.status in (200, 401), path


def test_a_cookie_that_comes_twice_counts_as_none(service: Service, enrolled: Person, signed_in: Browser) -> None:
    handle = signed_in.cookies[cookies.SESSION]
    header = f"{cookies.SESSION}={handle}; {cookies.SESSION}=x"
    assert service.gateway.client().get("/ui/account", headers={"Cookie": header}).status_code == 401


def test_what_ends_a_session_ends_the_browsers_at_once(
    service: Service, enrolled: Person, signed_in: Browser, admin_token: str
) -> None:
    changes: list[Callable[[], object]] = [
        lambda: service.call("PATCH", "/admin/subscribers/enrolled", {"status": "disabled"}, token=admin_token),
        lambda: service.call("PATCH", "/admin/subscribers/enrolled", {"status": "active"}, token=admin_token),
        lambda: service.reset(admin_token, "enrolled"),
    ]
    assert signed_in.get("/ui/account").status == 200
    for change in changes:
        change()
        assert signed_in.get("/ui/account").status == 401


# --- races


def test_a_double_submit_makes_one_session(service: Service, enrolled: Person) -> None:
    browser = waiting(service, enrolled)
    code = service.code(enrolled)
    tabs = [browser.copy().get("/ui/verify") for _ in range(6)]
    race(*((lambda tab=tab: tab.submit("/ui/verify", code=code)) for tab in tabs))
    assert len(service.sessions(enrolled)) == 1
    assert sum(tab.path == "/ui/account" for tab in tabs) == 1


# --- what leaves


SECRETS = re.compile(r"(ticket|password|code|challenge|secret|token|login_name|handle)=", re.IGNORECASE)


def test_no_address_ever_holds_a_name_or_a_secret(service: Service, enrolled: Person, agent: Person) -> None:
    one, two = Browser(service).log_in(enrolled), waiting(service, agent)
    two.submit("/ui/enroll")
    for address in [*one.seen, *two.seen]:
        assert not SECRETS.search(address), address
        assert "enrolled" not in address
        assert "agent" not in address


@pytest.mark.parametrize("path", sorted({each.path for each in PAGES if each.method == "GET"}))
def test_every_page_forbids_frames_scripts_and_caches(service: Service, path: str) -> None:
    answer = service.gateway.client().get(path)
    if not answer.headers["Content-Type"].startswith("text/html"):
        return
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    html = answer.get_data(as_text=True)
    assert not re.search(r"<style|style=|<script(?! src)|\son\w+=|javascript:", html)


MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def test_markup_in_names_is_text(service: Service) -> None:
    service.account(display_name="<b>Acme</b> & Co", help_text="<i>call</i> 'us'")
    person = service.bound_person("mark", display_name='<img src=x onerror="alert(1)">')
    browser = Browser(service).log_in(person)
    browser.get("/ui/account")
    assert "<b>Acme" not in browser.html
    assert "<img src=x" not in browser.html
    browser = waiting(service, person)
    assert "<i>call" not in browser.html
    assert "&lt;i&gt;call" in browser.html


@pytest.mark.parametrize("name", ["account", "ui_locales", "other"])
def test_markup_in_an_address_is_text(service: Service, name: str) -> None:
    for path in ("/ui/login", "/ui/password", "/ui/account.css"):
        answer = service.gateway.client().get(path, query_string={name: MARKUP})
        assert "<script>alert" not in answer.get_data(as_text=True)


def test_a_host_header_decides_nothing(service: Service) -> None:
    """A44."""
    html = service.gateway.client().get("/ui/login", headers={"Host": "evil.example"}).get_data(as_text=True)
    assert "evil.example" not in html


def test_cookies_are_for_this_host_alone_and_no_script(service: Service, enrolled: Person) -> None:
    browser = Browser(service)
    sent: list[str] = []
    browser.get("/ui/login?account=acme")
    sent += browser.set_cookies
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    browser.submit("/ui/verify", code=service.code(enrolled))
    for each in sent:
        assert each.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in each.split(";")}
        assert "Domain" not in each
