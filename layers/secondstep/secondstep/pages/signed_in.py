"""The step from a finished login to a browser's session, and where it leads."""

from secondstep.pages import cookies
from secondstep.pages.browser import Browser
from secondstep.session import Login

_OF_A_PERSON = (
    cookies.SESSION,
    cookies.CHALLENGE,
    cookies.TICKET,
    cookies.CLAIMANT,
    cookies.AUTHORIZE,
    cookies.PEOPLE,
    cookies.SUBJECT,
    cookies.AUDIT,
)


def entered(login: Login) -> tuple[str, ...]:
    """Return the cookies of a browser that has just been let in: the session's handle, and nothing of the way there.

    The handle lives as long as the browser is open; the session itself ends by its own time.
    """
    return (
        cookies.kept(cookies.SESSION, login.handle),
        cookies.dropped(cookies.CHALLENGE),
        cookies.dropped(cookies.TICKET),
    )


def destination(browser: Browser) -> str:
    """Return the page that a finished sign-in, or a fresh proof, leads to.

    Back to the application that has asked for it, where one has.
    """
    return "continue" if cookies.AUTHORIZE in browser.cookies else "account"


def left() -> tuple[str, ...]:
    """Return the cookies of a browser that has signed out."""
    return tuple(cookies.dropped(name) for name in _OF_A_PERSON)
