"""The example application: its user goes to the pages and comes back signed in, in Chromium.

The application's own address is fixed, so the browser's requests to it are answered in this process, without a port.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Route

from tests.browser.person import PASSWORD, Person
from tests.readme import ROOT

AT = "http://localhost:5000"


@pytest.fixture
def example(seeds: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return the example as it is started against this local cloud."""
    monkeypatch.setenv("SECONDSTEP", seeds)
    spec = importlib.util.spec_from_file_location("example_app", ROOT / "examples" / "relying-party" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "example_app", module)
    spec.loader.exec_module(module)
    yield module
    module.SIGNED_IN.clear()


@pytest.fixture(params=[True, False], ids=["with_javascript", "without_javascript"])
def user(request: pytest.FixtureRequest, example: ModuleType, open_browser: Callable[..., Person]) -> Person:
    """Return somebody whose browser reaches the application."""
    person = open_browser(java_script_enabled=request.param)
    client: FlaskClient = example.app.test_client()
    person.page.route(f"{AT}/**", lambda route: _answer(route, client))
    return person


def _answer(route: Route, client: FlaskClient) -> None:
    asked = route.request
    answer = client.open(asked.url, method=asked.method, data=asked.post_data or b"", base_url=AT)
    inside = answer.headers.get("Location", "").removeprefix(AT)
    if inside.startswith(
        "/"
    ):  # where a redirect leads to is not asked of a route: so it becomes a page that leads there
        route.fulfill(content_type="text/html", body=f'<meta http-equiv="refresh" content="0;url={AT}{inside}">')
    else:
        route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.get_data())


def test_a_user_of_the_example_signs_in_renews_and_signs_out(user: Person, example: ModuleType) -> None:
    page = user.page
    page.goto(f"{AT}/")
    user.presses("Sign in")
    user.types(login_name="agent", password=PASSWORD)
    user.presses("Sign in")
    user.enrolls()
    page.wait_for_url(f"{AT}/")
    assert "Hello, agent, proven by pwd, otp, mfa." in page.inner_text("body")
    [signed_in] = example.SIGNED_IN.values()
    user.presses("New tokens")
    page.wait_for_url(f"{AT}/")
    [renewed] = example.SIGNED_IN.values()
    assert renewed.claims["sid"] == signed_in.claims["sid"]
    assert renewed.refresh_token != signed_in.refresh_token
    user.presses("Sign out")
    assert "Hello" not in page.inner_text("body")
    user.presses("Sign in")  # the pages know the browser: nothing is asked
    page.wait_for_url(f"{AT}/")
    assert "Hello, agent" in page.inner_text("body")
    assert user.complaints == []
