"""The whole story in Chromium: invitation, password, QR code, recovery codes, a lost phone, the reset by an admin."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.browser.person import Person
from tests.browser.test_what_pages_are import axe
from tests.readme import ROOT

NEW_PASSWORD = "a lamp beside the window"


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def admin(request: pytest.FixtureRequest, open_browser: Callable[..., Person]) -> Person:
    """Return an admin who has signed in with both steps and stands before the console."""
    return _at_the_console(open_browser(java_script_enabled=request.param, viewport={"width": 1200, "height": 900}))


def _at_the_console(person: Person) -> Person:
    person.signs_in("admin")
    person.enrolls()
    person.goes_to("/ui/admin")
    assert person.reads() == "People"
    return person


def _invites(admin: Person, name: str) -> str:
    admin.goes_to("/ui/admin")
    opened = admin.page.locator("details:has(#login_name) > summary")
    if opened.count() and not admin.page.locator("#login_name").is_visible():
        opened.click()
    admin.types(login_name=name)
    admin.presses("Invite and show the ticket")
    return admin.page.locator("#ticket").inner_text()


def _resets(admin: Person, name: str) -> str:
    admin.goes_to("/ui/admin")
    admin.presses(name)
    admin.presses("Reset the second step")
    admin.types(reason="lost phone, called back")
    admin.page.check("input[name=sure]")
    admin.presses("Reset and show the ticket")
    return admin.page.locator("#ticket").inner_text()


def test_from_an_invitation_to_a_new_phone(admin: Person, open_browser: Callable[..., Person]) -> None:
    ticket = _invites(admin, "lee")
    lee = open_browser(viewport={"width": 360, "height": 740})
    lee.goes_to("/ui/password?account=acme")
    lee.types(login_name="lee", ticket=ticket, new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    lee.presses("Set the password")
    lee.signs_in("lee", NEW_PASSWORD)
    lee.enrolls()
    assert lee.reads() == "You are signed in"
    old_phone = lee.phone
    ticket = _resets(admin, "lee")
    admin.goes_to("/ui/admin")
    assert ticket not in admin.page.content()
    lee.goes_to("/ui/account")
    assert lee.reads() == "You are signed out"
    lee.signs_in("lee", NEW_PASSWORD)
    assert lee.reads() == "Set up your second step"
    lee.types(ticket=ticket)
    lee.enrolls()
    assert lee.phone is not None
    assert old_phone is not None
    assert lee.phone.secret != old_phone.secret
    assert lee.reads() == "You are signed in"
    assert admin.complaints == lee.complaints == []
    assert admin.strangers == lee.strangers == []


def test_who_is_no_admin_is_told_so_in_a_page(person: Person) -> None:
    person.goes_to("/ui/admin")
    assert person.reads() == "You are signed out"
    person.signs_in("agent")
    person.enrolls()
    person.goes_to("/ui/admin")
    assert "admin" in person.reads().lower()
    assert person.page.locator("a[href$='/ui/account']").count() == 1


def _console_states(admin: Person) -> Iterator[str]:
    yield "console"
    _invites(admin, "lee")
    yield "ticket"
    admin.goes_to("/ui/admin")
    admin.presses("lee")
    yield "subscriber"
    admin.types(email="nowhere@example")
    admin.page.locator("button[value=contact]").click()
    yield "contact data, saved"
    admin.presses("Reset the second step")
    yield "reset"
    admin.goes_to("/ui/admin/policy")
    yield "policy"
    admin.goes_to("/ui/admin/audit")
    yield "audit"
    admin.goes_to("/ui/admin/logo")
    yield "no logo"
    _chooses(admin, b"<svg/>")
    yield "no picture"
    _chooses(admin, _wordmark())
    yield "logo"


def _chooses(admin: Person, picture: bytes) -> None:
    admin.page.set_input_files("#file", {"name": "logo.png", "mimeType": "image/png", "buffer": picture})
    admin.presses("Save the logo")


def _wordmark() -> bytes:
    """Return a picture as a brand has it: dark on nothing, wider than high."""
    drawn = Image.new("RGBA", (480, 120))
    ImageDraw.Draw(drawn).text((10, 20), "Acme Support", fill="#1a2b4c", font=ImageFont.load_default(72))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def test_a_logo_that_an_admin_chooses_is_seen_on_every_page(admin: Person, open_browser: Callable[..., Person]) -> None:
    admin.goes_to("/ui/admin/logo")
    _chooses(admin, _wordmark())
    others = open_browser(viewport={"width": 360, "height": 740}, color_scheme="dark")
    others.goes_to("/ui/login?account=acme")
    for person in (admin, others):
        [width, height] = person.page.evaluate("(({naturalWidth: w, naturalHeight: h}) => [w, h])(document.images[0])")
        assert (width, height) == (480, 120)
        box = person.page.locator("img.logo").first.bounding_box()
        assert box is not None
        assert (round(box["width"]), round(box["height"])) == (160, 40)
        seen = Image.open(io.BytesIO(person.page.locator("img.logo").first.screenshot())).convert("RGB")
        assert len(seen.getcolors(seen.width * seen.height) or []) > 2, "the picture in the picture is drawn"
    admin.presses("Remove the logo")
    assert admin.page.locator("img.logo").count() == 0
    assert admin.complaints == others.complaints == []
    assert admin.strangers == others.strangers == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1200), ("light", 1200)])
def test_the_console_is_accessible_and_can_be_looked_at(
    open_browser: Callable[..., Person], scheme: Any, width: int
) -> None:
    admin = _at_the_console(open_browser(color_scheme=scheme, viewport={"width": width, "height": 900}))
    folder = ROOT / "screenshots" / f"{scheme}-{width}"
    folder.mkdir(parents=True, exist_ok=True)
    for state in _console_states(admin):
        picture = admin.page.screenshot(full_page=True)
        (folder / f"console {state}.png").write_bytes(picture)
        if (scheme, width, state) == ("light", 1200, "console"):
            (ROOT / "docs" / "page-console.png").write_bytes(picture)
        assert axe(admin) == [], state
        assert admin.page.evaluate("document.documentElement.scrollWidth") <= width, state
        assert len(admin.page.content().encode()) < 50 * 1024, state
