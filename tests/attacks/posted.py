"""A page's request as an attempt: what a browser sends from where it is, and what is true of a page that refuses."""

from typing import Any, NamedTuple

from secondstep.contract import FORM, Route
from secondstep.errors import ServiceError
from secondstep.pages import cookies
from secondstep.site_map import PageRoute
from tests.attacks.raw import assert_is_problem
from tests.browsing import Browser
from tests.service import Person, Reply, Service


class Posted(NamedTuple):
    """A request of a browser that will succeed with `status`, and whose browser it is."""

    page: PageRoute
    person: Person
    browser: Browser
    body: dict[str, Any]
    status: int = 303
    query: str = ""
    token: str | None = None
    picture: bytes = b""

    @property
    def route(self) -> Route:
        """Return the page's route as the matrices read one."""
        page = self.page
        is_admins = page.path.startswith("/ui/admin")
        return Route(
            method=page.method,
            path=page.path,
            function=page.function,
            summary="",
            media_type=FORM,
            status=self.status,
            bearer="admin" if is_admins else "none",
            refusals=tuple(_refusals(ServiceError)),
        )

    def send(self, service: Service) -> Reply:
        """Send it, without going where the answer leads."""
        fields = self.body if self.page.method == "POST" else None
        answer = self.browser._ask(self.page.method, self.page.path + self.query, fields, {})
        told = answer.get_json(silent=True) or {"page": self.browser.html}
        return Reply(answer.status_code, told if answer.status_code >= 400 else {}, answer.headers)


def _refusals(kind: type[ServiceError]) -> list[type[ServiceError]]:
    return [each for one in kind.__subclasses__() for each in (one, *_refusals(one))]


def assert_page_refuses(reply: Reply, *codes: str) -> None:
    """Assert that a page has the status of one of these refusals, and gives nobody a session."""
    known = {each.code: each.status for each in _refusals(ServiceError)}
    assert reply.status in {known[code] for code in codes}, (reply.status, reply.body)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    kept = [each for each in reply.headers.getlist("Set-Cookie") if "Max-Age=0" not in each]
    assert not [each for each in kept if each.startswith((cookies.SESSION, cookies.CHALLENGE, cookies.TICKET))], kept


def assert_console_refuses(reply: Reply, *codes: str) -> None:
    """Assert what a page of the console refuses with; its authorizer, if that fails, has no page to do it with."""
    if reply.status == 503 and "page" not in reply.body:
        assert_is_problem(reply, *codes)
    else:
        assert_page_refuses(reply, *codes)


def is_page_refused(reply: Reply) -> bool:
    """Tell whether a page did not do it: it says so, or leads back to the list, the password or a fresh proof."""
    led_to = reply.headers.get("Location", "")
    return reply.status >= 400 or "done=gone" in led_to or led_to.endswith(("/ui/login", "/ui/step-up"))
