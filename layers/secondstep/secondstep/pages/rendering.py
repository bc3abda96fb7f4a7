"""From a page to its HTML: Jinja2 with autoescape, sentences in the language asked for, no inline script or style."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from secondstep.account import Policy
from secondstep.pages.answer import Page
from secondstep.pages.browser import Browser
from secondstep.pages.language import LANGUAGES, Language, catalogue
from secondstep.site_map import PAGES

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_TEMPLATES = Path(__file__).parent / "templates"
_SHOWN = {each.path for each in PAGES if each.method == "GET"}
_KEPT = ("account", "then")  # what an address may say of a page
_MINUTE, _HOUR, _DAY = 60, 60 * 60, 24 * 60 * 60


def render(page: Page, browser: Browser) -> str:
    """Return the HTML of a page, in the browser's language and the account's colours."""
    policy, logo = _branding(page.account, browser)
    template = _environment(browser.language).get_template(f"{page.template}.html")
    return template.render(
        {
            "account": page.account,
            "brand": (policy.display_name or page.account) if page.account else "Secondstep",
            "help_text": policy.help_text,
            "idle_minutes": policy.idle_minutes,
            "logo": logo,
            "csrf": browser.csrf,
            "language": browser.language,
            "languages": LANGUAGES,
            "elsewhere": _in_other_languages(page, browser),
            "now": browser.context.now,
            "ui": f"{browser.prefix}/ui",
            **page.shows,
        }
    )


def _in_other_languages(page: Page, browser: Browser) -> list[tuple[Language, str]]:
    """Return each language with the address that shows the page in it, and keeps what the page stands for.

    None for what is shown once, such as a ticket, and none for the answer to a form at an address that shows no page.
    """
    if not page.is_shown_again or browser.event["resource"] not in _SHOWN:
        return []
    kept = {name: page.shows[name] for name in _KEPT if page.shows.get(name)}
    return [(each, f"?{urlencode({**kept, 'ui_locales': each.tag})}") for each in LANGUAGES]


def _branding(account: str, browser: Browser) -> tuple[Policy, str]:
    """Return the account's policy and the mark of its picture: one read, and none where they are held."""
    accounts, now = browser.store.accounts, browser.context.now
    return (accounts.policy(account, now), accounts.logo(account, now)) if account else (Policy(), "")


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    sentences = catalogue(language)
    environment.install_gettext_translations(sentences, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "when": lambda moment, now: _when(sentences, int(moment), int(now)),
        "grouped": lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4)),
        "utc": _utc,
        "clock": _clock,
    }
    return environment


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _clock(moment: int) -> Markup:
    """Return a time of today. The script says it in the reader's own zone, which only the browser knows."""
    at = datetime.fromtimestamp(moment, UTC)
    return Markup('<time datetime="{}" data-clock>{}</time>').format(at.isoformat(), at.strftime("%H:%M UTC"))


def _when(sentences: Any, moment: int, now: int) -> Markup:
    """Return a moment as people say it, with the exact time beside it for who wants to know."""
    words = _distance(sentences, abs(now - moment), is_past=moment <= now)
    iso = datetime.fromtimestamp(moment, UTC).isoformat()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, _utc(moment), words)


def _distance(sentences: Any, seconds: int, *, is_past: bool) -> str:
    if seconds < _MINUTE:
        return str(sentences.gettext("just now") if is_past else sentences.gettext("in a moment"))
    if seconds < _HOUR:
        return _counted(sentences, seconds // _MINUTE, _AGO_MINUTES if is_past else _IN_MINUTES)
    if seconds < 2 * _DAY:
        return _counted(sentences, seconds // _HOUR, _AGO_HOURS if is_past else _IN_HOURS)
    return _counted(sentences, seconds // _DAY, _AGO_DAYS if is_past else _IN_DAYS)


def N_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - the name by which Babel finds what is said later
    """Mark a sentence that is said in the singular or the plural."""
    return one, many


_AGO_MINUTES = N_("%(num)d minute ago", "%(num)d minutes ago")
_AGO_HOURS = N_("%(num)d hour ago", "%(num)d hours ago")
_AGO_DAYS = N_("%(num)d day ago", "%(num)d days ago")
_IN_MINUTES = N_("in %(num)d minute", "in %(num)d minutes")
_IN_HOURS = N_("in %(num)d hour", "in %(num)d hours")
_IN_DAYS = N_("in %(num)d day", "in %(num)d days")


def _counted(sentences: Any, count: int, wording: tuple[str, str]) -> str:
    return str(sentences.ngettext(*wording, count)) % {"num": count}


def shown_error(error: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return an error as the templates expect it, whether there is one or not."""
    return {"code": "", "field": ""} | dict(error or {})
