"""Every page that ends says until when, and how to go on (WCAG 2.2, 2.2.1); what cannot be made longer begins anew."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from secondstep.authenticators.password import hash_password
from tests.browsing import Browser
from tests.service import PASSWORD, Person, Service

KEY = re.compile(r"id=\"key\">([^<]+)<")
VERIFY_SECONDS, ENROLL_SECONDS, PASSWORD_SECONDS = 5 * 60, 15 * 60, 15 * 60
OLD = "kelp orbit 9"  # long enough beside a second step alone


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


def ends_at(browser: Browser) -> int:
    """Return the moment until which the page says that it is good."""
    [said] = [said["datetime"] for tag, said in browser.page.tags if tag == "time" and "data-clock" in said]
    moment = datetime.fromisoformat(said)
    assert f"This page is good until: {moment.astimezone(UTC):%H:%M} UTC" in browser.text
    return int(moment.timestamp())


def typed_password(service: Service, browser: Browser, person: Person) -> None:
    browser.get("/ui/login?account=acme").submit("/ui/login", login_name=person.login_name, password=PASSWORD)


def scanning(service: Service, browser: Browser, person: Person) -> None:
    typed_password(service, browser, person)
    browser.submit("/ui/enroll")


def first_code(service: Service, browser: Browser, person: Person) -> None:
    scanning(service, browser, person)
    browser.get("/ui/verify")


def recovering(service: Service, browser: Browser, person: Person) -> None:
    typed_password(service, browser, person)
    browser.get("/ui/recover")


def adding(service: Service, browser: Browser, person: Person) -> None:
    browser.log_in(person).get("/ui/add").submit("/ui/add", name="Tablet")


def added_code(service: Service, browser: Browser, person: Person) -> None:
    adding(service, browser, person)
    browser.get("/ui/verify")


ENDING: dict[str, tuple[Callable[[Service, Browser, Person], None], bool, int, str]] = {
    "code": (typed_password, True, VERIFY_SECONDS, "/ui/login"),
    "recovery code": (recovering, True, VERIFY_SECONDS, "/ui/login"),
    "before the QR code": (typed_password, False, ENROLL_SECONDS, "/ui/login"),
    "QR code": (scanning, False, ENROLL_SECONDS, "/ui/login"),
    "first code": (first_code, False, ENROLL_SECONDS, "/ui/login"),
    "QR code of another phone": (adding, True, ENROLL_SECONDS, "/ui/add"),
    "code of another phone": (added_code, True, ENROLL_SECONDS, "/ui/add"),
}


@pytest.mark.parametrize(("goes", "is_bound", "seconds", "again"), ENDING.values(), ids=list(ENDING))
def test_a_page_that_ends_says_until_when_and_how_to_get_more_time(
    service: Service,
    browser: Browser,
    agent: Person,
    enrolled: Person,
    goes: Callable[[Service, Browser, Person], None],
    is_bound: bool,
    seconds: int,
    again: str,
) -> None:
    goes(service, browser, enrolled if is_bound else agent)
    assert browser.status == 200
    assert ends_at(browser) == service.now() + seconds
    assert browser.page.links.count(again) >= 2, "beside the time, and in the warning"
    service.clock.advance(60)
    if browser.path != "/ui/add" and again != "/ui/add" and "svg" not in browser.html:
        before = service.now() - 60
        assert ends_at(browser.get(browser.path)) == before + seconds, "no page makes it longer by being opened again"


@pytest.mark.parametrize("path", ["/ui/verify", "/ui/recover"])
def test_the_warning_waits_until_a_minute_is_left(
    service: Service, browser: Browser, enrolled: Person, path: str
) -> None:
    typed_password(service, browser, enrolled)
    for passed, left in ((0, 240), (100, 140), (150, -10)):
        service.clock.advance(passed)
        [warning] = [said for tag, said in browser.get(path).page.tags if "data-ending" in said]
        assert (warning["role"], warning["data-ending"]) == ("status", str(left))


def test_who_begins_anew_has_new_time_and_types_the_password_alone(
    service: Service, browser: Browser, enrolled: Person
) -> None:
    typed_password(service, browser, enrolled)
    service.clock.advance(VERIFY_SECONDS + 1)
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert browser.status == 401
    assert service.events("verify") == []
    [way] = [link for link in browser.page.links if link.startswith("/ui/login?account")]
    form = browser.get(way).form("/ui/login")
    assert (form.fields["account"], form.fields["login_name"]) == ("acme", "enrolled")
    browser.submit("/ui/login", password=PASSWORD)
    assert ends_at(browser) == service.now() + VERIFY_SECONDS
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert browser.path == "/ui/account"


def test_who_begins_anew_before_the_end_scans_a_new_code_with_all_the_time(
    service: Service, browser: Browser, agent: Person
) -> None:
    scanning(service, browser, agent)
    [key] = KEY.findall(browser.html)
    service.clock.advance(ENROLL_SECONDS - 30)
    assert ends_at(browser.get("/ui/verify")) == service.now() + 30
    browser.get("/ui/login")
    browser.submit("/ui/login", password=PASSWORD)
    assert (browser.path, ends_at(browser)) == ("/ui/enroll", service.now() + ENROLL_SECONDS)
    browser.submit("/ui/enroll")
    assert KEY.findall(browser.html) not in ([], [key]), "a new sign-in scans a new code"


@pytest.mark.parametrize("minutes", [20, 45, 60])
def test_who_is_signed_in_is_told_after_how_long_that_ends(
    service: Service, browser: Browser, admin: Person, minutes: int
) -> None:
    service.account(idle_minutes=minutes)
    browser.log_in(admin)
    for path in ("/ui/account", "/ui/admin", "/ui/admin/policy", "/ui/admin/logo"):
        assert f"You are signed out {minutes} minutes after the last page that you open." in browser.get(path).text


@pytest.mark.parametrize(("passed", "is_in_time"), [(PASSWORD_SECONDS - 1, True), (PASSWORD_SECONDS, False)])
def test_a_longer_password_has_a_quarter_of_an_hour_and_begins_anew_with_the_old_one(
    service: Service, browser: Browser, passed: int, is_in_time: bool
) -> None:
    service.account(mfa_required=False)
    person = service.person("brief", password_hash=hash_password(OLD))
    longer = {"login_name": "brief", "new_password": PASSWORD, "again": PASSWORD}
    browser.log_in(person, OLD)
    service.clock.advance(passed)
    browser.submit("/ui/password", **longer)
    assert (browser.status, len(service.events("password_set"))) == ((200, 1) if is_in_time else (401, 1))
    if not is_in_time:
        assert browser.log_in(person, OLD).path == "/ui/password", "sign in again, and the page comes back"
        assert browser.submit("/ui/password", **longer).status == 200
    assert service.events("password_set")[-1]["outcome"] == "success"
