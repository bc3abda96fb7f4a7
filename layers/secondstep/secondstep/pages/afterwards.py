"""Where a browser goes once it has proven again who it is: a page of ours by its name, never an address."""

from secondstep.pages.browser import Browser

_CONSOLE = frozenset({"admin", "admin/subscriber", "admin/reset", "admin/policy", "admin/logo", "admin/audit"})
_PAGES = frozenset({"account", "continue"}) | _CONSOLE


def asked_for(browser: Browser) -> str:
    """Return the page that the step-up page was reached from."""
    return _known(browser.query.get("then", ""))


def typed(browser: Browser) -> str:
    """Return the page that the step-up form carries."""
    return _known(browser.form.get("then", ""))


def _known(page: str) -> str:
    return page if page in _PAGES else "account"
