"""Where people come in without a link, and what they see where nothing works: always a page, in their language."""

from typing import Any

import pytest

from secondstep import http, site_map
from secondstep.pages import cookies
from secondstep.pages.rendering import CONTENT_SECURITY_POLICY
from tests.browsing import HTML, Browser
from tests.service import PASSWORD, Person, Service

GERMAN = {"Accept": HTML, "Accept-Language": "de-CH, en;q=0.5"}
CONSOLE = "/ui/admin"  # its authorizer comes first, and the gateway words what that one cannot answer


@pytest.mark.parametrize("path", ["/", "/ui", "/ui/"])
def test_who_types_the_host_alone_comes_to_the_sign_in_page(service: Service, enrolled: Person, path: str) -> None:
    browser = Browser(service).get(path)
    assert (browser.path, browser.status) == ("/ui/login", 200)
    assert "account" in browser.form("/ui/login").inputs, "no account was named, so it is asked for"
    browser.submit("/ui/login", account="acme", login_name="enrolled", password=PASSWORD)
    assert browser.path == "/ui/verify"


@pytest.mark.parametrize("path", ["/", "/ui"])
@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("?account=acme", "/ui/login?account=acme"),
        ("?account=nobody-knows", "/ui/login?account=nobody-knows"),
        ("?account=//evil.example", "/ui/login"),
        ("?account=a%0d%0aSet-Cookie:x", "/ui/login"),
        ("?account=acme%26login_name%3Dx", "/ui/login"),
    ],
)
def test_an_account_that_is_named_there_goes_along_and_nothing_else_does(
    service: Service, path: str, asked: str, leads_to: str
) -> None:
    answer = service.gateway.client().get(path + asked, headers=GERMAN)
    assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)


BREAKING = {"settings": (http, "services"), "context": (http, "request_context"), "cookies": (cookies, "received")}


@pytest.mark.parametrize("broken", BREAKING)
def test_a_fault_before_a_page_is_begun_is_a_page_in_the_persons_language(
    service: Service, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret that nobody shall read")

    monkeypatch.setattr(*BREAKING[broken], fail)
    for page in site_map.PAGES:
        if page.path.startswith(CONSOLE):
            continue
        answer = service.gateway.client().open(page.path, method=page.method, headers=GERMAN)
        html = answer.get_data(as_text=True)
        assert (answer.status_code, answer.content_type) == (500, "text/html; charset=utf-8"), page
        assert '<html lang="de" dir="ltr">' in html
        assert "Das hat nicht geklappt" in html
        assert "secret" not in html
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
