"""A browser's request in, an HTTP answer out: what every page has in common, and what a refusal becomes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from secondstep.context import RequestContext
from secondstep.errors import Forbidden, InvalidToken, ServiceError
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, Asset, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import bare, told
from secondstep.pages.language import chosen
from secondstep.pages.rendering import CONTENT_SECURITY_POLICY, render
from secondstep.wiring import Services

type Handler = Callable[[Browser], Answer]

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Sent(msgspec.Struct, frozen=True):
    """An answer as it leaves: status, body, headers, cookies."""

    status: int
    body: str
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()
    code: str = "ok"


def answer(event: Mapping[str, Any], services: Services, context: RequestContext, handler: Handler) -> Sent:
    """Return what a page's handler answers; a refusal that it did not say itself gets a page of its own."""
    browser = Browser(event, services, context)
    try:
        if event["httpMethod"] == "POST":
            _ = browser.form  # a forged or broken form is refused before anybody is looked up
        made = handler(browser)
    except InvalidToken as refused:
        account, _ = browser.claimant
        gone = (cookies.dropped(cookies.SESSION),)
        made = Page(template="signed_out", account=account, status=refused.status, code=refused.code, cookies=gone)
    except Forbidden as refused:
        made = Page(template="outdated", status=refused.status, code=refused.code)
    except ServiceError as refused:
        made = failure(browser, refused)
    return _sent(made, browser)


def failure(browser: Browser, refused: ServiceError) -> Page:
    """Return the page of a refusal that belongs to no form: what happened, and what to do next."""
    account, _ = browser.claimant
    return Page(template="failure", shows={"error": told(refused)}, account=account, status=refused.status)


def plain_failure(event: Mapping[str, Any], services: Services, context: RequestContext, refused: ServiceError) -> Sent:
    """Return a refusal's page that asks AWS nothing: the account's name and colours may be out of reach as well."""
    page = Page(template="failure", shows={"error": told(refused)}, status=refused.status)
    return _sent(page, Browser(event, services, context))


def bare_failure(wishes: Sequence[str], refused: ServiceError) -> Sent:
    """Return a page that stands on nothing: no settings, no cookies, no template. What failed may be any of them.

    `wishes` is what the browser says of its languages (`Accept-Language`).
    """
    headers = {**_HEADERS, **_when_again(refused.members().get("retry_after"))}
    return Sent(refused.status, bare(chosen(*wishes)), headers, code=refused.code)


def _sent(made: Answer, browser: Browser) -> Sent:
    match made:
        case GoTo():
            location = f"{browser.prefix}/ui/{made.page}"
            return Sent(303, "", {"Location": location}, (*_language(browser), *made.cookies))
        case Asset():
            caching = {"Cache-Control": f"public, max-age={made.cached_seconds}"} if made.cached_seconds else {}
            headers = {"Content-Type": made.media_type, **caching, **made.headers}
            return Sent(made.status, made.content.decode(), headers)
        case Page():
            headers = {**_HEADERS, **_when_again(made.shows.get("error", {}).get("retry_after")), **made.headers}
            known = (cookies.kept(cookies.BROWSER, browser.secret),) if _is_new(browser) else ()
            said = made.shows.get("error", {}).get("code") or made.code
            return Sent(made.status, render(made, browser), headers, (*known, *_language(browser), *made.cookies), said)


def _language(browser: Browser) -> tuple[str, ...]:
    """Return the cookie of a language that was asked for: it is spoken until another one is."""
    asked = browser.asked_language
    return (cookies.kept(cookies.LANGUAGE, asked.tag),) if asked else ()


def _when_again(wait: object) -> dict[str, str]:
    """Return the header that tells a program in a browser's place what the page tells its reader."""
    return {} if wait is None else {"Retry-After": str(wait)}


def _is_new(browser: Browser) -> bool:
    return browser.cookies.get(cookies.BROWSER) != browser.secret
