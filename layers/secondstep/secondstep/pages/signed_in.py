"""The step from a finished login to a browser's session."""

from secondstep.pages import cookies
from secondstep.session import Login


def entered(login: Login) -> tuple[str, ...]:
    """Return the cookies of a browser that has just been let in: the session's handle, and nothing of the way there.

    The handle lives as long as the browser is open; the session itself ends by its own time.
    """
    return (
        cookies.kept(cookies.SESSION, login.handle),
        cookies.dropped(cookies.CHALLENGE),
        cookies.dropped(cookies.TICKET),
    )


def left() -> tuple[str, ...]:
    """Return the cookies of a browser that has signed out."""
    return tuple(
        cookies.dropped(name) for name in (cookies.SESSION, cookies.CHALLENGE, cookies.TICKET, cookies.CLAIMANT)
    )
