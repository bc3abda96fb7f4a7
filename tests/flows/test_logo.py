"""The account's logo: set and removed in the console or by the API, and shown at the top of every page."""

import base64
import xml.etree.ElementTree as ET

import pytest

from secondstep.store.accounts import mark_of
from secondstep.store.layout import account_key, logo_key
from tests.attacks import raw
from tests.browsing import Browser
from tests.pictures import NO_PNG, png
from tests.service import Person, Service

SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 32 * 1024


@pytest.fixture
def browser(service: Service, admin: Person) -> Browser:
    """Return a browser in which an admin has just signed in with both steps."""
    return Browser(service).log_in(admin)


def stored(service: Service, account: str = "acme") -> tuple[bytes | None, str | None]:
    """Return the picture and the mark that an account has."""
    items = {(each["pk"], each["sk"]): each for each in service.state()}
    picture = items.get(tuple(logo_key(account).values()), {}).get("png")
    return picture, items[tuple(account_key(account).values())].get("logo")


def shown(browser: Browser) -> list[dict[str, str]]:
    """Return the pictures of the page."""
    return [said for tag, said in browser.page.tags if tag == "img"]


def set_by_api(service: Service, token: str, picture: bytes) -> None:
    reply = raw.send(
        service, "PUT", "/admin/policy/logo", picture, headers=(("Content-Type", "image/png"),), token=token
    )
    assert reply.status == 200


# --- in the console


def test_a_logo_that_is_chosen_is_stored_and_shown_in_the_place_of_the_name(browser: Browser, service: Service) -> None:
    browser.get("/ui/admin/policy")
    assert "/ui/admin/logo" in browser.page.links
    browser.get("/ui/admin/logo")
    assert "There is no logo." in browser.text
    assert shown(browser) == []
    picture = png()
    browser.submit("/ui/admin/logo", do="set", file=picture)
    assert (browser.path, browser.status) == ("/ui/admin/logo", 200)
    assert "Saved." in browser.text
    assert stored(service) == (picture, mark_of(picture))
    [event] = service.events("policy_changed")
    assert event["detail"] == {"new": {"logo": f"2 x 3 pixels, {len(picture)} bytes"}}
    assert event["actor"]["login_name"] == "boss"
    address = f"/ui/logo?account=acme&mark={mark_of(picture)}"
    assert [(each["src"], each["alt"]) for each in shown(browser)] == [(address, "Acme Support"), (address, "The logo")]


def test_another_logo_takes_the_place_of_the_one_before(browser: Browser, service: Service) -> None:
    service.logo(png())
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=png(9, 9))
    assert stored(service) == (png(9, 9), mark_of(png(9, 9)))
    assert {each["src"] for each in shown(browser)} == {f"/ui/logo?account=acme&mark={mark_of(png(9, 9))}"}


def test_a_logo_that_is_removed_leaves_the_name(browser: Browser, service: Service) -> None:
    service.logo(png())
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="remove")
    assert "Removed." in browser.text
    assert shown(browser) == []
    assert stored(service) == (None, None)
    [event] = service.events("policy_changed")
    assert event["detail"] == {"new": {"logo": "removed"}}
    assert Browser(service).get("/ui/logo?account=acme").status == 404
    browser.submit("/ui/admin/logo", do="set", file=png())
    assert stored(service) == (png(), mark_of(png()))


def test_removing_what_is_not_there_changes_nothing_and_records_nothing(browser: Browser, service: Service) -> None:
    service.logo(png())
    browser.get("/ui/admin/logo")
    other = browser.copy().get("/ui/admin/logo")
    other.submit("/ui/admin/logo", do="remove")
    before = service.state()
    browser.submit("/ui/admin/logo", do="remove")
    assert "Removed." in browser.text
    assert service.state() == before
    assert len(service.events("policy_changed")) == 1


def test_a_logo_of_exactly_32_kilobytes_is_taken_and_one_byte_more_is_not(browser: Browser, service: Service) -> None:
    largest = png(filling=b"x" * (LARGEST - len(png()) - 12))
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=largest)
    assert stored(service) == (largest, mark_of(largest))
    one_more = png(filling=b"x" * (LARGEST - len(png()) - 11))
    browser.submit("/ui/admin/logo", do="set", file=one_more)
    assert browser.status == 413
    assert "at most 32 KB" in browser.page.text
    assert stored(service)[0] == largest


@pytest.mark.parametrize("name", NO_PNG)
def test_what_is_no_whole_png_is_said_at_the_form(browser: Browser, service: Service, name: str) -> None:
    before = service.state()
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=NO_PNG[name])
    assert browser.status == 400
    assert ("Choose a file first." if name == "nothing" else "This is no PNG") in browser.text
    [field] = [said for _, said in browser.page.tags if said.get("type") == "file"]
    assert (field["aria-invalid"], "problem" in field["aria-describedby"].split()) == ("true", True)
    assert (service.state(), service.events("policy_changed")) == (before, [])


def test_a_form_without_a_file_is_asked_for_one(browser: Browser) -> None:
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set")
    assert (browser.status, "Choose a file first." in browser.text) == (400, True)


def test_a_session_that_is_not_fresh_is_told_before_a_file_is_chosen(
    browser: Browser, service: Service, admin: Person
) -> None:
    """The file that was chosen does not live through the step-up: a browser would have to send it again."""
    service.clock.advance(5 * 60 + 1)
    browser.get("/ui/admin/logo")
    assert "/ui/step-up?then=admin/logo" in browser.page.links
    browser.get("/ui/step-up?then=admin/logo").submit("/ui/step-up", code=service.code(admin))
    assert browser.path == "/ui/admin/logo"
    assert "/ui/step-up?then=admin/logo" not in browser.page.links
    browser.submit("/ui/admin/logo", do="set", file=png())
    assert stored(service)[0] == png()


def test_a_logo_of_the_api_is_shown_on_the_pages_too(service: Service, admin_token: str, agent: Person) -> None:
    set_by_api(service, admin_token, png())
    browser = Browser(service).get("/ui/login?account=acme")
    assert [each["src"] for each in shown(browser)] == [f"/ui/logo?account=acme&mark={mark_of(png())}"]
    browser.submit("/ui/login", login_name="agent", password="wrong")
    assert len(shown(browser)) == 1


# --- as it is served


def test_the_logo_is_an_svg_that_holds_the_very_picture_and_nothing_else(service: Service) -> None:
    picture = png(120, 40, filling=b"<script>alert(1)</script>")
    service.logo(picture)
    browser = Browser(service).get("/ui/logo?account=acme")
    assert browser.status == 200
    assert browser.headers.get_all("Content-Type") == ["image/svg+xml"]
    root = ET.fromstring(browser.html)  # noqa: S314 - our own
    assert (root.tag, root.attrib) == (f"{SVG}svg", {"width": "120", "height": "40", "viewBox": "0 0 120 40"})
    [image] = root
    assert image.attrib.pop("href") == f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    assert (image.tag, image.attrib) == (f"{SVG}image", {"width": "120", "height": "40"})


def test_the_logo_runs_nothing_and_loads_nothing(service: Service) -> None:
    service.logo(png())
    for account in ("acme", "unknown"):
        headers = Browser(service).get(f"/ui/logo?account={account}").headers
        policy = "default-src 'none'; img-src data:; frame-ancestors 'none'; sandbox"
        assert headers.get_all("Content-Security-Policy") == [policy]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_logo_is_kept_for_long_only_under_the_address_that_names_it(service: Service) -> None:
    service.logo(png())
    browser, mark = Browser(service), mark_of(png())
    kept = {
        f"&mark={mark}": ["public, max-age=604800"],
        "": ["public, max-age=60"],
        "&mark=0123456789abcdef": ["public, max-age=60"],
    }
    for named, caching in kept.items():
        assert browser.get(f"/ui/logo?account=acme{named}").headers.get_all("Cache-Control") == caching
    service.logo(png(9, 9))
    headers = browser.get(f"/ui/logo?account=acme&mark={mark}").headers
    assert headers.get_all("Cache-Control") == ["public, max-age=60"], "the address of before names another one"


def test_a_picture_that_is_none_is_not_served(service: Service) -> None:
    service.logo(b"<svg onload='alert(1)'>")
    browser = Browser(service).get("/ui/logo?account=acme")
    assert browser.status == 404
    assert "onload" not in browser.html


def test_pages_of_an_account_without_a_logo_say_its_name(service: Service) -> None:
    browser = Browser(service).get("/ui/login?account=acme")
    assert shown(browser) == []
    assert "Acme Support" in browser.text


# --- what it costs


def test_a_logo_costs_the_login_no_call(service: Service, enrolled: Person) -> None:
    costs = []
    for picture in (None, png()):
        if picture:
            service.logo(picture)
        service.recorder.clear()
        browser = Browser(service).log_in(enrolled)
        assert len(shown(browser)) == (1 if picture else 0)
        costs.append(sorted(service.recorder.dynamodb))
        service.clock.advance(61)
    assert costs[0] == costs[1]


def test_the_logo_itself_costs_one_read(service: Service) -> None:
    service.logo(png())
    service.recorder.clear()
    assert Browser(service).get("/ui/logo?account=acme").status == 200
    assert service.recorder.dynamodb == ["get_item"]
