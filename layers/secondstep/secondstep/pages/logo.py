"""An account's picture on the pages: the PNG inside an SVG, which is text.

A REST API answers bytes only where the first type of `Accept` is one of its binary types, and every browser asks for
pictures in an order of its own (the documentation's remedy, `*/*`, would hand every form over in Base64). Text needs
none of that. As a picture of a page an SVG runs nothing and loads nothing; opened by itself its own policy lets it show
the one PNG that it holds.
"""

import base64

from secondstep import picture
from secondstep.errors import InvalidRequest
from secondstep.pages.answer import Asset
from secondstep.pages.browser import Browser
from secondstep.store.accounts import mark_of
from secondstep.subscriber import Identity

_SHOWS_ONE_PNG = {"Content-Security-Policy": "default-src 'none'; img-src data:; frame-ancestors 'none'; sandbox"}
_KEPT_SECONDS = 7 * 24 * 60 * 60  # under an address that names this very picture
_SEEN_AGAIN_SECONDS = 60
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    '<image width="{width}" height="{height}" href="data:image/png;base64,{png}"/></svg>'
)
_NOTHING = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def show(browser: Browser) -> Asset:
    """Answer the account's picture; where there is none, a 404 that says no more than that, account or not."""
    png = _stored(browser, browser.query.get("account", ""))
    if png is None:
        return _svg(_NOTHING, cached_seconds=0, status=404)
    try:
        width, height = picture.size_of(png)
    except InvalidRequest:  # a slip at the console
        return _svg(_NOTHING, cached_seconds=0, status=404)
    is_named = browser.query.get("mark") == mark_of(png)
    content = _SVG.format(width=width, height=height, png=base64.b64encode(png).decode())
    return _svg(content, cached_seconds=_KEPT_SECONDS if is_named else _SEEN_AGAIN_SECONDS)


def _stored(browser: Browser, account: str) -> bytes | None:
    try:
        known = Identity.parse(account=account, login_name="-").account
    except InvalidRequest:
        return None
    return browser.store.accounts.picture(known)


def _svg(content: str, *, cached_seconds: int, status: int = 200) -> Asset:
    return Asset(
        content=content.encode(),
        media_type="image/svg+xml",
        cached_seconds=cached_seconds,
        status=status,
        headers=_SHOWS_ONE_PNG,
    )
