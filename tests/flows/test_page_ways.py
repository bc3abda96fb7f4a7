"""The ways between the pages: what a chosen language, the Back button or a second window must neither lose nor hide."""

from urllib.parse import parse_qsl

import pytest

from secondstep.authenticators.password import hash_password
from secondstep.errors import Unavailable
from secondstep.pages import cookies
from secondstep.store.sessions import Sessions
from tests.browsing import Browser
from tests.service import PASSWORD, Person, Service, secret_of

LAST_OF_FIVE = 5


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service, headers={"Accept-Language": "en"})


def other_languages(browser: Browser) -> list[dict[str, str]]:
    """Return what the page's links to itself in another language ask for."""
    asked = [dict(parse_qsl(each.removeprefix("?"))) for each in browser.page.links if each.startswith("?")]
    return [each for each in asked if each.get("ui_locales") not in (None, "en")]


def in_german(browser: Browser) -> Browser:
    [link] = [each for each in browser.page.links if "ui_locales=de" in each]
    return browser.get(f"{browser.path}{link}")


def waiting(browser: Browser, person: Person) -> Browser:
    """Return the browser between the two steps."""
    browser.get("/ui/login?account=acme")
    return browser.submit("/ui/login", login_name=person.login_name, password=PASSWORD)


def adding(browser: Browser, person: Person) -> Browser:
    """Return the browser of who is signed in and looks at the QR code of a further authenticator."""
    return browser.log_in(person).get("/ui/add").submit("/ui/add", name="Tablet")


# --- languages


def test_a_language_that_was_chosen_is_spoken_from_then_on(browser: Browser, enrolled: Person) -> None:
    in_german(browser.get("/ui/login?account=acme"))
    assert '<html lang="de"' in browser.html
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    assert browser.path == "/ui/verify"
    assert '<html lang="de"' in browser.html


def test_a_language_that_there_is_none_of_is_not_kept(browser: Browser) -> None:
    browser.get("/ui/login?account=acme&ui_locales=tlh")
    assert cookies.LANGUAGE not in browser.cookies


def test_another_language_keeps_the_account(browser: Browser, enrolled: Person) -> None:
    for path in ("/ui/login", "/ui/password"):
        in_german(browser.get(f"{path}?account=acme"))
        assert browser.page.forms[0].fields["account"] == "acme", path
    browser.get("/ui/login?account=acme&ui_locales=en").submit("/ui/login", login_name="enrolled", password="wrong")
    in_german(browser)
    assert browser.page.forms[0].fields["account"] == "acme"


def test_another_language_keeps_where_fresh_proof_leads(browser: Browser, enrolled: Person) -> None:
    browser.log_in(enrolled).get("/ui/step-up?then=continue")
    in_german(browser)
    assert browser.form("/ui/step-up").fields["then"] == "continue"


def test_what_is_typed_as_an_account_stays_inside_its_parameter(browser: Browser) -> None:
    browser.get("/ui/login?account=%26then%3Dadmin%23")
    assert {each["account"] for each in other_languages(browser)} == {"&then=admin#"}


def test_what_is_shown_once_has_no_link_that_would_lose_it(service: Service, browser: Browser, agent: Person) -> None:
    waiting(browser, agent)
    assert other_languages(browser)
    browser.submit("/ui/enroll")
    assert "otpauth:" in browser.html
    assert not other_languages(browser)
    secret = next(each for each in browser.page.links if each.startswith("otpauth:")).split("secret=")[1][:32]
    browser.submit("/ui/verify", code=service.code_of(secret_of(secret)))
    assert len(browser.page.text.split("-")) > LAST_OF_FIVE
    assert not other_languages(browser), "the recovery codes would be gone"
    browser.submit("/ui/saved", recovery_code="none of them")
    assert browser.status == 400
    assert not other_languages(browser), "GET /ui/saved is no page"


def test_a_ticket_has_no_link_that_would_lose_it(browser: Browser, admin: Person) -> None:
    browser.log_in(admin).get("/ui/admin").submit("/ui/admin", do="invite", login_name="newcomer", role="agent")
    assert "shown this once" in browser.text
    assert not other_languages(browser)


def test_a_form_that_no_get_answers_offers_no_language_when_it_is_refused(browser: Browser) -> None:
    browser.post("/ui/saved", {"recovery_code": "x"})
    assert browser.status == 403
    assert not other_languages(browser)


# --- a further authenticator


def test_who_mistypes_the_first_code_of_a_further_authenticator_starts_that_again(
    browser: Browser, enrolled: Person
) -> None:
    adding(browser, enrolled).submit("/ui/verify", code="000000")
    assert browser.status == 401
    assert "/ui/add" in browser.page.links
    assert "/ui/enroll" not in browser.page.links, "that one is for who has none, and ends the sign-in"
    assert "/ui/login" not in browser.page.links, "nobody signs in here"


def test_an_addition_whose_tries_are_used_up_leads_back_to_the_account(browser: Browser, enrolled: Person) -> None:
    adding(browser, enrolled)
    for number in range(LAST_OF_FIVE):
        browser.submit("/ui/verify", code=f"00000{number}")
    assert browser.status == 401
    assert "/ui/account" in browser.page.links
    assert "/ui/login?account=acme" not in browser.page.links
    assert browser.get("/ui/account").status == 200


# --- Back, Reload, a second window


@pytest.mark.parametrize("path", ["/ui/verify", "/ui/enroll", "/ui/recover"])
def test_who_has_signed_in_and_goes_back_is_shown_the_account(browser: Browser, enrolled: Person, path: str) -> None:
    browser.log_in(enrolled).get(path)
    assert (browser.path, browser.status) == ("/ui/account", 200)


def test_whose_first_answer_was_lost_is_told_that_the_sign_in_has_happened(
    service: Service, browser: Browser, enrolled: Person
) -> None:
    """Two presses of one button: the browser shows the second answer, and keeps the cookie of the first."""
    waiting(browser, enrolled)
    form, code = browser.form("/ui/verify"), service.code(enrolled)
    second = browser.copy()
    browser.submit("/ui/verify", code=code)
    assert browser.path == "/ui/account"
    second.cookies |= {cookies.SESSION: browser.cookies[cookies.SESSION]}
    second.post("/ui/verify", form.fields | {"code": code})
    assert second.status == 401
    assert "/ui/account" in second.page.links


def test_the_wrong_proof_that_ends_the_session_says_so(service: Service, browser: Browser, enrolled: Person) -> None:
    browser.log_in(enrolled).get("/ui/step-up")
    for number in range(LAST_OF_FIVE):
        assert [each for each in browser.page.forms if each.action == "/ui/step-up"]
        browser.submit("/ui/step-up", code=f"00000{number}")
    assert browser.status == 401
    assert "You are signed out" in browser.text
    assert not [each for each in browser.page.forms if each.action == "/ui/step-up"]
    assert service.sessions(enrolled) == []


def test_a_sign_in_ends_the_session_that_the_browser_had(
    service: Service, browser: Browser, enrolled: Person, admin: Person
) -> None:
    """ASVS 7.2.4: its cookie is overwritten, so nobody could sign out of it any more."""
    Browser(service).log_in(admin)
    [elsewhere] = service.sessions(admin)
    browser.log_in(admin)
    old = browser.copy()
    browser.log_in(enrolled)
    assert (browser.path, browser.status) == ("/ui/account", 200)
    assert service.sessions(admin) == [elsewhere]
    assert old.get("/ui/account").status == 401
    [ended] = service.events("session_ended")
    assert ended["detail"]["why"] == "signed_in_again"


def test_a_sign_in_holds_where_the_session_before_cannot_be_ended(
    service: Service, browser: Browser, enrolled: Person, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Unavailable

    browser.log_in(admin)
    monkeypatch.setattr(Sessions, "end", fails)
    browser.log_in(enrolled)
    assert (browser.path, browser.status) == ("/ui/account", 200)


# --- tickets


def test_a_held_ticket_that_is_not_right_makes_room_for_the_one_that_was_given(
    service: Service, browser: Browser
) -> None:
    """Somebody else's, or an outdated one: the cookie would hide the field in which the right one is typed."""
    service.account(mfa_required=False)
    browser.log_in(service.person("lee", password_hash=hash_password("kelp orbit 9")), "kelp orbit 9")
    assert cookies.TICKET in browser.cookies
    browser.get("/ui/password?account=acme")
    assert "ticket" not in browser.form("/ui/password").inputs
    words = {"new_password": "seven quiet herons on a wall", "again": "seven quiet herons on a wall"}
    browser.submit("/ui/password", login_name="somebody", **words)
    assert browser.status == 401
    assert "ticket" in browser.form("/ui/password").inputs
    assert cookies.TICKET not in browser.cookies


# --- addresses


@pytest.mark.parametrize("path", ["//ui/login", "///ui/login", "//evil.example/ui/login"])
def test_no_address_of_the_pages_names_another_host(
    service: Service, browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Where a gateway takes `//ui/login` for `/ui/login`, what stands before `/ui/` would be read as a host."""
    from local import incoming

    plain = incoming.request_context
    monkeypatch.setattr(incoming, "request_context", lambda *args: plain(*args) | {"path": path})
    browser.get("/ui/login?account=acme")
    assert browser.status == 200
    assert not [each.action for each in browser.page.forms if each.action.startswith("//")]
    assert not [each for each in browser.page.links if each.startswith("//")]


@pytest.mark.parametrize("path", ["/ui/verify", "/ui/recover"])
def test_the_second_step_says_whose_it_is(
    service: Service, browser: Browser, enrolled: Person, admin: Person, path: str
) -> None:
    """With two windows of one browser the later sign-in counts in both: the name is what tells."""
    first = waiting(browser, enrolled).get(path)
    assert enrolled.login_name in first.text
    waiting(browser, admin)
    browser.get("/ui/verify").submit("/ui/verify", code=service.wrong_code(admin))
    assert browser.status == 401
    assert admin.login_name in browser.text
