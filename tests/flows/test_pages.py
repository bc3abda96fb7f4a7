"""The pages' ceremonies without a screen: each answer, what is stored, what is recorded, and where it leads."""

import re

import pytest

from secondstep.account import EnrollmentTicket
from secondstep.pages import cookies, language
from secondstep.pages.colour import luminance
from secondstep.session import Carrier
from secondstep.store.layout import session_record
from secondstep.subscriber import Enrollment, Status
from tests.browsing import Browser
from tests.service import PASSWORD, Person, Service, secret_of

NEW_PASSWORD = "a lamp beside the window"


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


def heading(browser: Browser) -> str:
    found = re.search(r"<h1>(.*?)</h1>", browser.html, re.DOTALL)
    return found[1].strip() if found else ""


def sign_in(browser: Browser, person: Person, password: str = PASSWORD) -> Browser:
    browser.get(f"/ui/login?account={person.identity.account}")
    return browser.submit("/ui/login", login_name=person.login_name, password=password)


def secret_on(browser: Browser) -> str:
    found = re.search(r'id="key">([A-Z2-7 ]+)<', browser.html)
    assert found
    return found[1].replace(" ", "")


# --- the way in


def test_a_login_with_both_steps_makes_a_browsers_session(service: Service, browser: Browser, enrolled: Person) -> None:
    sign_in(browser, enrolled)
    assert (browser.path, heading(browser)) == ("/ui/verify", "Enter your code")
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert (browser.path, heading(browser)) == ("/ui/account", "You are signed in")
    [session] = [session_record(each) for each in service.sessions(enrolled)]
    assert (session.carrier, session.amr) == (Carrier.BROWSER, ("pwd", "otp", "mfa"))
    assert [each["event"] for each in service.events()] == ["verify"]
    assert cookies.CHALLENGE not in browser.cookies


def test_a_first_login_shows_the_secret_once_and_binds_it(service: Service, browser: Browser, agent: Person) -> None:
    sign_in(browser, agent)
    assert heading(browser) == "Set up your second step"
    browser.submit("/ui/enroll")
    secret = secret_on(browser)
    assert "otpauth://totp/" in browser.html
    browser.get("/ui/enroll")
    assert secret not in browser.html.replace(" ", "")
    browser.get("/ui/verify")
    browser.submit("/ui/verify", code=service.code_of(secret_of(secret)))
    assert heading(browser) == "Keep your recovery codes"
    code = re.findall(r"<code>([0-9A-Z-]{19})</code>", browser.html)[3]
    browser.submit("/ui/saved", recovery_code="0000-0000-0000-0000")
    assert "none of the codes" in browser.text
    assert code not in browser.html
    browser.submit("/ui/saved", recovery_code=code.lower())
    assert heading(browser) == "You are signed in"
    assert service.record(agent).enrollment is Enrollment.BOUND
    assert len(service.record(agent).recovery_codes) == 10


def test_after_a_reset_the_page_asks_for_the_ticket(
    service: Service, browser: Browser, enrolled: Person, admin_token: str
) -> None:
    ticket = service.reset(admin_token, "enrolled").body["ticket"]
    sign_in(browser, enrolled)
    browser.submit("/ui/enroll", ticket="0000-0000-0000-0000")
    assert "The ticket is not right" in browser.text
    browser.submit("/ui/enroll", ticket=ticket)
    assert heading(browser) == "Scan the QR code"


def test_a_recovery_code_lets_in_once(service: Service, browser: Browser, enrolled: Person) -> None:
    for expected in ("/ui/account", "/ui/recover"):
        sign_in(browser, enrolled)
        browser.get("/ui/recover")
        browser.submit("/ui/recover", recovery_code=enrolled.recovery_codes[0])
        assert browser.path == expected
    assert "not right, or it was used" in browser.text


def test_an_invitation_goes_from_the_password_to_the_first_code(
    service: Service, browser: Browser, admin_token: str
) -> None:
    service.account(enrollment_ticket=EnrollmentTicket.ALWAYS)
    ticket = service.post("/admin/subscribers", {"login_name": "lee", "role": "agent"}, token=admin_token).body[
        "ticket"
    ]
    browser.get("/ui/password?account=acme")
    browser.submit("/ui/password", login_name="lee", ticket=ticket, new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert heading(browser) == "Your password is set"
    browser.get("/ui/login?account=acme")
    browser.submit("/ui/login", login_name="lee", password=NEW_PASSWORD)
    browser.submit("/ui/enroll", ticket=ticket)
    browser.submit("/ui/verify", code=service.code_of(secret_of(secret_on(browser))))
    assert heading(browser) == "Keep your recovery codes"


def test_a_short_password_without_a_factor_leads_to_a_longer_one(service: Service, browser: Browser) -> None:
    service.account(mfa_required=False)
    from secondstep.authenticators.password import hash_password

    person = service.person("brief", status=Status.ACTIVE, password_hash=hash_password("kelp orbit 9"))
    sign_in(browser, person, "kelp orbit 9")
    assert browser.path == "/ui/password"
    assert 'name="ticket"' not in browser.html
    browser.submit("/ui/password", login_name="brief", new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    sign_in(browser, person, NEW_PASSWORD)
    assert heading(browser) == "You are signed in"


# --- what is refused, in words


def test_a_wrong_password_is_said_in_one_way_for_every_name(service: Service, enrolled: Person) -> None:
    known, unknown = Browser(service), Browser(service)
    for browser, name in ((known, "enrolled"), (unknown, "nobody-1")):
        browser.get("/ui/login?account=acme")
        browser.submit("/ui/login", login_name=name, password="wrong")
    assert (known.status, unknown.status) == (401, 401)

    def plain(each: Browser, name: str) -> str:
        return each.html.replace(name, "").replace(each.csrf, "")

    assert plain(known, "enrolled") == plain(unknown, "nobody-1")


def test_too_many_wrong_codes_say_until_when(service: Service, browser: Browser, enrolled: Person) -> None:
    for _ in range(2):
        sign_in(browser, enrolled)
        for _ in range(5):
            browser.submit("/ui/verify", code=service.wrong_code(enrolled))
    sign_in(browser, enrolled)
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert browser.status == 429
    assert "Too many wrong codes" in browser.text
    assert "in 14 minutes" in browser.text or "in 15 minutes" in browser.text


def test_a_clock_that_is_wrong_is_said_in_minutes(service: Service, browser: Browser, enrolled: Person) -> None:
    sign_in(browser, enrolled)
    browser.submit("/ui/verify", code=service.code(enrolled, steps=-5))
    assert "about 3 minutes behind" in browser.text or "about 2 minutes behind" in browser.text


def test_tries_that_are_used_up_lead_back_to_the_password(service: Service, browser: Browser, enrolled: Person) -> None:
    sign_in(browser, enrolled)
    for _ in range(4):
        browser.submit("/ui/verify", code=service.wrong_code(enrolled))
    browser.submit("/ui/verify", code=service.wrong_code(enrolled))
    assert heading(browser) == "Sign in again"


# --- the account page


def test_contact_data_and_authenticators_are_looked_after(service: Service, browser: Browser, enrolled: Person) -> None:
    browser.log_in(enrolled)
    [held] = service.record(enrolled).authenticators
    browser.submit("/ui/account", authenticator=held, name="Work\u202ephone", do="rename")
    assert browser.status == 400
    browser.get("/ui/account")
    browser.submit("/ui/account", authenticator=held, name="Work phone", do="rename")
    assert service.record(enrolled).authenticators[held].name == "Work phone"
    browser.submit("/ui/account", authenticator=held, name="Work phone", do="remove")
    assert (browser.status, "The last authenticator stays" in browser.text) == (409, True)
    browser.get("/ui/add")
    browser.submit("/ui/add", name="Tablet")
    service.clock.advance(30)
    browser.submit("/ui/verify", code=service.code_of(secret_of(secret_on(browser))))
    assert browser.path == "/ui/account"
    assert "Tablet" in browser.text
    assert len(service.record(enrolled).authenticators) == 2


def test_what_wants_fresh_proof_asks_for_it_and_then_lets_it_happen(
    service: Service, browser: Browser, enrolled: Person
) -> None:
    browser.log_in(enrolled)
    service.clock.advance(6 * 60)
    browser.get("/ui/account")
    browser.submit("/ui/account", do="codes")
    assert browser.path == "/ui/step-up"
    browser.submit("/ui/step-up", code=service.code(enrolled))
    assert browser.path == "/ui/account"
    browser.submit("/ui/account", do="codes")
    assert heading(browser) == "Keep your recovery codes"
    assert [each["event"] for each in service.events("recovery_codes_renewed")] == ["recovery_codes_renewed"]


def test_another_password_ends_the_other_browser(service: Service, browser: Browser, enrolled: Person) -> None:
    browser.log_in(enrolled)
    service.clock.advance(30)
    other = Browser(service).log_in(enrolled)
    browser.get("/ui/change-password")
    browser.submit("/ui/change-password", current_password=PASSWORD, new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert browser.path == "/ui/account"
    other.get("/ui/account")
    assert (other.status, heading(other)) == (401, "You are signed out")


def test_signing_out_ends_the_session_and_forgets_the_name(
    service: Service, browser: Browser, enrolled: Person
) -> None:
    browser.log_in(enrolled)
    kept = dict(browser.cookies)
    browser.submit("/ui/account", do="sign-out")
    assert service.sessions(enrolled) == []
    assert set(browser.cookies) == {cookies.BROWSER}
    browser.cookies = kept
    browser.get("/ui/account")
    assert browser.status == 401


def test_an_unused_browser_is_signed_out_after_the_accounts_idle_time(
    service: Service, browser: Browser, enrolled: Person
) -> None:
    service.account(idle_minutes=20)
    browser.log_in(enrolled)
    for _ in range(3):
        service.clock.advance(19 * 60)
        assert browser.get("/ui/account").status == 200
    service.clock.advance(21 * 60)
    assert browser.get("/ui/account").status == 401


# --- what every page says of itself


def test_a_page_names_its_language_and_speaks_it(service: Service, enrolled: Person) -> None:
    for wish, tag in (("de-AT,de;q=0.9,en;q=0.8", "de"), ("xx, ar;q=0.5", "ar"), ("", "en"), ("q=;;,", "en")):
        browser = Browser(service, headers={"Accept-Language": wish})
        browser.get("/ui/login?account=acme")
        assert f'<html lang="{tag}"' in browser.html, wish
    browser = Browser(service, headers={"Accept-Language": "fr"})
    browser.get("/ui/login?account=acme&ui_locales=ja")
    assert '<html lang="ja"' in browser.html


def test_the_most_wanted_language_comes_first() -> None:
    assert language.chosen("", "", "de;q=0.4, es;q=0.9, fr;q=0.1").tag == "es"
    assert language.chosen("zz yy", "ja").tag == "ja"
    assert language.chosen("x" * 100_000).tag == "en"


def test_links_stand_below_the_stage_and_behind_a_domain(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from local import incoming

    plain = incoming.request_context
    monkeypatch.setattr(incoming, "request_context", lambda *args: plain(*args) | {"path": f"/live{args[0].path}"})
    browser = Browser(service).get("/ui/login?account=acme")
    assert 'action="/live/ui/login"' in browser.html
    assert 'href="/live/ui/style.css"' in browser.html


def test_the_accent_colour_is_the_accounts_and_is_written_on_readably(service: Service) -> None:
    service.account(accent_colour="#ffe600")
    answer = service.gateway.client().get("/ui/account.css?account=acme")
    css = answer.get_data(as_text=True)
    assert "--accent:#ffe600;--on-accent:#000000" in css
    assert re.fullmatch(r"(?:[a-z@():\- ]*\{)?:root\{--accent:#[0-9a-f]{6};--on-accent:#[0-9a-f]{6}\}.*", css)
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert (luminance("#000000"), round(luminance("#ffffff"), 3)) == (0, 1)


@pytest.mark.parametrize(("path", "media_type"), [("style.css", "text/css"), ("script.js", "text/javascript")])
def test_what_the_pages_need_is_served_and_may_be_kept(service: Service, path: str, media_type: str) -> None:
    answer = service.gateway.client().get(f"/ui/{path}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(media_type)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert service.recorder.calls == []
