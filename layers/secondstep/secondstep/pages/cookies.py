"""The cookies of the pages. Each has the `__Host-` prefix: Secure, the whole host, no other one (RFC 6265bis 4.1.3.2).

None holds a signed token. What they carry is opaque and read live, or says what the browser itself has asked for.
"""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

BROWSER = "__Host-browser"  # random; every form's anti-forgery token is made of it
CHALLENGE = "__Host-challenge"  # the challenge token between the first and the second step
SESSION = "__Host-session"  # the handle of a browser's session
CLAIMANT = "__Host-claimant"  # account and login name that were typed, to be shown and to be used again
TICKET = "__Host-ticket"  # the short-lived password ticket that a login has answered
PEOPLE = "__Host-people"  # what the console's list was asked for; it holds names, so no address has to
SUBJECT = "__Host-subject"  # whom the console looks at
AUDIT = "__Host-audit"  # what the console's audit was asked for
LANGUAGE = "__Host-language"
AUTHORIZE = "__Host-authorize"  # what an application has asked for, while its user signs in

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def received(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the cookies of a request; one that came twice, and a header that is none, count as absent."""
    many = event.get("multiValueHeaders") or {}
    single = {key: [value] for key, value in (event.get("headers") or {}).items()}
    sent = [value for key, values in (many or single).items() if key.lower() == "cookie" for value in values]
    names = [pair.partition("=")[0].strip() for value in sent for pair in value.split(";")]
    try:
        parsed = {name: each.value for value in sent for name, each in SimpleCookie(value).items()}
    except CookieError:
        return {}
    return {name: value for name, value in parsed.items() if names.count(name) == 1}


def kept(name: str, value: str, *, seconds: int | None = None) -> str:
    """Return the Set-Cookie header of a cookie that stays for some seconds, or until the browser is closed."""
    lasts = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; {_ATTRIBUTES}{lasts}"


def dropped(name: str) -> str:
    """Return the Set-Cookie header that removes a cookie."""
    return kept(name, "", seconds=0)
