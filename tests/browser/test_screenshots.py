"""`make screenshots`: a picture of every page in every state, to be looked at; four of them are the README's."""

from collections.abc import Callable

import pytest

from tests.browser.person import Person
from tests.browser.states import states
from tests.readme import ROOT

FOLDER = ROOT / "screenshots"
PICTURES = {"sign in": "sign-in", "scan": "scan", "code": "code", "recovery codes": "recovery-codes"}


@pytest.mark.parametrize(("scheme", "width"), [("light", 420), ("dark", 420), ("light", 1200)])
def test_every_page_can_be_looked_at(open_browser: Callable[..., Person], scheme: str, width: int) -> None:
    person = open_browser(color_scheme=scheme, viewport={"width": width, "height": 700}, device_scale_factor=1)
    folder = FOLDER / f"{scheme}-{width}"
    folder.mkdir(parents=True, exist_ok=True)
    taken = 0
    for number, state in enumerate(states(person), 1):
        picture = person.page.screenshot(full_page=True)
        (folder / f"{number:02d} {state}.png").write_bytes(picture)
        if (scheme, width) == ("light", 420) and state in PICTURES:
            (ROOT / "docs" / f"page-{PICTURES[state]}.png").write_bytes(picture)
        taken += 1
    assert taken > 20
