"""The pages' routes as data: which there are, and whose function answers them. No part of the contract for programs."""

from typing import Literal

import msgspec


class PageRoute(msgspec.Struct, frozen=True):
    """A page's route: answered with HTML, or with what a page needs."""

    method: Literal["GET", "POST"]
    path: str
    function: str


def _page(path: str, function: str) -> tuple[PageRoute, PageRoute]:
    return PageRoute("GET", path, function), PageRoute("POST", path, function)


ROOT, ENTRANCE = PageRoute("GET", "/", "login"), PageRoute("GET", "/ui", "login")  # what people type by hand
SHOW_LOGIN, SUBMIT_LOGIN = _page("/ui/login", "login")
SHOW_PASSWORD, SUBMIT_PASSWORD = _page("/ui/password", "password")
SHOW_ENROLL, SUBMIT_ENROLL = _page("/ui/enroll", "enroll")
SHOW_VERIFY, SUBMIT_VERIFY = _page("/ui/verify", "verify")
SHOW_RECOVER, SUBMIT_RECOVER = _page("/ui/recover", "verify")
SUBMIT_SAVED = PageRoute("POST", "/ui/saved", "verify")
SHOW_STEP_UP, SUBMIT_STEP_UP = _page("/ui/step-up", "verify")
SHOW_ADD, SUBMIT_ADD = _page("/ui/add", "enroll")
SHOW_CHANGE_PASSWORD, SUBMIT_CHANGE_PASSWORD = _page("/ui/change-password", "password")
SHOW_ACCOUNT, SUBMIT_ACCOUNT = _page("/ui/account", "me")
AUTHORIZE = PageRoute("GET", "/authorize", "refresh")  # where an application sends its users
CONTINUE = PageRoute("GET", "/ui/continue", "refresh")  # and where their sign-in leads back to
SHOW_PEOPLE, SUBMIT_PEOPLE = _page("/ui/admin", "admin")
SHOW_SUBSCRIBER, SUBMIT_SUBSCRIBER = _page("/ui/admin/subscriber", "admin")
SHOW_RESET, SUBMIT_RESET = _page("/ui/admin/reset", "reset")
SHOW_POLICY, SUBMIT_POLICY = _page("/ui/admin/policy", "admin")
SHOW_LOGO, SUBMIT_LOGO = _page("/ui/admin/logo", "admin")
SHOW_AUDIT, SUBMIT_AUDIT = _page("/ui/admin/audit", "admin")
COLOURS = PageRoute("GET", "/ui/account.css", "login")
LOGO = PageRoute("GET", "/ui/logo", "login")
STYLESHEET = PageRoute("GET", "/ui/style.css", "published")
SCRIPT = PageRoute("GET", "/ui/script.js", "published")

PAGES = (
    ROOT,
    ENTRANCE,
    SHOW_LOGIN,
    SUBMIT_LOGIN,
    SHOW_PASSWORD,
    SUBMIT_PASSWORD,
    SHOW_ENROLL,
    SUBMIT_ENROLL,
    SHOW_VERIFY,
    SUBMIT_VERIFY,
    SHOW_RECOVER,
    SUBMIT_RECOVER,
    SUBMIT_SAVED,
    SHOW_STEP_UP,
    SUBMIT_STEP_UP,
    SHOW_ADD,
    SUBMIT_ADD,
    SHOW_CHANGE_PASSWORD,
    SUBMIT_CHANGE_PASSWORD,
    SHOW_ACCOUNT,
    SUBMIT_ACCOUNT,
    AUTHORIZE,
    CONTINUE,
    SHOW_PEOPLE,
    SUBMIT_PEOPLE,
    SHOW_SUBSCRIBER,
    SUBMIT_SUBSCRIBER,
    SHOW_RESET,
    SUBMIT_RESET,
    SHOW_POLICY,
    SUBMIT_POLICY,
    SHOW_LOGO,
    SUBMIT_LOGO,
    SHOW_AUDIT,
    SUBMIT_AUDIT,
    COLOURS,
    LOGO,
    STYLESHEET,
    SCRIPT,
)

TAKE_A_FILE = frozenset({SUBMIT_LOGO.path})  # forms that may come as multipart/form-data
