"""The policy in the console: every value in force, where it comes from, and a form that replaces it.

A value that equals the default and was not the account's own decision is left out, so that it stays the default.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from secondstep.account import App, Application, Policy
from secondstep.acting import PRIVILEGE_MAX_AGE_SECONDS, ActingAdmin
from secondstep.errors import InvalidRequest, PreconditionFailed, ServiceError
from secondstep.flows import policy
from secondstep.pages import colour, console, fields
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.fields import WrongFields
from secondstep.shapes import PolicyAnswer, PolicyRequest

_BACK = "admin/policy"
_TEXTS = ("display_name", "otp_issuer", "help_text")  # empty: the default
_SWITCHES = ("mfa_required", "apps_required")
_CHOICES = ("enrollment_ticket", "accent_colour")
_NUMBERS = ("tolerance_steps", "session_hours", "idle_minutes", "max_authenticators", "invitation_hours")
_LISTS: Mapping[str, type[App | Application]] = {"apps": App, "applications": Application}
_MOST_ROWS = 10
_DEFAULTS: Mapping[str, Any] = msgspec.json.decode(msgspec.json.encode(Policy()))


def show(browser: Browser) -> Answer:
    """Show the policy in force, in a form."""
    return console.enter(browser, _page, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Replace the policy that the form was made from."""
    browser.form.get("do")  # a forged form is refused before anything is read
    return console.enter(browser, _replace, back_to=_BACK)


def _replace(browser: Browser, actor: ActingAdmin) -> Answer:
    now, _ = policy.explain(actor.account, store=browser.store)
    typed = _typed(browser.form)
    try:
        wanted = fields.read(PolicyRequest, _decided(typed, now, browser.form))
        policy.replace(wanted, browser.form.get("etag"), actor, store=browser.store, context=browser.context)
    except (InvalidRequest, PreconditionFailed) as refused:
        return _page(browser, actor, typed, refused)
    return GoTo("admin/policy?done=saved")


def _typed(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form says, in the shape of the policy; a number that is none stays the text it is."""
    return {
        **{name: form.get(name, "").strip().replace("\r\n", "\n") for name in (*_TEXTS, *_CHOICES)},
        **{name: form.get(name) == "yes" for name in _SWITCHES},
        **{name: _number(form.get(name, "").strip()) for name in _NUMBERS},
        "apps": _rows(form, "app", App),
        "applications": [
            {**each, "redirect_uris": each["redirect_uris"].split()} for each in _rows(form, "application", Application)
        ],
    }


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else text


def _rows(form: Mapping[str, str], prefix: str, of: type[App | Application]) -> list[dict[str, str]]:
    """Return the rows of a list that were filled in; one that is empty throughout is a row that was taken away."""
    rows = [
        {name: form.get(f"{prefix}-{row}-{name}", "").strip() for name in of.__struct_fields__}
        for row in range(_MOST_ROWS + 1)
    ]
    return [each for each in rows if any(each.values())]


def _decided(typed: Mapping[str, Any], now: PolicyAnswer, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that the account decides itself: those that differ, and those that it has decided before."""
    kept = {
        name
        for name, origin in now.origin.items()
        if origin == "account" and name not in _TEXTS and form.get(f"default-{name}") != "yes"
    }
    given_up = {name for name in now.origin if form.get(f"default-{name}") == "yes"}
    return {
        name: value
        for name, value in typed.items()
        if name not in given_up and (name in kept or value != _DEFAULTS[name])
    }


def _page(
    browser: Browser,
    actor: ActingAdmin,
    typed: Mapping[str, Any] | None = None,
    refused: ServiceError | None = None,
) -> Page:
    now, etag = policy.explain(actor.account, store=browser.store)
    shown = dict(typed or _in_force(now))
    accent = now.policy.accent_colour
    papers = {"light": colour.LIGHT_PAPER, "dark": colour.DARK_PAPER}
    shows = {
        "typed": shown | {name: _with_an_empty_row(shown[name], of) for name, of in _LISTS.items()},
        "in_force": now.policy,
        "origin": now.origin,
        "etag": browser.form["etag"] if typed and "etag" in browser.form else etag,
        "wrong": _wrong(refused),
        "is_stale": browser.context.now - actor.auth_time > PRIVILEGE_MAX_AGE_SECONDS,
        "adapted_on": [name for name, paper in papers.items() if not colour.is_seen_on(accent, paper)],
    }
    return console.page(browser, actor, "console_policy", shows, refused)


def _wrong(refused: ServiceError | None) -> frozenset[str]:
    if isinstance(refused, WrongFields):
        return refused.fields
    return frozenset({refused.field}) if isinstance(refused, InvalidRequest) else frozenset()


def _in_force(now: PolicyAnswer) -> dict[str, Any]:
    """Return the policy as the form shows it: a text that follows from others is left empty."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(now.policy))
    return values | {name: "" for name in _TEXTS if now.origin[name] == "default"}


def _with_an_empty_row(rows: list[dict[str, Any]], of: type[App | Application]) -> list[dict[str, Any]]:
    return rows if len(rows) >= _MOST_ROWS else [*rows, dict.fromkeys(of.__struct_fields__, "")]
