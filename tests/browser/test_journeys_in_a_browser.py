"""The manual's pages, walked through by a person in Chromium: on a laptop, a phone, without JavaScript, in Arabic."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.person import PASSWORD, Person

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
WAYS: dict[str, dict[str, Any]] = {
    "laptop": {},
    "without_javascript": {"java_script_enabled": False},
    "phone": PHONE,
    "dark": {"color_scheme": "dark"},
}


@pytest.fixture(params=WAYS)
def somebody(request: pytest.FixtureRequest, open_browser: Callable[..., Person]) -> Person:
    return open_browser(**WAYS[request.param])


def test_a_person_enrolls_signs_out_and_comes_in_again_with_the_code_alone(somebody: Person) -> None:
    somebody.signs_in()
    assert somebody.reads() == "Set up your second step"
    codes = somebody.enrolls()
    assert len(codes) == 10
    assert somebody.reads() == "You are signed in"
    somebody.presses("Sign out")
    somebody.signs_in()
    assert somebody.reads() == "Enter your code"
    assert "otpauth" not in somebody.page.content()
    somebody.types(code=somebody.code())
    somebody.presses("Continue")
    assert somebody.reads() == "You are signed in"
    assert somebody.strangers == []
    assert somebody.complaints == []


def test_who_lost_the_phone_uses_a_recovery_code_once(somebody: Person) -> None:
    somebody.signs_in()
    codes = somebody.enrolls()
    somebody.presses("Sign out")
    for expected in ("You are signed in", "Use a recovery code"):
        somebody.signs_in()
        somebody.presses("Use a recovery code")
        somebody.types(recovery_code=codes[1].lower().replace("-", " "))
        somebody.presses("Continue")
        assert somebody.reads() == expected
        if expected == "You are signed in":
            somebody.presses("Sign out")


def test_in_arabic_the_page_runs_from_right_to_left_and_the_codes_do_not(open_browser: Callable[..., Person]) -> None:
    somebody = open_browser(locale="ar")
    somebody.goes_to("/ui/login?account=acme")
    assert somebody.page.locator("html").get_attribute("dir") == "rtl"
    assert somebody.page.locator("html").get_attribute("lang") == "ar"
    somebody.types(login_name="agent", password=PASSWORD)
    somebody.page.locator("main form button").click()
    somebody.page.locator("main form button").click()
    somebody.scans()
    assert somebody.page.locator("#code").get_attribute("dir") == "ltr"
    somebody.types(code=somebody.code(fresh=False))
    somebody.page.locator("main form button:visible").first.click()
    assert len(somebody.page.locator(".codes code").all_inner_texts()) == 10


# --- what goes wrong, and what the page says then


def test_a_code_that_was_used_says_when_the_next_one_shows(person: Person) -> None:
    person.signs_in()
    person.enrolls()
    person.presses("Sign out")
    person.signs_in()
    person.types(code=person.code(fresh=False))
    person.presses("Continue")
    assert "This code has been used already" in person.page.locator("#problem").inner_text()
    assert person.page.locator("#problem").evaluate("each => each === document.activeElement")
    person.types(code=person.code())
    person.presses("Continue")
    assert person.reads() == "You are signed in"


def test_reload_back_and_another_tab_never_show_the_secret_again(person: Person) -> None:
    person.signs_in()
    person.presses("Show the QR code")
    person.goes_to("/ui/enroll")
    assert "shown once" in person.page.locator("main").inner_text()
    assert person.page.locator(".qr").count() == 0
    person.presses("Show a new QR code")
    person.scans()
    person.types(code=person.code(fresh=False))
    person.presses("Continue")
    assert person.reads() == "Keep your recovery codes"
    person.goes_to("/ui/enroll")
    assert person.page.url.endswith("/ui/account")
    assert person.page.locator(".qr, .codes").count() == 0


def test_after_signing_out_back_shows_nothing(person: Person) -> None:
    person.signs_in()
    person.enrolls()
    person.presses("Sign out")
    assert person.reads() == "You are signed out"
    person.page.go_back()
    person.page.wait_for_load_state()
    assert "127.0.0.1" not in person.page.locator("main").inner_text()
    assert person.reads() != "You are signed in"


def test_a_double_press_signs_in_once(person: Person) -> None:
    person.signs_in()
    person.enrolls()
    person.presses("Sign out")
    person.signs_in()
    person.types(code=person.code())
    person.page.locator("main form button").dblclick()
    person.page.wait_for_load_state("networkidle")
    assert person.reads() == "You are signed in"


def test_no_cookie_is_readable_by_a_script_and_none_is_a_token(person: Person) -> None:
    person.signs_in()
    person.enrolls()
    assert person.page.evaluate("document.cookie") == ""
    cookies = person.page.context.cookies()
    assert cookies
    for each in cookies:
        assert each["name"].startswith("__Host-")
        assert (each["secure"], each["httpOnly"], each["path"], each["sameSite"]) == (True, True, "/", "Lax")
        assert not each["value"].startswith("ey")
    assert json.dumps(person.page.url).count("=") == 0
