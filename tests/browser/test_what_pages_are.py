"""What holds of every page in every state: accessible, light, by keyboard alone, from nowhere else."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.person import PASSWORD, Person
from tests.browser.states import states

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_HEAVIEST = 50 * 1024


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_axe_finds_nothing_on_any_page_in_any_state(
    open_browser: Callable[..., Person], scheme: str, width: int
) -> None:
    person = open_browser(color_scheme=scheme, viewport={"width": width, "height": 800})
    found = {state: axe(person) for state in states(person)}
    assert {state: each for state, each in found.items() if each} == {}
    assert len(found) > 20


def axe(person: Person) -> list[str]:
    results = Axe().run(person.page, options=_RULES)
    return [f"{each['id']}: {node['html'][:120]}" for each in results.response["violations"] for node in each["nodes"]]


def test_no_page_is_wider_than_a_small_phone(open_browser: Callable[..., Person]) -> None:
    person = open_browser(viewport={"width": 320, "height": 640})
    for state in states(person):
        wide = person.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, state


def test_every_page_is_light_comes_from_here_and_breaks_no_rule_of_its_policy(person: Person) -> None:
    for state in states(person):
        weight = _weight(person)
        assert 1024 < weight < _HEAVIEST, state
    assert person.strangers == []
    assert person.complaints == []


def _weight(person: Person) -> int:
    """Bytes of the page and of all that it loads (style, script, pictures), unpacked, cached or not."""
    person.page.wait_for_load_state("networkidle")
    weighed = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .reduce((total, each) => total + each.decodedBodySize, 0)"""
    return int(person.page.evaluate(weighed))


def test_the_end_of_a_page_is_told_in_the_readers_own_time_and_again_a_minute_before(
    open_browser: Callable[..., Person],
) -> None:
    person = open_browser(timezone_id="Asia/Kolkata", locale="de-DE")
    page = person.page
    page.clock.install()
    person.goes_to("/ui/login?account=acme")
    person.types(login_name="agent", password=PASSWORD)
    page.locator("main button").click()
    said = page.locator("time[data-clock]")
    ends = datetime.fromisoformat(str(said.get_attribute("datetime"))).astimezone(ZoneInfo("Asia/Kolkata"))
    assert said.inner_text() == f"{ends:%H:%M}"
    warning = page.locator("[data-ending] p")
    page.clock.fast_forward(13 * 60 * 1000)
    assert not warning.is_visible()
    page.clock.fast_forward(2 * 60 * 1000)
    assert warning.is_visible()
    warning.locator("a").click()
    assert page.input_value("#login_name") == "agent"


def test_a_person_gets_in_by_keyboard_alone(person: Person) -> None:
    page = person.page
    person.goes_to("/ui/login?account=acme")
    _tab_to(person, "login_name")
    page.keyboard.type("agent")
    _tab_to(person, "password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/enroll")
    _tab_to_button(person, "Show the QR code")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    person.scans()
    _tab_to(person, "code")
    page.keyboard.type(person.code(fresh=False))
    page.keyboard.press("Enter")
    page.wait_for_selector(".codes")
    code = page.locator(".codes code").first.inner_text()
    _tab_to(person, "recovery_code")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/account")
    _tab_to_button(person, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    assert person.reads() == "You are signed out"


def _tab_to(person: Person, field: str) -> None:
    for _ in range(40):
        if person.page.evaluate("document.activeElement.id") == field:
            return
        person.page.keyboard.press("Tab")
        assert person.page.evaluate("document.activeElement.matches(':focus-visible, body, main')")
    pytest.fail(f"{field} is not reached by Tab")


def _tab_to_button(person: Person, words: str) -> None:
    for _ in range(40):
        person.page.keyboard.press("Tab")
        if words in str(person.page.evaluate("document.activeElement.textContent")).strip():
            return
    pytest.fail(f"{words} is not reached by Tab")
