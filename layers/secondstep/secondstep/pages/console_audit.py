"""The audit in the console: the account's events, newest first, by event, by day, by login name."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from secondstep.acting import ActingAdmin
from secondstep.audit import EventName
from secondstep.errors import InvalidRequest, ServiceError
from secondstep.flows import directory
from secondstep.pages import console, cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.shapes import EventAnswer, EventsAnswer
from secondstep.subscriber import canonical_login_name

_BACK = "admin/audit"
_SHOWN = 25
_DAY_SECONDS = 24 * 60 * 60
_FILTERS = ("login_name", "event", "since", "until", "cursor")
_NEVER_AN_ACCOUNTS = {EventName.SIGNING_KEY_ROTATED}
_EVENTS = tuple(each.value for each in EventName if each not in _NEVER_AN_ACCOUNTS)


def show(browser: Browser) -> Answer:
    """Show the events as this browser has asked for them."""
    return console.enter(browser, _page, back_to=_BACK)


def submit(browser: Browser) -> Answer:
    """Filter, turn the page, or show all."""
    act = {"filter": _filter, "all": _show_all}.get(browser.form.get("do", ""))
    if act is None:
        raise InvalidRequest("names no action", field="do")
    return console.enter(browser, act, back_to=_BACK)


def _filter(browser: Browser, actor: ActingAdmin) -> Answer:
    wanted = {name: browser.form.get(name, "").strip() for name in _FILTERS}
    try:
        wanted["login_name"] = wanted["login_name"] and canonical_login_name(wanted["login_name"])
        _period(wanted)
    except InvalidRequest as refused:
        return _page(browser, actor, refused)
    return GoTo("admin/audit", (console.asking(cookies.AUDIT, **wanted),))


def _show_all(_browser: Browser, _actor: ActingAdmin) -> Answer:
    return GoTo("admin/audit", (cookies.dropped(cookies.AUDIT),))


def _page(browser: Browser, actor: ActingAdmin, refused: ServiceError | None = None) -> Page:
    wanted = console.asked(browser, cookies.AUDIT)
    try:
        found = _found(browser, actor, wanted)
    except InvalidRequest:  # of another admin, or outdated
        wanted, found = {}, _found(browser, actor, {})
    typed = browser.form if refused else wanted
    shows = {
        "wanted": {name: typed.get(name, "") for name in _FILTERS},
        "events": [{"it": each, "changes": list(_changes(each))} for each in found.events],
        "cursor": found.cursor,
        "names": _EVENTS,
    }
    return console.page(browser, actor, "console_audit", shows, refused)


def _found(browser: Browser, actor: ActingAdmin, wanted: Mapping[str, str]) -> EventsAnswer:
    since, until = _period(wanted)
    event = wanted.get("event", "")
    return directory.events(
        actor,
        login_name=wanted.get("login_name") or None,
        since=since,
        until=until,
        event=event if event in _EVENTS else None,
        cursor=wanted.get("cursor") or None,
        limit=_SHOWN,
        store=browser.store,
    )


def _period(wanted: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the first and the last second of the days that were named (UTC), both included."""
    since, until = _midnight(wanted, "since"), _midnight(wanted, "until")
    return since, None if until is None else until + _DAY_SECONDS - 1


def _midnight(wanted: Mapping[str, str], field: str) -> int | None:
    text = wanted.get(field, "")
    if not text:
        return None
    try:
        moment = int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError as wrong:
        raise InvalidRequest("is no day", field=field) from wrong
    return max(0, moment)


def _changes(event: EventAnswer) -> Iterator[tuple[str, str | None, str]]:
    """Yield what an event has changed: name, old value, new value; whatever else it tells changed nothing (None)."""
    if event.detail is UNSET:
        return
    told = {name: value if isinstance(value, dict) else {} for name, value in event.detail.items()}
    old, new = told.pop("old", {}), told.pop("new", {})
    for name in dict.fromkeys((*old, *new)):
        yield name, _text(old.get(name)), _text(new.get(name))
    for name in told:
        yield name, None, _text(event.detail[name])


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
