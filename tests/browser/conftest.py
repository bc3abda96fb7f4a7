"""A browser as a person has it: Debian's Chromium, driven by Playwright, against a running local cloud."""

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.browser.person import Person
from tests.e2e.running import local

_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the local cloud and return its address."""
    with local(tmp_path_factory.mktemp("local") / "console") as running:
        yield f"http://127.0.0.1:{running.port}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright once."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Start Chromium once."""
    launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
    yield launched
    launched.close()


@pytest.fixture
def seeds(base: str) -> str:
    """Return the address of the local cloud, at its seeds."""
    request = urllib.request.Request(f"{base}/_local/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        return base


@pytest.fixture
def open_browser(chromium: Browser, seeds: str) -> Iterator[Callable[..., Person]]:
    """Return what opens a browser of its own for a person; every request and report of it is watched."""
    contexts: list[BrowserContext] = []
    pages: list[Page] = []

    def opened(**settings: Any) -> Person:
        context = chromium.new_context(**{"viewport": {"width": 1000, "height": 900}, "locale": "en-US"} | settings)
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        return Person(page, seeds)

    yield opened
    for each in contexts:
        each.close()


@pytest.fixture
def person(open_browser: Callable[..., Person]) -> Person:
    """Return somebody with a laptop."""
    return open_browser()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is end to end."""
    for item in items:
        if re.search(r"tests/browser/", str(item.path)):
            item.add_marker(pytest.mark.e2e)
